"""The versions that matter in a report."""

import torch

from ... import __version__


def versions() -> str:
    """Name this library's version, and torch's."""
    return f"thalweg {__version__}, torch {torch.__version__}"
