"""Kernels for GPUs, through Triton: one launch for the tensors of all groups.

Files that are called as one of `llvm` are the same stage, in another language.
"""
