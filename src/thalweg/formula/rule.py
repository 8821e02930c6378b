"""What an optimizer class says in its `update`, read off its signature."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, wraps
from typing import Annotated, Any

Scalar = Annotated[Any, "one number a parameter"]
"""Marks a state of `update` that is one number for the whole parameter, as `mu: Scalar`."""


@dataclass(frozen=True)
class Rule:
    """An optimizer's formula: the function, and what each of its arguments is."""

    owner: type
    update: Callable[..., Any]
    states: tuple[str, ...]
    """The states, in the order of the arguments."""
    scalars: frozenset[str]
    """Those of them that are one number for the whole parameter."""
    counts_steps: bool
    """True if each parameter's steps are counted, under the state `step`."""

    def __call__(self, group: "Group", param: Any, grad: Any, *states: Any) -> dict[str, Any]:
        """Compute the new parameter and states, by name."""
        if group.maximize:
            grad = -grad
        returned = self.update(group, param, grad, *states)
        values = returned if isinstance(returned, tuple) else (returned,)
        names = ("param", *self.states)
        if len(values) != len(names):
            raise TypeError(
                f"{self.owner.__name__}.update returned {len(values)} values, but must return {len(names)}: "
                f"{', '.join(names)}"
            )
        return dict(zip(names, values, strict=True))


@cache
def unscaling(rule: Rule) -> Rule:
    """Compose a rule with the division of its gradients by `grad_scale`: one number more in the same pass."""

    @wraps(rule.update)
    def update(self: Any, param: Any, grad: Any, *states: Any) -> Any:
        return rule.update(self, param, grad / self.grad_scale, *states)

    return replace(rule, update=update)


class Group:
    """What `self` is inside `update`: one group's numbers, and the class's own methods."""

    def __init__(self, owner: type, read: Callable[[str], Any], **numbers: Any) -> None:
        self._owner = owner
        self._read = read
        self.__dict__.update(numbers)

    def __getattr__(self, name: str) -> Any:
        if name in self._owner.options:  # type: ignore[attr-defined]
            return self._read(name)
        attribute = inspect.getattr_static(self._owner, name)
        return attribute.__get__(self, self._owner) if hasattr(attribute, "__get__") else attribute


def rule_of(owner: Any) -> Rule:
    """Read the rule of an optimizer class."""
    update: Callable[..., Any] = owner.update
    arguments = list(inspect.signature(update).parameters.values())
    if [argument.name for argument in arguments[1:3]] != ["param", "grad"]:
        raise TypeError(
            f"{owner.__name__}.update must take (self, param, grad, *states), but takes "
            f"({', '.join(argument.name for argument in arguments)})"
        )
    states = arguments[3:]
    scalars = frozenset(state.name for state in states if state.annotation is Scalar)
    return Rule(owner, update, tuple(state.name for state in states), scalars, owner.counts_steps)


def initial_value(rule: Rule, state: str, read: Callable[[str], Any]) -> Any:
    """Return the number that a state starts with: 0, or what the class's `initial_<state>` says."""
    method = getattr(rule.owner, f"initial_{state}", None)
    return method(Group(rule.owner, read)) if method else 0.0
