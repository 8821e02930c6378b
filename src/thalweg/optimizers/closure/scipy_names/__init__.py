"""What SciPy calls things: options that are read in its words, and fields that answers have."""
