"""What an optimizer class says in its `update`, read off its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypeAlias

Scalar = Annotated[Any, "one number a parameter"]
"""Marks a state of `update` that is one number for the whole parameter, as `mu: Scalar`."""

Unsigned = Annotated[Any, "never negative"]
"""Marks a state of `update` that is never negative, as a mean of squares is: formats keep it so."""

Copy = Annotated[Any, "starts as the parameter"]
"""Marks a state of `update` that starts as the parameter; it is never kept in a narrow format."""

Values: TypeAlias = dict[str, Any]
"""The parameter, its gradient and its states, by name."""

Update: TypeAlias = Callable[[Any, Values], Values]
"""From a group's numbers and all values to the new parameter and states: what wraps a formula is another of these."""


@dataclass(frozen=True)
class Rule:
    """An optimizer's formula: the function, and what each of its arguments is."""

    owner: Any
    text: Callable[..., Any]
    """The class's own `update`."""
    update: Update
    """What is computed: that, and whatever was put around it."""
    states: tuple[str, ...]
    """The states, in the order of the arguments."""
    scalars: frozenset[str]
    """Those of them that are one number for the whole parameter."""
    unsigned: frozenset[str]
    """Those that are never negative."""
    counts_steps: bool
    """True if each parameter's steps are counted, under the state `step`."""
    wide: frozenset[str] = field(default=frozenset())
    """Those that are kept in the format that is computed in, whatever the parameter's."""
    copies: frozenset[str] = field(default=frozenset())
    """Those that start as the parameter."""

    def __call__(self, group: Group, now: Values) -> Values:
        """Compute the new parameter and states, and what is measured on the way, by name."""
        return self.update(group, now)

    def wrapped(self, wrap: Callable[[Update], Update], **more: Any) -> Rule:
        """Put something around the rule."""
        return replace(self, update=wrap(self.update), **more)


class Group:
    """What `self` is inside `update`: one group's numbers, and the class's own methods."""

    def __init__(self, owner: Any, read: Callable[[str], Any], **numbers: Any) -> None:
        self._owner = owner
        self._read = read
        self.__dict__.update(numbers)

    def __getattr__(self, name: str) -> Any:
        if name in self._owner.options or name in self._owner.learned:
            return self._read(name)
        attribute = inspect.getattr_static(self._owner, name)
        return attribute.__get__(self, self._owner) if hasattr(attribute, "__get__") else attribute

    def having(self, **options: Any) -> Group:
        """Return the same group with some options as given here."""
        changed = Group(self._owner, self._read)
        changed.__dict__.update(self.__dict__ | options)
        return changed


def rule_of(owner: Any) -> Rule:
    """Read the rule of an optimizer class."""
    text: Callable[..., Any] = owner.update
    arguments = list(inspect.signature(text).parameters.values())
    if [argument.name for argument in arguments[1:3]] != ["param", "grad"]:
        raise TypeError(
            f"{owner.__name__}.update must take (self, param, grad, *states), but takes "
            f"({', '.join(argument.name for argument in arguments)})"
        )
    states = arguments[3:]
    names = tuple(state.name for state in states)
    scalars, unsigned, copies = (
        frozenset(state.name for state in states if state.annotation is mark) for mark in (Scalar, Unsigned, Copy)
    )
    update = _by_name(owner, text, names)
    return Rule(owner, text, update, names, scalars, unsigned, owner.counts_steps, wide=copies, copies=copies)


def _by_name(owner: Any, text: Callable[..., Any], states: tuple[str, ...]) -> Update:
    """Turn a formula's arguments and results, which have an order, into values by name."""
    names = ("param", *states, *owner.measures)

    def update(group: Any, now: Values) -> Values:
        returned = text(group, now["param"], now["grad"], *(now[name] for name in states))
        values = returned if isinstance(returned, tuple) else (returned,)
        if len(values) != len(names):
            raise TypeError(
                f"{owner.__name__}.update returned {len(values)} values, but must return {len(names)}: "
                f"{', '.join(names)}"
            )
        return dict(zip(names, values, strict=True))

    return update


def initial_value(rule: Rule, state: str, read: Callable[[str], Any]) -> Any:
    """Return the number that a state starts with: 0, or what the class's `initial_<state>` says."""
    method = getattr(rule.owner, f"initial_{state}", None)
    return method(Group(rule.owner, read)) if method else 0.0
