"""From ``adam,sgd:lr=0.1,momentum=0.9`` to optimizer classes and their options, and back."""

import inspect
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...definition.options_elsewhere import advice
from ...names import Meaning
from ...names import find as find_meaning
from ...names.creation import made, of_the_rule
from ...names.lookup import elsewhere, is_elsewhere, spelled, told_of, without_ours
from ...optimizer import registry
from ...optimizers.closure import closure_methods
from ...optimizers.second_order.sophia import SophiaG
from ...state.formats.keeping import STATE_DTYPES
from ..imported import imported

Value: TypeAlias = int | float | bool | str | torch.dtype | tuple["Value", ...] | None

WORDS: dict[str, Value] = {"true": True, "false": False, "none": None}
WORDS |= {str(dtype).removeprefix("torch."): dtype for dtype in STATE_DTYPES if isinstance(dtype, torch.dtype)}

TORCH: dict[str, type[Optimizer]] = {
    f"torch.{name}": kind
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
}


OURS: dict[str, type[Optimizer]] = {**registry, **closure_methods}

NEEDED: dict[str, Value] = {"lr": 0.01}
"""What those get that have no default of their own, where all are chosen."""


@dataclass(frozen=True)
class Choice:
    """An optimizer and the options given to it; as text, what one types to get it."""

    name: str
    kind: type[Optimizer]
    options: dict[str, Value] = field(default_factory=dict)
    meaning: Meaning | None = None
    """What the name means, if it is another library's."""

    def build(self, params: nn.Module | Iterable[Tensor]) -> Optimizer:
        """Construct the optimizer, which checks the options; a net's parameters come with their names."""
        kind: Any = self.kind
        given = params.named_parameters() if isinstance(params, nn.Module) else params
        optimizer: Optimizer = (
            kind(given, **self.options) if self.meaning is None else made(self.meaning, given, self.options)
        )
        return optimizer

    @property
    def of_the_rule(self) -> dict[str, Any]:
        """The options that the formula is under: those given, and those that the name stands for."""
        return dict(self.options) if self.meaning is None else of_the_rule(self.meaning, self.options)

    @property
    def is_torch(self) -> bool:
        """Whether it is torch's own."""
        return self.name in TORCH

    @property
    def given(self) -> list[str]:
        """The options, each as ``name=value``."""
        return [f"{name}={write_value(value)}" for name, value in self.options.items()]

    def __str__(self) -> str:
        return f"{self.name}:{','.join(self.given)}" if self.options else self.name


def everyone() -> list[Choice]:
    """Choose every optimizer that can train a net on mini-batches by itself."""
    kinds = {name: kind for name, kind in registry.items() if kind.__module__.startswith("thalweg.")}
    dense = [name for name, kind in kinds.items() if torch.strided in kind.layouts]
    needed = {name: dict(NEEDED) if kinds[name].options["lr"].is_required else {} for name in dense}
    choices = [Choice(name, kinds[name], needed[name]) for name in dense]
    return [choice for choice in choices if _trains(choice) and not needs_labels(choice)]


def needs_labels(choice: Choice) -> bool:
    """Tell if an optimizer estimates the Hessian from labels that the model draws, of which a task knows nothing."""
    return issubclass(choice.kind, SophiaG)


def _trains(choice: Choice) -> bool:
    """Tell if an optimizer takes all of a net's parameters: some are for matrices alone."""
    try:
        choice.build(nn.Linear(8, 8))
    except ValueError:
        return False
    return True


def grid(choices: Iterable[Choice], sweeps: Iterable[str]) -> list[Choice]:
    """Put each of several values in the place of an option, as ``lr=0.001,0.01``, in every combination.

    Raises ValueError for what is no such list, or no option of any of the optimizers.
    """
    found = list(choices)
    for sweep in sweeps:
        name, equals, values = sweep.partition("=")
        if not (name and equals and values.strip(",")):
            raise ValueError(f"a sweep is written as lr=0.001,0.01,0.1, but got {sweep!r}")
        if not any(name in _options(choice) for choice in found):
            raise ValueError(f"no optimizer that was chosen has an option {name!r}, so it cannot be swept")
        read = [read_value(value) for value in values.split(",") if value]
        found = [swept for choice in found for swept in _with(choice, name, read)]
    return _each_once(found)


def _with(choice: Choice, name: str, values: Iterable[Value]) -> list[Choice]:
    if name not in _options(choice):
        return [choice]
    return [Choice(choice.name, choice.kind, {**choice.options, name: value}) for value in values]


def _options(choice: Choice) -> set[str]:
    return set(inspect.signature(choice.kind).parameters) - {"params"}


