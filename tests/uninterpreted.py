"""Imported before Triton where kernels are compiled for a GPU: what its interpreter was told cannot be undone."""

import os

os.environ.pop("TRITON_INTERPRET", None)
