"""What is kept beside a parameter belongs to the number that it was made for.

Where somebody else has written the parameter since the last step, as a mask or a reset does, it is dropped. What has
just been loaded is believed to belong to what is there, in whatever order model and optimizer are loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...distributed.local_parameter import bearer
from ...state.formats.keeping import BESIDE

Residue: TypeAlias = tuple[Tensor, Tensor]
"""A parameter, and what is kept beside it."""


def residues(pairs: Iterable[tuple[Tensor, Mapping[str, Any]]]) -> list[Residue]:
    """Find them among parameters and their states; a tensor made for inference does not count who writes it."""
    found = ((param, state[name]) for param, state in pairs for name in BESIDE if isinstance(state.get(name), Tensor))
    return [(param, residue) for param, residue in found if not param.is_inference()]


@torch.no_grad()
def drop(optimizer: Any, found: Iterable[Residue]) -> None:
    """Drop those whose parameters somebody else has written."""
    versions = optimizer._versions
    for param, residue in found:
        if versions.get(id(param), version(param)) != version(param):
            residue.zero_()


def note(optimizer: Any, found: Iterable[Residue]) -> None:
    """Note that they belong to what their parameters are now."""
    for param, _ in found:
        optimizer._versions[id(param)] = version(param)


def version(param: Tensor) -> int:
    """Count how often a parameter was written: a sharded one has a count for all of it, and one for its part here."""
    whole = bearer(param)
    return param._version if whole is param else int(whole._version + whole._local_tensor._version)
