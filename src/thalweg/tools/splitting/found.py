"""The parameters of a model, each with its names and the modules that it is in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...described import kind_of
from ...optimizers.routing.fitness import WRAPPERS, bare
from ...state.names import HAS_NONE, NEEDS_SHAPES


@dataclass(frozen=True)
class Found:
    """One parameter."""

    name: str
    """As `model.named_parameters()` has it."""
    names: tuple[str, ...]
    """Every name that it has, as a tied one has several."""
    param: Tensor
    modules: tuple[nn.Module, ...]
    """The modules that it is in, the outermost first."""

    @property
    def bare_name(self) -> str:
        """The first name, without what is put around a model."""
        return bare(self.names[0])


def parameters_of(model: Any) -> list[Found]:
    """List the parameters of a module, or of pairs of name and parameter; raises TypeError or ValueError for others."""
    all_found = _of_module(model) if isinstance(model, nn.Module) else _of_pairs(model)
    for found in all_found:
        if nn.parameter.is_lazy(found.param):
            raise ValueError(f"split {NEEDS_SHAPES}, but parameter {found.name!r} {HAS_NONE}")
    return all_found


def _of_pairs(model: Any) -> list[Found]:
    """Take what stands under several names once."""
    pairs = list(model) if isinstance(model, Iterable) and not isinstance(model, Tensor | str) else []
    if not pairs or not all(map(_is_pair, pairs)):
        raise TypeError(
            f"split needs a model, or its named_parameters(), but got {kind_of(model)}: names decide what goes where"
        )
    params = {id(param): param for _, param in pairs}
    names = _names(pairs)
    return [Found(of_one[0], of_one, params[place], ()) for place, of_one in names.items()]


def _of_module(model: nn.Module) -> list[Found]:
    names = _names(model.named_parameters(remove_duplicate=False))
    if not names:
        raise ValueError(f"split got a {type(model).__name__} without parameters: there is nothing to put in groups")
    return [
        Found(name, names[id(param)], param, _around(model, names[id(param)]))
        for name, param in model.named_parameters()
    ]


def _names(pairs: Iterable[tuple[str, Tensor]]) -> dict[int, tuple[str, ...]]:
    """Give every name of each parameter, in order."""
    names: dict[int, list[str]] = {}
    for name, param in pairs:
        names.setdefault(id(param), []).append(name)
    return {place: tuple(of_one) for place, of_one in names.items()}


def _around(model: nn.Module, names: Iterable[str]) -> tuple[nn.Module, ...]:
    """Give the modules on the way to a parameter, under each of its names."""
    paths = [name.split(".")[:-1] for name in names]
    return tuple(model.get_submodule(".".join(path[:depth])) for path in paths for depth in range(len(path) + 1))


def asked(model: Any, name: str) -> Any:
    """Find a method of a model's own, also through what is put around a model; None if it has no such."""
    while isinstance(model, nn.Module):
        if callable(own := getattr(model, name, None)):
            return own
        model = next((inner for wrapper in WRAPPERS if (inner := getattr(model, wrapper, None)) is not None), None)
    return None


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], Tensor)
