"""What the broker's messages say, as plain values: a row is what a callback hands on."""
