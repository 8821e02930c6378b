"""Other libraries' optimizers of the same rule, as far as they are installed, and what makes them do the same work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from measuring.traffic import options_of
from torch import Tensor

from thalweg import GaLore
from thalweg.optimizer import Optimizer
from thalweg.optimizers.wrappers.low_rank import LowRank

OTHERS_CALL_IT = {"psgdkron": "kron"}
THEIR_OPTIONS: dict[str, dict[str, Any]] = {
    "PID": {"momentum": 0.9},
    "kron_torch": {"preconditioner_update_probability": 1.0},
}
"""What makes others' rules do the work of ours, by our rule's name or their library's: by default, theirs called PID is
gradient descent. kron_torch and we both move the factors in each of the first 500 steps; told so, it draws no lots."""
FIRST_STEPS = 11
"""Steps before others are measured: their AdaShift changes no parameter until it has ten gradients."""

Step = Callable[[], object]


def theirs(cls: type[Optimizer]) -> Iterator[tuple[str, Any]]:
    """Find the classes of the same name in other libraries."""
    name = OTHERS_CALL_IT.get(cls.__name__.lower(), cls.__name__.lower())
    known = {"torch": {key.lower(): getattr(torch.optim, key) for key in torch.optim.__all__ if key[0].isupper()}}
    if find_spec("pytorch_optimizer"):
        known["pytorch_optimizer"] = import_module("pytorch_optimizer.optimizer").OPTIMIZERS
    if find_spec("kron_torch") and find_spec("opt_einsum"):
        # Without opt_einsum, its products of five matrices begin with an outer one, for which no memory is enough.
        known["kron_torch"] = {"kron": import_module("kron_torch").Kron}
    if find_spec("schedulefree"):
        # Theirs are called the other way round: AdamWScheduleFree.
        classes = vars(import_module("schedulefree")).items()
        known["schedulefree"] = {
            "schedulefree" + key.lower().removesuffix("schedulefree"): kind for key, kind in classes
        }
    yield from ((library, classes[name]) for library, classes in known.items() if name in classes)


def peers(cls: type[Optimizer], params: list[Tensor]) -> dict[str, Step]:
    """Make the steps of others; what cannot be made from parameters and a rate alone is left out."""
    steps: dict[str, Step] = {}
    for library, kind in theirs(cls):
        try:
            given = THEIR_OPTIONS.get(library, {}) | THEIR_OPTIONS.get(cls.__name__, {})
            optimizer = kind(params, **options_of(cls) | {"lr": 1e-3} | given)
            if hasattr(optimizer, "train"):
                optimizer.train()
            for _ in range(FIRST_STEPS):
                optimizer.step()
        except Exception as error:
            print(f"{library}'s {kind.__name__}: {error!r}"[:160], file=sys.stderr)
        else:
            steps[library] = optimizer.step
    return steps


def peers_of_low_rank(cls: type[LowRank], params: list[Tensor], rank: int) -> dict[str, Step]:
    """Make the step of GaLore's authors, if their package can be imported, with the options that they recommend."""
    if cls is not GaLore or not find_spec("galore_torch"):
        return {}
    try:
        kind = import_module("galore_torch.adamw").AdamW
    except ImportError as error:
        print(f"galore_torch: {error!r}"[:160], file=sys.stderr)
        return {}
    group = {"rank": rank, "update_proj_gap": 200, "scale": 0.25, "proj_type": "std"}
    low = [param for param in params if param.dim() == 2]
    others = [param for param in params if param.dim() != 2]
    optimizer = kind([{"params": low, **group}, {"params": others}], no_deprecation_warning=True)
    optimizer.step()
    return {"galore_torch": optimizer.step}
