"""Kernels for GPUs, through Triton: one launch for the tensors of all groups."""
