"""Products of symmetric matrices, of which one half is computed."""
