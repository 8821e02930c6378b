"""What a class declares beside its options and its formula: whether it is of its kind, and has what it needs.

All is known when the class is made. A declaration that is only wrong in what it returns is found where it is asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

from ..described import described
from ..formula.rule.rule import Rule
from ..hyper import nearest
from .traits import Traits

NAMES = ("phases", "measures", "learned", "surveys")
"""What is declared as a tuple of names."""

ASKED = {
    "sides": ("shape", "options"),
    "unfit": ("param", "options"),
    "check": ("options", "where"),
    "start": ("options",),
    "directions": ("rows", "columns", "options"),
    "phase_of": ("options", "step"),
}
"""The methods that the class itself is asked by, and what they are given."""


def check_declarations(cls: Any, rule: Rule) -> None:
    """Raise TypeError for a declaration of a class that nobody could use."""
    for name in NAMES:
        _check_names(cls, name)
    for name, given in ASKED.items():
        _check_asked(cls, name, given)
    if cls.phases and inspect.getattr_static(cls, "phase_of") is inspect.getattr_static(Traits, "phase_of"):
        raise TypeError(
            f"{cls.__name__} has phases, but does not say which one a step is: define a classmethod "
            "phase_of(cls, options, step)"
        )
    _check_options(cls, "refuses", cls.refuses)
    _check_options(cls, "spellings", _turned(cls.spellings))
    _check_learning(cls)
    _check_formulas(cls, rule)


def _check_names(cls: Any, name: str) -> None:
    value = getattr(cls, name)
    if not isinstance(value, tuple | list) or not all(isinstance(item, str) for item in value):
        raise TypeError(
            f'{cls.__name__}.{name} must be a tuple of names, but is {described(value)}: write {name} = ("a", "b"), say'
        )


def _check_asked(cls: Any, name: str, given: tuple[str, ...]) -> None:
    """Raise TypeError for a method that needs an optimizer, or takes other arguments than it is given."""
    is_of_class = not isinstance(inspect.getattr_static(cls, name), FunctionType)
    if not is_of_class or not _takes(getattr(cls, name), given):
        raise TypeError(
            f"{cls.__name__}.{name} is asked of the class, with {', '.join(given)}: write @classmethod, and "
            f"def {name}(cls, {', '.join(given)})"
        )


def _takes(method: Any, given: Iterable[str]) -> bool:
    try:
        inspect.signature(method).bind(*given)
    except TypeError:
        return False
    return True


def _turned(spellings: Any) -> Any:
    """Name spellings by the options that they are of; what is no mapping stays, to be refused."""
    return {option: other for other, option in spellings.items()} if isinstance(spellings, Mapping) else spellings


def _check_options(cls: Any, name: str, declared: Any) -> None:
    """Raise TypeError for what is said of an option that there is not."""
    if not isinstance(declared, Mapping):
        raise TypeError(f"{cls.__name__}.{name} must be a dict by the names of options, but is {described(declared)}")
    for option in declared:
        if option not in cls.options:
            raise TypeError(
                f"{cls.__name__}.{name} speaks of an option {option!r}, which it does not have"
                f"{nearest(option, cls.options)}"
            )


def _check_learning(cls: Any) -> None:
    """Raise TypeError where numbers are learned, and it is not said from what, or how they begin."""
    if not cls.learned:
        return
    name, sums = cls.__name__, (*cls.measures, *cls.surveys)
    if inspect.getattr_static(cls, "start") is inspect.getattr_static(Traits, "start"):
        raise TypeError(
            f"{name} learns {cls.learned[0]!r}, but does not say how it begins: define a classmethod "
            f'start(cls, options), which returns {{"{cls.learned[0]}": 1.0}}, say'
        )
    learn = getattr(cls, "learn", None)
    if learn is None or not _takes_by_name(learn, sums):
        raise TypeError(
            f"{name} learns {cls.learned[0]!r} from its sums: define learn({', '.join(('self', *sums))}), which "
            f"returns a dict of {', '.join(cls.learned)}"
        )


def _takes_by_name(learn: Any, sums: Iterable[str]) -> bool:
    try:
        inspect.signature(learn).bind(None, **dict.fromkeys(sums))
    except TypeError:
        return False
    return True


def _check_formulas(cls: Any, rule: Rule) -> None:
    """Raise TypeError for a formula besides `update` that is missing, or asks for a state that there is not."""
    for name in (*cls.formulas, *(("survey",) if cls.surveys else ())):
        if not hasattr(cls, name):
            raise TypeError(
                f"{cls.__name__} has no formula {name}: define {name}(self, param, ...), as its parent says"
            )
        for state in tuple(inspect.signature(getattr(cls, name)).parameters)[FIRST[name] :]:
            if state not in rule.states:
                raise TypeError(
                    f"{cls.__name__}.{name} takes a state {state!r}, which update does not take"
                    f"{nearest(state, rule.states, rule.states or ['none'])}"
                )


FIRST = {"survey": 3, "observe": 3, "average": 2, "training_point": 2}
"""Where the states begin among the arguments of a formula."""
