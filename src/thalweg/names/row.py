"""A row of the table: what another library calls an optimizer, and what that is here."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import optimizers
from ..definition.arguments import defaults_of
from ..optimizer import Optimizer, registry

THE_LR = "the lr"
"""Stands in a row for the learning rate that is given, where an option starts as that."""


@dataclass(frozen=True)
class Row:
    """A name in a library, the class that it is here, and the options that make it so."""

    library: str
    name: str
    kind: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    differs: str = ""
    """In what its steps differ from the original's, as a clause; empty where they do not."""
    note: str = ""
    """What else is different, as where states lie."""
    instead: str = ""
    """Why the name cannot be had, and what to do, as a clause; empty where it can."""
    with_lr: Mapping[str, Any] = field(default_factory=dict)
    """The options besides, where a learning rate is given."""
    around: str = ""
    """The class that is put around `kind`, as GaLore is put around AdamW; options of both stand together."""
    is_in_backward: bool = False
    """True if it steps while the backward pass goes on, by hooks on a model."""

    @property
    def spelling(self) -> str:
        """The name with its library before it, which no other library's can be taken for."""
        return f"{self.library}.{self.name}"

    def owner(self) -> type[Optimizer] | None:
        """Find the class, which may be of a later version than this table."""
        return registry.get(self.kind) or getattr(optimizers, self.kind, None)

    def wrapper(self) -> Any:
        """Find the class that is put around the rule; None if there is none."""
        return getattr(optimizers, self.around, None) if self.around else None

    def missing(self) -> str:
        """Say, as a clause, what this library lacks for the name; empty where it lacks nothing."""
        owner, wrapper = self.owner(), self.wrapper()
        if owner is None or (self.around and wrapper is None):
            return f"this library has no {self.around or self.kind} yet"
        try:
            defaults_of(owner, (), without(wrapper, with_the_lr(self.options, 0.1)))
        except (TypeError, ValueError) as error:
            return str(error)
        return ""

    def makes(self, given: Container[str] = ()) -> tuple[Any, ...]:
        """Tell what is made of the name, apart from options that are given: equal for names that mean the same."""
        owner = self.owner()
        defaults = {name: option.default for name, option in owner.options.items()} if owner else {}
        options = {name: value for name, value in {**defaults, **self.options}.items() if name not in given}
        return self.kind, self.around, self.is_in_backward, options

    def is_served(self) -> bool:
        """Tell if an optimizer can be made of the name."""
        return not self.instead and not self.missing()


def without(wrapper: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the options of what is put around a rule."""
    return {name: value for name, value in options.items() if wrapper is None or name not in wrapper.options}


def with_the_lr(options: Mapping[str, Any], rate: Any) -> dict[str, Any]:
    """Put a learning rate where the options of a row ask for it."""
    return {name: rate if value == THE_LR else value for name, value in options.items()}
