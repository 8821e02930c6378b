"""Imported before Triton where kernels are compiled for a GPU: what was decided for its interpreter cannot be undone."""

import os

os.environ.pop("TRITON_INTERPRET", None)
