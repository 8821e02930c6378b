"""A run as a checkpoint holds it."""
