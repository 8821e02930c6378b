"""Looking at tensors where torch keeps what it knows of them: whether they are what they were, and their gradients."""
