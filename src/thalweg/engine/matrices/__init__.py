"""Functions of whole matrices, between two passes."""
