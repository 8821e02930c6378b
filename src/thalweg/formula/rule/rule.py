"""What an optimizer class says in its `update`, read off its signature."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Generator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypeAlias

from ...annotations import evaluated
from ..graph.expr import Scope
from .arguments import arguments_of, one_number
from .facts import SHAPE
from .phases import PHASE

Scalar = Annotated[Any, "one number a parameter"]
"""Marks a state of `update` that is one number for the whole parameter, as `mu: Scalar`."""

Rows = Annotated[Any, "one number a row"]
"""Marks a state of `update` that is one number for each row of the parameter's matrices, as `row_var: Rows`."""

Columns = Annotated[Any, "one number a column"]
"""Marks a state of `update` that is one number for each column."""

Left = Annotated[Any, "a number for each two rows"]
"""Marks a state of `update` that is a square matrix with the parameter's rows: `matmul(q, param)` goes."""

Right = Annotated[Any, "a number for each two columns"]
"""Marks a state of `update` that is a square matrix with the parameter's columns: `matmul(param, q)` goes."""

Thin = Annotated[Any, "a number for each column and direction"]
"""Marks a state of `update` that has a row for each of the parameter's columns, and as many columns as the class's
`directions` says: `matmul(param, q)` goes."""

Unsigned = Annotated[Any, "never negative"]
"""Marks a state of `update` that is never negative, as a mean of squares is: formats keep it so."""

Copy = Annotated[Any, "starts as the parameter"]
"""Marks a state of `update` that starts as the parameter; it is never kept in a narrow format."""

MARKS = {
    "Scalar": Scalar,
    "Rows": Rows,
    "Columns": Columns,
    "Left": Left,
    "Right": Right,
    "Unsigned": Unsigned,
    "Copy": Copy,
    "Thin": Thin,
}

Values: TypeAlias = dict[str, Any]
"""The parameter, its gradient and its states, by name."""

Update: TypeAlias = Callable[[Any, Values], Values]
"""From a group's numbers and all values to the new parameter and states: what wraps a formula is another of these."""


UNSEEN: dict[str, str] = {
    "step": "write self.step_count for the number of steps",
    **dict.fromkeys(("param_groups", "defaults", "add_param_group"), "`self` is one group: write self.lr, say"),
    "state": "write the state as an argument of update, and return it",
}
"""What every optimizer has, and no formula can see: what to write."""

OTHERWISE: dict[str, str] = {
    **UNSEEN,
    **dict.fromkeys(("t", "count", "steps", "num_steps", "iteration", "iterations", "epoch"), UNSEEN["step"]),
    **dict.fromkeys(("device", "dtype"), "a formula is the same for all: leave it out"),
}
"""The same, and what people call so."""


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
    rows: frozenset[str] = field(default=frozenset())
    """Those that are one number for each row."""
    columns: frozenset[str] = field(default=frozenset())
    """Those that are one number for each column."""
    left: frozenset[str] = field(default=frozenset())
    """Those that are square matrices with the parameter's rows."""
    right: frozenset[str] = field(default=frozenset())
    """Those that are square matrices with the parameter's columns."""

    thin: frozenset[str] = field(default=frozenset())
    """Those that have a row for each of the parameter's columns, and a few columns."""

    @property
    def own_states(self) -> tuple[str, ...]:
        """The states that the class's own formula takes."""
        return tuple(inspect.signature(self.text).parameters)[3:]

    @property
    def factors(self) -> frozenset[str]:
        """Those that are matrices of another shape than the parameter's."""
        return self.left | self.right | self.thin

    def scope(self, state: str) -> Scope:
        """Say where a state has one value."""
        kinds: dict[Scope, frozenset[str]] = {
            "parameter": self.scalars,
            "row": self.rows,
            "column": self.columns,
            "left": self.left,
            "right": self.right,
            "thin": self.thin,
        }
        return next((scope for scope, names in kinds.items() if state in names), "element")

    def __call__(self, group: Group, now: Values) -> Values:
        """Compute the new parameter and states, and what is measured on the way, by name."""
        return self.update(group, now)

    def wrapped(self, wrap: Callable[[Update], Update], **more: Any) -> Rule:
        """Put something around the rule."""
        return replace(self, update=wrap(self.update), **more)


