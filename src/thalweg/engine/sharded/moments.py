"""When processes share something in a step, and how many numbers of each parameter they share then."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, TypeAlias

from ...distributed.local_parameter import LocalParameter
from ...distributed.owned_parameter import OwnedParameter
from ...distributed.sums import places_of_totals
from ...formula.tracing.passes import passes
from ...formula.tracing.program import Program
from ...formula.tracing.trace import formula_of
from ...state.formats.convert import in_line
from ...state.formats.keeping import formats
from ..decisions.choice import program_for
from ..decisions.gradients import ready_to
from ..decisions.rules import is_measured, measuring_rule_for, rule_for
from .owned_matrices import are_divided

Layout: TypeAlias = tuple[tuple[int, ...], ...]
"""For each moment of a step, how many numbers each parameter that processes share has then."""

BEFORE, AT_THE_END, SEAMS, DUE, FIRST_PASS = range(5)
"""The moments of a step at which processes share: the common norm, what the last passes have measured, the largest
sizes in blocks that lie on several, who has a gradient of what, and the sums of each pass."""

MOMENTS = (
    "the common norm of all gradients",
    "what was measured of the step",
    "the largest sizes in blocks",
    "which matrices have gradients",
    "sums over parameters",
)
"""What they share at each moment, in words."""


def in_order(layout: Layout) -> list[int]:
    """List the moments at which something is shared, in the order in which they come."""
    order = [DUE, BEFORE, *range(FIRST_PASS, len(layout)), SEAMS, AT_THE_END]
    return [moment for moment in order if moment < len(layout) and any(layout[moment])]


def lengths(layout: Layout, processes: int) -> list[int]:
    """Say how many numbers the message of each moment has, in a step that so many processes take.

    Of the common norm, nobody needs to know the parameters' shares.
    """
    found = list(map(sum, layout))
    return [places_of_totals(processes) if total and moment == BEFORE else total for moment, total in enumerate(found)]


def words(moment: int) -> str:
    """Say what is shared at a moment."""
    return MOMENTS[min(moment, FIRST_PASS)]


def layout_of(optimizer: Any, pairs: Sequence[tuple[Any, Any]]) -> Layout:
    """Say how many numbers there are at each moment of the next step, whichever parameters have gradients."""
    counts = [_counts(optimizer, group, param) for group, param in pairs]
    return tuple(zip_longest(*counts, fillvalue=0))


def _counts(optimizer: Any, group: Any, param: Any) -> list[int]:
    """Count the numbers of one parameter, at each moment."""
    before, end = _measures(optimizer, group, param), len(measured(optimizer, group, param))
    if isinstance(param, OwnedParameter):
        # Its owner sums over all of it; others must know if it has a gradient, and if somebody has written it.
        return [before, end, 0, 2]
    programs = _programs(optimizer, group, param)
    seams = len(programs[-1].seams) and len(programs[-1].seams) * len(param.seams)
    sums = [len(each.totals) for each in programs if not each.finds_seams]
    # What is measured by the last pass comes after all others, at one moment for parameters of whatever rule.
    return [before, end, seams, int(are_divided(programs[-1], param, group)), *sums[:-1]]


def _measures(optimizer: Any, group: Any, param: Any) -> int:
    """Count the sums that are taken of a gradient beforehand."""
    if not is_measured(optimizer):
        return 0
    options = ready_to(optimizer, group, param, param, 0).options
    return len(program_for(formula_of(measuring_rule_for(optimizer, group), options), {}, param).totals)


def measured(optimizer: Any, group: Any, param: Any) -> list[str]:
    """Name what the last pass of a parameter's next step measures."""
    formula = formula_of(rule_for(optimizer, group), ready_to(optimizer, group, param, param, 0).options)
    return formula.measured if formula.multiplies else list(_programs(optimizer, group, param)[-1].totals)


def _programs(optimizer: Any, group: Any, param: LocalParameter) -> list[Program]:
    """Find the passes of a parameter's next step."""
    options = ready_to(optimizer, group, param, param, 0).options
    formula, state = formula_of(rule_for(optimizer, group), options), optimizer.state.get(param, {})
    kept = dict(formats(formula.rule, formula.states, param, group, in_line(formula.rule, state, param, group)))
    return list(passes(program_for(formula, kept, param)))