def choose(text: str) -> list[Choice]:
    """Read optimizers separated by commas; an item ``name=value`` is one more option of the last, and "all" are all.

    Raises ValueError for what is unknown, ambiguous or said twice.
    """
    if text.strip().casefold() == "all":
        return everyone()
    # A comma starts the next optimizer unless an "=" follows it before any ":".
    items = re.split(r",(?![^,:]*=)", text)
    if not all(map(str.strip, items)):
        raise ValueError(f"optimizers are written as adam,sgd:lr=0.1, but a name is missing in {text!r}")
    return _each_once([read_choice(item) for item in items])


def _each_once(choices: list[Choice]) -> list[Choice]:
    """Refuse what is chosen twice, which would pass for one optimizer from several seeds."""
    counts = Counter(map(str, choices))
    for name, count in counts.items():
        if count > 1:
            raise ValueError(f"{name} is chosen twice: keep one, or give them different options")
    return choices


def read_choice(text: str) -> Choice:
    """Read one optimizer, as ``sgd:lr=0.1,momentum=0.9``, or as ``my_module:Mine:lr=0.1`` where it is the user's own.

    Raises ValueError for what is unknown, ambiguous or said twice.
    """
    if bracket := re.search(r"[()\[\]]", text):
        raise ValueError(f"{text!r} has a {bracket[0]!r}: write a pair of numbers as betas=0.9/0.99")
    spelling, *items = (part.strip() for part in re.split("[:,]", text))
    if items and "=" not in items[0] and not is_known(spelling):
        written = items.pop(0)
        choice = Choice(f"{spelling}:{written}", imported(spelling, written))
    else:
        choice = chosen(spelling)
    for item in items:
        option, value = read_option(choice, item)
        if option in choice.options:
            raise ValueError(f"{choice.name} got {option} twice: give it once")
        choice.options[option] = value
    return choice


def chosen(spelling: str) -> Choice:
    """Look an optimizer up among this library's and torch's own, and then among other libraries' names.

    Raises ValueError for what is unknown, ambiguous, or cannot be had here.
    """
    bare = without_ours(spelling)
    if bare is not spelling or is_known(spelling) or not is_elsewhere(spelling):
        return Choice(*find(bare))
    meaning = find_meaning(spelling)
    return Choice(meaning.name, meaning.kind, meaning=meaning)


def is_known(spelling: str) -> bool:
    """Tell if there is an optimizer of that name, in any case."""
    return spelling.casefold() in {name.casefold() for name in (*OURS, *TORCH)}


def find(spelling: str) -> tuple[str, type[Optimizer]]:
    """Look an optimizer up, in any case where that is unambiguous; ``torch.`` before the name means torch's own.

    Raises ValueError, with the nearest known name, for what is unknown or ambiguous.
    """
    known = {**OURS, **TORCH}
    name = spelled(spelling, known)
    if name is None:
        clause = told_of(spelling) or suggestion(spelling, [*elsewhere(), *known])
        raise ValueError(f"there is no optimizer {spelling!r}: {clause}")
    return name, known[name]


def suggestion(spelling: str, known: Iterable[str]) -> str:
    """Name torch's own optimizer of that name, or else the nearest known one; of equals, the last."""
    names = {name.casefold(): name for name in known}
    guesses = [f"torch.{spelling}".casefold(), *get_close_matches(spelling.casefold(), names, n=1)]
    likely = [names[guess] for guess in guesses if guess in names]
    return f"did you mean {likely[0]}?" if likely else "'thalweg list --names' shows all"


def read_option(choice: Choice, item: str) -> tuple[str, Value]:
    """Read ``name=value``.

    Raises ValueError, with the nearest known name, for what is no option of this optimizer.
    """
    name, equals, value = item.partition("=")
    if not equals:
        raise ValueError(f"{choice.name} got {item!r} where an option should stand: write it as lr=0.1")
    known = [*inspect.signature(choice.kind).parameters, *getattr(choice.kind, "spellings", ())]
    known.remove("params")
    if choice.meaning is not None and choice.meaning.wrapper is not None:
        known += choice.meaning.wrapper.options
    if name not in known:
        own = [option for option in known if option not in getattr(choice.kind, "around", ())]
        raise ValueError(f"{choice.name} has no option {name!r}{advice(name, known, own)}")
    return name, read_value(value)


def read_value(text: str) -> Value:
    """Read a number, true, false, none, bfloat16, several of these as ``0.9/0.99``, or else a word."""
    if "/" in text:
        return tuple(read_value(part) for part in text.split("/"))
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return WORDS.get(text.casefold(), text)


def write_value(value: Value) -> str:
    """Write a value as `read_value` reads it."""
    if isinstance(value, tuple):
        return "/".join(map(write_value, value))
    return str(value) if isinstance(value, float | str) else str(value).lower().removeprefix("torch.")
