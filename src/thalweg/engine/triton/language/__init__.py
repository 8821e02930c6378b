"""How Triton is written: names, constants, dtypes, and the functions that kernels call."""
