"""The options of an optimizer: meaning, range and default of each."""

from collections.abc import Iterable
from typing import Any

from thalweg import Optimizer
from thalweg.hyper import REQUIRED, Option
from thalweg.hyper.lists import Patterns, Threes
from thalweg.hyper.ranges import Fixed, OneOf, Range, Several
from thalweg.optimizers.closure.function.robust import LOSSES
from thalweg.optimizers.closure.optimizer import ClosureOptimizer
from thalweg.optimizers.closure.options import LEAST
from thalweg.tools.showing.meanings import meaning

from .markdown import code, prose, table

OF_MANY_KINDS = {
    "bounds": "a pair `(low, high)` of numbers, tensors or `None`, a list with one for each parameter, or `None`",
    "x_scale": "a number or tensor above 0, a list with one for each parameter, `'jac'`, or `None`",
}
"""What options of closure methods may be that take things of several kinds."""


def own_options(cls: type[Optimizer]) -> list[Option]:
    """List what belongs to the rule, and is not put around every one."""
    shared = {**Optimizer.options, **Optimizer.around}
    own = [option for name, option in cls.options.items() if name not in shared]
    own.sort(key=lambda option: option.keyword_only)
    return own + [option for name, option in cls.options.items() if name in shared and isinstance(option.rule, Fixed)]


def options_table(cls: type[Optimizer], options: list[Option]) -> str:
    """Write a row for each option; raises ValueError for one that has no meaning."""
    return table(("option", "default", "range", "meaning"), [_row(cls, option) for option in options])


def _row(cls: type[Optimizer], option: Option) -> tuple[str, ...]:
    said = meaning(cls, option.name)
    if said is None:
        raise ValueError(
            f"{cls.__name__}.{option.name} has no meaning: add a row to OF_A_RULE in "
            f"src/thalweg/tools/showing/own_meanings.py, or "
            f"a clause that starts with `{option.name}` to the docstring of {cls.__name__}"
        )
    return code(option.name), default(option), _of_closures(cls, option) or allowed(option), prose(said)


def _of_closures(cls: type[Optimizer], option: Option) -> str | None:
    """Say what an option of closure methods may be: their counts and choices are checked together."""
    if not issubclass(cls, ClosureOptimizer):
        return None
    if option.name in LEAST:
        return f"a whole number, at least {LEAST[option.name]}" + (", or `None`" if option.may_be_none else "")
    if option.name in OF_MANY_KINDS:
        return OF_MANY_KINDS[option.name]
    return _one_of(("linear", *LOSSES)) + ", or a function" if option.name == "loss" else None


def _one_of(values: Iterable[Any]) -> str:
    return "one of " + ", ".join(code(repr(value)) for value in values)


def default(option: Option) -> str:
    """Write what an option is if nothing is said."""
    return "must be given" if option.default is REQUIRED else code(repr(option.default))


def allowed(option: Option) -> str:
    """Say what an option may be, in words."""
    return _words(option.rule) + (", or `None`" if option.may_be_none else "")


def _words(rule: Any) -> str:
    if isinstance(rule, Range):
        return prose(f"{rule}") + (", or `None`" if rule.or_none else "")
    if isinstance(rule, Several):
        alike = len(set(rule.ranges)) == 1
        ranges = f"each {_words(rule.ranges[0])}" if alike else "; ".join(map(_words, rule.ranges))
        return f"{rule.words}, {ranges}" + (", in this order" if rule.ordered else "")
    if isinstance(rule, OneOf):
        return _one_of(rule.values)
    if isinstance(rule, Fixed):
        return f"always {code(rule.value)}"
    if isinstance(rule, Threes):
        return f"three numbers, a list of threes, or {_one_of(rule.names)}"
    if isinstance(rule, Patterns):
        return "a list of names"
    if rule is not bool:
        raise ValueError(f"the book has no words for the range {rule!r}: add them to docs/book/options.py")
    return "`True` or `False`"
