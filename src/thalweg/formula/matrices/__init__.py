"""What is done to whole matrices, on torch's tensors."""
