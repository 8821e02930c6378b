"""How Triton is told to round each operation once."""

from typing import Any

import torch


def exact(device: torch.device) -> dict[str, Any]:
    """Say how to compile for a device."""
    return contracts_nothing(device.type == "cuda" and torch.version.hip is None)


def contracts_nothing(is_nvidia: bool) -> dict[str, Any]:
    """Have each operation rounded once; on NVIDIA's devices, keep denormal numbers."""
    return {"enable_fp_fusion": False} | ({"enable_reflect_ftz": False} if is_nvidia else {})
