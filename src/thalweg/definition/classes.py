"""A class of optimizer when it is made: fields become options, `update` a rule; names that are taken are refused."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from ..described import shown
from ..formula.around.training_loop import ACCUMULATED, EMA, FILTERED, MEASURED, SLOW, surrounded
from ..formula.rule.arguments import check_first_values
from ..formula.rule.facts import FACTS, SHAPE
from ..formula.rule.phases import PHASE
from ..formula.rule.rule import Rule, rule_of
from ..formula.tracing.trace import GIVEN
from ..hyper import Fixed, Option, declared, nearest
from ..state.averaged import EVALUATES
from ..state.formats.blocks import SCALE
from ..state.formats.keeping import BESIDE
from ..state.noted import GATHERED
from .arguments import merged, signature
from .declarations import check_declarations
from .groups import FOREIGN
from .traits import Traits

RESERVED = {
    "param": "is the parameter",
    "grad": "is the gradient",
    "step": "counts a parameter's steps in checkpoints",
    "is_first_step": "says if a step is the first",
    "element_index": "is an element's place",
    EMA: "is the mean that ema_decay keeps",
    ACCUMULATED: "is the sum that accumulate keeps",
    SLOW: "is where lookahead walks from",
    FILTERED: "is the mean that grokfast keeps",
    **dict.fromkeys(BESIDE, "is what rounding keeps beside a parameter"),
    **dict.fromkeys((*GIVEN, *FACTS, SHAPE, PHASE), "is a number that formulas are given"),
    **dict.fromkeys(MEASURED, "is measured by track"),
}
"""The names that formulas and checkpoints have, and what they are."""

RESERVED_IN_GROUPS = {"params", "engine", "param_groups", "state", "defaults", GATHERED, EVALUATES, *FOREIGN}
"""What optimizers and their groups have that is no option of a rule."""

UNSEEN = dict.fromkeys(
    ("max_grad_norm", "max_tensor_norm", "gradient_centralization", "grokfast"),
    "its survey sees gradients before they are changed like that",
)
"""What a class with surveys refuses."""


def define(cls: Any, root: Any) -> bool:
    """Give a class its options, its signature and its rule; tell if it has one, or is a parent of those that do.

    `root` is the parent of all optimizers. Raises TypeError for names that are taken.
    """
    own, has_formula = declared(cls), hasattr(cls, "update")
    check_options(cls, own, root)
    cls.options = merged({**cls.options, **(cls.around if has_formula else {}), **cls.options}, own)
    for name, option in cls.options.items():
        setattr(cls, name, option)
    cls.__signature__ = signature(cls.options)
    if has_formula:
        check_rule(cls, rule := rule_of(cls))
        check_declarations(cls, rule)
        cls.refuses = {**(UNSEEN if cls.surveys else {}), **cls.refuses}
        cls.rule = surrounded(rule)
    return has_formula


def check_options(cls: type, own: Mapping[str, Option], root: Any) -> None:
    """Raise TypeError for a field whose name is taken, by what `root`, the parent of all optimizers, has itself."""
    around = {**root.options, **root.around}
    for name, option in own.items():
        _refuse_shared(cls, name, option.default)
    for name in (*own, *({"params"} & inspect.get_annotations(cls).keys())):
        if name.startswith("_"):
            _refuse(cls, "an option", name, "is a name that classes keep to themselves")
        if name in around and not _narrows(own[name], around[name]):
            _refuse(cls, "an option", name, "is an option of every optimizer, with another range")
        if name in RESERVED:
            _refuse(cls, "an option", name, RESERVED[name])
        if name in RESERVED_IN_GROUPS or (name not in around and _has(root, name)):
            _refuse(cls, "an option", name, "is what every optimizer has")


def _refuse_shared(cls: type, name: str, default: Any) -> None:
    """Raise TypeError for a default that can be changed, since it would change for all optimizers of the class."""
    if isinstance(default, list | dict | set | bytearray):
        raise TypeError(
            f"{cls.__name__} cannot have {shown(default)} as the default of {name!r}, as all its optimizers would "
            "share one: make it a tuple, or None"
        )


def _has(root: type, name: str) -> bool:
    """Tell if every optimizer has an attribute, or says that its class will have it."""
    return hasattr(root, name) or name in inspect.get_annotations(root) | inspect.get_annotations(Traits)


def _narrows(option: Option, known: Option) -> bool:
    """Tell if an option that every optimizer has is only given another default, or is decided."""
    return option.rule == known.rule or isinstance(option.rule, Fixed)


def check_rule(cls: Any, rule: Rule) -> None:
    """Raise TypeError for a state, or anything else of a rule, whose name is taken, and for a first value of none."""
    for what, names in {
        "a state": rule.states,
        "a measure": cls.measures,
        "a learned number": cls.learned,
        "a surveyed sum": cls.surveys,
    }.items():
        for name in names:
            if taken := next(_taken(cls, rule, what, name), None):
                _refuse(cls, what, name, taken)
    if cls.phases and not cls.counts_steps:
        raise TypeError(f"{cls.__name__} has phases, which go by the count of steps: leave counts_steps=False out")
    check_first_values(cls, rule.states)
    for name, value in vars(cls).items():
        state = name.removeprefix("initial_")
        if inspect.isfunction(value) and state != name and state not in rule.states:
            raise TypeError(
                f"{cls.__name__}.{name} gives the first value of a state {state!r}, which update does not "
                f"take{nearest(state, rule.states, rule.states or ['none'])}"
            )


def _taken(cls: Any, rule: Rule, what: str, name: str) -> Iterator[str]:
    """Say what has a name already."""
    if name in RESERVED:
        yield RESERVED[name]
    others = {"an option": cls.options, "a state": rule.states, "a measure": cls.measures}
    for other, names in others.items():
        if other != what and name in names:
            yield f"is {other} of it too"
    if name.removesuffix(SCALE) in {*rule.states} - {name}:
        yield f"is where 8-bit formats keep the scales of {name.removesuffix(SCALE)!r}"


def check_steps(cls: Any, root: Any) -> None:
    """Raise TypeError for a class that has no formula, and no step of its own."""
    if hasattr(cls, "update") or cls.step is not root.step:
        return
    own = [name for name, value in vars(cls).items() if inspect.isfunction(value) and name not in vars(root)]
    near = nearest("update", own) if own else ""
    said = near if "did you mean" in near else ""
    raise TypeError(
        f"{cls.__name__} has no formula{said}: define update(self, param, grad, *states), which returns the new "
        "parameter and the new states"
    )


def _refuse(cls: type, what: str, name: str, why: str) -> None:
    raise TypeError(f"{cls.__name__} cannot have {what} called {name!r}, as {name!r} {why}: choose another name")
