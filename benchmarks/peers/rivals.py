"""Other libraries' AdamW, as far as they are installed: by what it is compared with, and by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from torch import Tensor

Make = Callable[[list[Tensor]], Callable[[], object]]


def step_of(module: str, name: str, **options: Any) -> Make:
    """Make the step of a class that is imported when it is used."""
    return lambda params: getattr(import_module(module), name)(params, lr=1e-3, **options).step


KNOWN = {
    "float32": {
        "apex": step_of("apex.optimizers", "FusedAdam"),
        "optimi": step_of("optimi", "AdamW", triton=True),
        "bitsandbytes": step_of("bitsandbytes.optim", "AdamW"),
    },
    "bfloat16, rounded at random": {
        "torchao": step_of("torchao.optim", "_AdamW", bf16_stochastic_round=True),
    },
    "8-bit states": {
        "bitsandbytes": step_of("bitsandbytes.optim", "AdamW8bit"),
        "torchao": step_of("torchao.optim", "AdamW8bit"),
    },
}

RIVALS = {
    what: {name: make for name, make in makes.items() if find_spec(name) is not None} for what, makes in KNOWN.items()
}
