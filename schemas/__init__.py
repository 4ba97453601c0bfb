"""What a frame is: one pandera model a kind of frame, with its key columns."""
