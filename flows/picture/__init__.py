"""A pipeline's graph for the eye: what each step takes and yields, and where it comes from."""
