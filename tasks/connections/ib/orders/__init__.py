"""Orders: what they are, what the desk allows, what became of each, and how none is sent twice."""
