"""What is said of a name that no optimizer has: what it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch.optim import Optimizer

from ..optimizers import wrappers
from .alike import plain
from .no_optimizers import INSTEAD
from .not_here import NOT_HERE
from .otherwise import OTHERWISE

WRAPPERS = {name: kind for name, kind in vars(wrappers).items() if isinstance(kind, type)}
"""What goes around an optimizer, and cannot be had by a name alone."""


def _by_name() -> Iterator[tuple[str, str]]:
    for names, sentence in {**INSTEAD, **NOT_HERE}.items():
        yield from ((plain(name), sentence) for name in names.split(", "))
    for names, sentence in OTHERWISE.items():
        yield from ((plain(name), f"it has another name here: {sentence}") for name in names.split(", "))


BY_NAME = dict(_by_name())


def what_it_is(name: str) -> str:
    """Say, as a clause, what a name is and what to do; empty for a name that nothing is known of."""
    wrapper = next((known for known in WRAPPERS if plain(known) == plain(name)), None)
    return _around(wrapper) if wrapper else BY_NAME.get(plain(name), "")


def wrapped(name: str, known: Iterable[str]) -> str:
    """Say, as a clause, what goes around which class in a name that is made of both, as "galore_lion"; or nothing."""
    rules, words = {plain(rule): rule for rule in known}, plain(name)
    for wrapper in sorted(WRAPPERS, key=len, reverse=True):
        for rest in (words.removeprefix(plain(wrapper)), words.removesuffix(plain(wrapper))):
            if rest != words and rest in rules:
                return _around(wrapper, rules[rest])
    return ""


def _around(wrapper: str, rule: str = "AdamW") -> str:
    """Say how something is put around an optimizer: one that is there, or a rule that it makes one of."""
    if issubclass(WRAPPERS[wrapper], Optimizer):
        return f"it goes around a rule: write thalweg.{wrapper}(params, rule=thalweg.{rule})"
    more = ", attentions" if wrapper == wrappers.QKClip.__name__ else ""
    made = f"thalweg.{wrapper}(thalweg.{rule}(model.parameters()){more})"
    return f"it goes around another optimizer, which is made before it: write {made}"
