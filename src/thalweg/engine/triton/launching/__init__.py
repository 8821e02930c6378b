"""One step's launch: the tables of its tensors and options, and the calls of kernels."""
