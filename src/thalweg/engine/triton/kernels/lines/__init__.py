"""Passes that speak of rows and columns, as kernels for GPUs."""
