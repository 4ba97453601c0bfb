"""What can be done to frames: one module a subject."""
