"""Every formula that a rule becomes under its own options: a switch, or a number that is zero, selects another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...formula.graph.expr import symbols
from ...formula.tracing.option_symbols import NUMBER
from ...formula.tracing.trace import Formula
from ..decisions.choice import Choice, choose
from ..decisions.gradients import Ready

STEP = "step"
"""What the only phase is called of a rule that has no others."""


@dataclass(frozen=True)
class Variant:
    """A formula of a rule, and options that select it."""

    options: Mapping[str, Any]
    choice: Choice


def variants(
    cls: Any, param: torch.Tensor, settings: Mapping[str, Sequence[Any]], first: Mapping[str, Any], most: int
) -> list[Variant]:
    """Find the formulas of a parameter under every combination of what options may be set to, from `first` on.

    Only options that the formulas found so far ask for are tried, so combinations that say the same cost nothing; the
    search ends where there are more than `most`.
    """
    found: dict[Formula, Variant] = {}
    waiting: list[dict[str, Any]] = [dict(first)]
    tried: list[dict[str, Any]] = []
    while waiting and len(found) <= most:
        options = waiting.pop(0)
        choice = None if options in tried else _choice(cls, param, options)
        tried.append(options)
        if choice is None or choice.program.formula in found:
            continue
        formula = choice.program.formula
        found[formula] = Variant(options, choice)
        names = [name for name in deciding(formula) if name in settings]
        waiting += [options | {name: value} for name in names for value in settings[name]]
    return list(found.values())


def deciding(formula: Formula) -> Iterator[str]:
    """Name the options that a formula has asked for what they are, and not just taken as numbers."""
    asked = {symbol.name: None for condition, _ in formula.decisions for symbol in symbols(condition)}
    chosen = {name: None for name, shape in formula.structure.items() if shape is not NUMBER}
    yield from asked | chosen


def in_phases(variant: Variant) -> dict[str, Choice]:
    """Decide for each phase of a rule's work; one that has none has a single `step`."""
    cls, param = variant.choice.item.owner, variant.choice.item.param
    choices = {phase: _choice(cls, param, variant.options, phase) for phase in cls.phases or (STEP,)}
    return {phase: choice for phase, choice in choices.items() if choice is not None}


def phases_of(owner: Any, options: Mapping[str, Any], steps: int) -> list[str]:
    """Say which phase each step is."""
    return [owner.phase_of(options, step) if owner.phases else STEP for step in range(1, steps + 1)]


def _choice(cls: Any, param: torch.Tensor, options: Mapping[str, Any], phase: str | None = None) -> Choice | None:
    """Decide how a parameter is updated; None for options that do not go together."""
    try:
        optimizer = cls([param], **options)
    except (TypeError, ValueError):
        return None
    is_phase = phase in cls.phases
    item = Ready(optimizer.param_groups[0], param, torch.zeros_like(param), 0, cls, phase if is_phase else None)
    return choose(optimizer, [item])[0]
