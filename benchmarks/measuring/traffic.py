"""What a step must move, by its programs: bytes read and written for each element."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from thalweg.engine.decisions.choice import Choice, choose
from thalweg.engine.decisions.gradients import ready
from thalweg.formula.graph.expr import BLOCK, symbols
from thalweg.formula.tracing.passes import passes
from thalweg.formula.tracing.program import Program
from thalweg.hyper import REQUIRED
from thalweg.optimizer import Optimizer, registry
from thalweg.state.formats.format import PACKED

FORMATS: dict[str, tuple[torch.dtype, dict[str, Any]]] = {
    "float32": (torch.float32, {}),
    "bf16 stochastic": (torch.bfloat16, {"rounding": "stochastic"}),
    "8bit": (torch.float32, {"state_dtype": "8bit"}),
    "4bit": (torch.float32, {"state_dtype": "4bit"}),
    "bf16 master": (torch.bfloat16, {"rounding": "master"}),
    "bf16 kahan": (torch.bfloat16, {"rounding": "kahan"}),
    "clip and average": (torch.float32, {"max_grad_norm": 1.0, "ema_decay": 0.999}),
}
"""Ways to keep numbers, and what is put around a formula, the most used first: a parameter's dtype and the options."""

KINDS = tuple(f"thalweg.optimizers.{kind}." for kind in ("elementwise", "layerwise", "modelwise"))


ROWS = ("thalweg.optimizers.rows.",)
"""The rules that speak of rows and columns, whose states have no codes of 8 or 4 bits in kernels."""

ROW_FORMATS = ("float32", "bf16 stochastic", "clip and average")
"""Formats that they are measured in."""


def has_rows(cls: type[Optimizer]) -> bool:
    """Tell if a rule speaks of rows and columns: it is tried on matrices alone."""
    return cls.__module__.startswith(ROWS)


def catalogue(kinds: tuple[str, ...] = KINDS) -> list[type[Optimizer]]:
    """List the rules of some kinds, AdamW first: without a word, those that have no need of whole matrices."""
    found = [cls for cls in registry.values() if cls.__module__.startswith(kinds) and torch.strided in cls.layouts]
    return sorted(found, key=lambda cls: (cls.__name__ != "AdamW", cls.__name__.lower()))


def options_of(cls: type[Optimizer]) -> dict[str, Any]:
    """Give an optimizer what it cannot do without; SGD has its momentum."""
    required = {name: 1e-3 for name, option in cls.options.items() if option.default is REQUIRED}
    return required | ({"momentum": 0.9} if cls.__name__ == "SGD" else {})


def choice_of(cls: type[Optimizer], form: str, shape: tuple[int, ...] = (8192,)) -> Choice:
    """Decide what would update a parameter that is large enough for every format."""
    dtype, options = FORMATS[form]
    param = torch.zeros(shape, dtype=dtype)
    param.grad = param.clone()
    optimizer = cls([param], **options_of(cls), **options)
    (choice,) = choose(optimizer, ready(optimizer))
    return choice


def programs_of(choice: Choice) -> Iterator[Program]:
    """Yield all passes of a step, in their order."""
    yield from [choice.measure] if choice.measure else []
    yield from passes(choice.program)


def bytes_of(program: Program, dtypes: dict[str, torch.dtype]) -> float:
    """Count the bytes of one pass, for each element."""
    return sum(_size(name, program, dtypes) for name in (*program.loads, *program.stores))


def bytes_of_part(program: Program, dtypes: dict[str, torch.dtype], part: str) -> float:
    """Count the bytes of one kernel of a pass along lines: it reads what it needs, and only the walk stores."""
    sums = {"across": program.across, "total": program.totals, "walk": program.within}[part]
    stores = program.stores if part == "walk" else {}
    read = symbols(*stores.values(), *(node.operands[0] for node in sums.values()))
    names = {symbol.name for symbol in read} & {*program.loads}
    return sum(_size(name, program, dtypes) for name in (*names, *stores))


def bytes_of_step(cls: type[Optimizer], form: str, shape: tuple[int, ...] = (8192,)) -> float:
    """Count the bytes of a step, for each element; what is one number a row or a column counts nothing beside them."""
    choice = choice_of(cls, form, shape)
    return sum(bytes_of(program, dict(choice.dtypes)) for program in programs_of(choice))


def _size(name: str, program: Program, dtypes: dict[str, torch.dtype]) -> float:
    if program.scope(name) not in ("element", "block"):
        return 0.0
    size = 0.5 if dtypes[name] is PACKED else float(dtypes[name].itemsize)
    return size / BLOCK if name in program.blocks else size