class Group:
    """What `self` is inside `update`: one group's numbers, and the class's own methods."""

    def __init__(self, owner: Any, read: Callable[[str], Any], **numbers: Any) -> None:
        self.__dict__.update({"_owner": owner, "_read": read} | numbers)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What `super()` asks for: a formula may begin with its parent's."""
        return self._owner

    def __getattr__(self, name: str) -> Any:
        owner = self._owner
        if name in UNSEEN:
            raise AttributeError(f"self.{name} cannot be used in a formula: {OTHERWISE[name]}")
        is_asked = name == SHAPE or (name == PHASE and bool(owner.phases))
        if is_asked or name in owner.options or name in owner.learned:
            return self._read(name)
        try:
            attribute = inspect.getattr_static(self._owner, name)
        except AttributeError:
            raise AttributeError(self._unknown(name)) from None
        return attribute.__get__(self, self._owner) if hasattr(attribute, "__get__") else attribute

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"self.{name} cannot be set by a formula, since `self` is a group that others step with too: use a "
            f"variable of its own, {name} = ..., or return a state"
        )

    def _unknown(self, name: str) -> str:
        if name == PHASE:
            return f'{self._owner.__name__} has no phases: declare phases = ("due", "usual"), say, and phase_of'
        own = [*self._owner.options, *self._owner.learned, *self.__dict__, *vars(self._owner)]
        near = difflib.get_close_matches(name, [other for other in own if not other.startswith("_")], n=1)
        told = f"did you mean self.{near[0]}?" if near else f"declare it, as {name}: float = 0.1"
        init = vars(self._owner).get("__init__")
        if name in getattr(getattr(init, "__code__", None), "co_names", ()):
            told = f"what __init__ sets is unknown to formulas, so declare it beside the others, as {name}: float = 0.1"
        return f"{self._owner.__name__} has no option {name!r}: {OTHERWISE.get(name, told)}"

    def having(self, **options: Any) -> Group:
        """Return the same group with some options as given here."""
        changed = Group(self._owner, self._read)
        changed.__dict__.update(self.__dict__ | options)
        return changed


def rule_of(owner: Any) -> Rule:
    """Read the rule of an optimizer class."""
    text: Callable[..., Any] = owner.update
    arguments = arguments_of(owner)
    marks = {state.name: _marks(state.annotation, text, owner) for state in arguments[3:]}
    names = tuple(marks)
    for name in names:
        if len(marks[name] - {"Unsigned"}) > 1:
            said = " and ".join(mark for mark in MARKS if mark in marks[name])
            raise TypeError(f"{owner.__name__}.update marks {name!r} as {said}: a state can be one of them")
    scalars, rows, columns, left, right, unsigned, copies, thin = (
        frozenset(name for name in names if mark in marks[name]) for mark in MARKS
    )
    update, counts = _by_name(owner, text, names), owner.counts_steps
    wide = copies | getattr(owner, "precise", frozenset()) | {*observed(owner)}
    return Rule(owner, text, update, names, scalars, unsigned, counts, wide, copies, rows, columns, left, right, thin)


def observed(owner: Any) -> tuple[str, ...]:
    """List the states that a class's `observe(self, param, seen, *states)` takes in what is seen by; most have none."""
    formula = getattr(owner, "observe", None)
    return () if formula is None else tuple(inspect.signature(formula).parameters)[3:]


def surveyed(owner: Any, group: Any, now: Values) -> Values:
    """Take the sums that a class wants to know of all parameters before it steps, by name; most want none."""
    if not owner.surveys:
        return {}
    states = tuple(inspect.signature(owner.survey).parameters)[3:]
    found = owner.survey(group, now["param"], now["grad"], *(now[name] for name in states))
    sums = tuple(found) if isinstance(found, tuple | list) else (found,)
    if len(sums) != len(owner.surveys):
        raise TypeError(
            f"{owner.__name__}.survey returned {len(sums)} values, but must return {len(owner.surveys)}: "
            f"{', '.join(owner.surveys)}"
        )
    return dict(zip(owner.surveys, sums, strict=True))


def _marks(annotation: Any, text: Callable[..., Any], owner: Any) -> set[str]:
    """Find the marks of an argument; one that is known to type checkers alone is known by its name."""
    try:
        found = evaluated(annotation, inspect.unwrap(text).__globals__, vars(owner))
    except NameError:
        return MARKS.keys() & {re.findall(r"\w+", annotation)[-1]}
    said = getattr(found, "__metadata__", ())
    return {name for name, mark in MARKS.items() if mark.__metadata__[0] in said}


def _by_name(owner: Any, text: Callable[..., Any], states: tuple[str, ...]) -> Update:
    """Turn a formula's arguments and results, which have an order, into values by name."""
    names = ("param", *states, *owner.measures)

    def update(group: Any, now: Values) -> Values:
        returned = text(group, now["param"], now["grad"], *(now[name] for name in states))
        if returned is None:
            raise TypeError(f"{owner.__name__}.update returned nothing: end it with `return {', '.join(names)}`")
        values = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
        if isinstance(returned, Generator | Mapping | Set | str):
            raise TypeError(
                f"{owner.__name__}.update returned a {type(returned).__name__}, but must return {len(names)} values: "
                f"end it with `return {', '.join(names)}`"
            )
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
    return one_number(rule.owner, state, method(Group(rule.owner, read))) if method else 0.0
