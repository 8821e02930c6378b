"""Make an optimizer of a name and parameters."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..arguments import spelled
from ..optimizer import Optimizer, Parameters
from ..optimizers import in_backward
from .lookup import Meaning, find
from .model_groups import groups_of
from .row import with_the_lr


def create(name: str, params: Parameters | nn.Module, **options: Any) -> Optimizer:
    """Make an optimizer by its name: this library's, or what another library calls it, as "adamw_bnb_8bit".

    `params` are parameters or groups of them, as everywhere; or a whole model, whose biases and norms (all parameters
    of fewer than two dimensions) then do not decay, as Transformers and timm have it, and whose names tell Muon and its
    relatives what is theirs. `options` are those of the class, in its own words, and come before those that the name
    stands for. A library before the name says whose it is: "timm.adafactor"; `docs/names.md` has all of them.

    Raises ValueError for a name that is unknown, ambiguous, or cannot be had here, and what the class raises.
    """
    return made(find(name), params, options)


def made(meaning: Meaning, params: Parameters | nn.Module, options: dict[str, Any]) -> Optimizer:
    """Make what a name means."""
    kind, given = meaning.kind, complete(meaning, options)
    steps_in_backward = meaning.row is not None and meaning.row.is_in_backward
    if not isinstance(params, nn.Module):
        if steps_in_backward:
            raise ValueError(
                f"{meaning.name} steps while the backward pass goes on, by hooks on the model: pass the model itself "
                "in place of its parameters"
            )
        return kind(params, **given)
    optimizer = kind(groups_of(params, kind), **given)
    if steps_in_backward:
        in_backward(params, optimizer)
    return optimizer


def complete(meaning: Meaning, options: dict[str, Any]) -> dict[str, Any]:
    """Put the options that are given over those that a name stands for."""
    with_lr = meaning.row.with_lr if meaning.row and "lr" in options else {}
    given = {**meaning.options, **with_lr, **spelled(meaning.kind, options)}
    return with_the_lr(given, given.get("lr", meaning.kind.options["lr"].default))
