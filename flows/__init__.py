"""How a file becomes a run."""
