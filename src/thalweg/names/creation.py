"""Make an optimizer of a name and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

from ..definition.arguments import defaults_of, spelled
from ..optimizer import Parameters
from ..optimizers import in_backward
from .lookup import Meaning, find
from .model_groups import groups_of
from .row import with_the_lr, without
from .spellings import called_here, in_our_words


def create(name: str, params: Parameters | nn.Module, **options: Any) -> Any:
    """Make an optimizer by its name: this library's, or what another library calls it, such as "adamw_bnb_8bit".

    `name` may have its library in front, as "timm.adafactor"; `docs/names.md` and `thalweg list --names` have them all.
    `params` are parameters or groups of them, or a whole model. Of a model, parameters of fewer than two dimensions
    (biases and norms) do not decay, as Transformers and timm have it, and names tell Muon and its relatives which
    matrices are theirs. `options` are those of the class, which may be called as in other libraries (`opt_eps`,
    `adam_beta1`, `weight_decouple`); they take precedence over those that the name stands for.

    Raises ValueError for a name that is unknown, ambiguous, or cannot be had here, and what the class raises.
    """
    return made(find(name, given=called_here(options)), params, options)


def made(meaning: Meaning, params: Any, options: dict[str, Any]) -> Any:
    """Make what a name means."""
    given, is_model = complete(meaning, options), isinstance(params, nn.Module)
    if meaning.is_in_backward and not is_model:
        raise ValueError(
            f"{meaning.name} steps while the backward pass goes on, by hooks on the model: pass the model itself in "
            "place of its parameters"
        )
    maker: Any = meaning.kind if meaning.wrapper is None else partial(meaning.wrapper, rule=meaning.kind)
    optimizer = maker(groups_of(params, meaning, given) if is_model else params, **given)
    if meaning.is_in_backward:
        in_backward(params, optimizer)
    return optimizer


def complete(meaning: Meaning, options: Mapping[str, Any]) -> dict[str, Any]:
    """Put the options that are given over those that a name stands for."""
    options = spelled(meaning.kind, in_our_words(meaning, options))
    with_lr = meaning.row.with_lr if meaning.row and "lr" in options else {}
    given = {**meaning.options, **with_lr, **options}
    return with_the_lr(given, given.get("lr", meaning.kind.options["lr"].default))


def of_the_rule(meaning: Meaning, options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the options of what is put around the rule."""
    return without(meaning.wrapper, complete(meaning, options))


def check(meaning: Meaning, options: Mapping[str, Any]) -> None:
    """Raise TypeError or ValueError for options that the rule, or what is put around it, does not take."""
    given, wrapper = complete(meaning, options), meaning.wrapper
    defaults_of(meaning.kind, (), of_the_rule(meaning, options))
    for name, option in wrapper.options.items() if wrapper is not None else ():
        option.check(given.get(name, option.default), wrapper.__name__)
