"""Which parameters a process steps by the part that it has, and which it steps as a whole, and why."""

from __future__ import annotations

from typing import Any

import torch

from ...distributed.local_parameter import LocalParameter, local_parameter
from ...distributed.shards import is_sharded
from ...formula.around.training_loop import AROUND
from ...formula.graph.expr import Reduction, walk
from ...formula.tracing.trace import Formula, formula_of
from ...state.checkpoints.parts import goes_by_part, multiplies_wholes
from ..decisions.gradients import ready_to
from ..decisions.rules import counting_rule, is_measured


def local_of(optimizer: Any, group: Any, param: Any) -> LocalParameter | None:
    """Make the local parameter of one that is sharded or divided; None where it is stepped as a whole."""
    if is_sharded(param):
        own = local_parameter(param)
    elif optimizer._division is not None and param.layout == torch.strided:
        own = optimizer._division.local_parameter(param)
    else:
        return None
    return own if why_whole(optimizer, group, own) is None else None


def why_whole(optimizer: Any, group: Any, param: LocalParameter) -> str | None:
    """Say why a sharded parameter is stepped as a whole, by torch's dispatch; None if each process steps its part."""
    if param.shard.is_partial:
        return "its elements are terms of a sum"
    if group["differentiable"]:
        return "differentiable=True leaves every operation to autograd"
    if torch.strided not in optimizer.rule_in(group).owner.layouts:
        return "its rule is for sparse gradients"
    formula = _of_step(optimizer, group, param)
    if formula.has_lines:
        return "its formula speaks of rows and columns, or multiplies whole matrices"
    if multiplies_wholes(formula):
        if param.sharded is None:
            return "every process has all of it, and one can multiply it alone"
        if optimizer.engine == "eager":
            return "the eager engine takes functions of a whole matrix"
        if not lies_in_order(param):
            return "its part lies in memory in another order than the whole"
    return (
        "the eager engine takes sums of a whole tensor"
        if optimizer.engine == "eager" and (sums(formula) or is_measured(optimizer))
        else None
    )


def has_owner(optimizer: Any, group: Any, param: Any) -> bool:
    """Tell if one process steps all of a parameter: its formula speaks of rows and columns, or multiplies it.

    A sharded matrix that is only multiplied is brought to its owner for that, in the midst of the step of its parts.
    """
    if group["differentiable"] or torch.strided not in optimizer.rule_in(group).owner.layouts:
        return False
    if is_sharded(param):
        is_partial = any(placement.is_partial() for placement in param.placements)
        return not is_partial and _of_step(optimizer, group, param).has_lines
    is_divided = optimizer._division is not None and param.layout == torch.strided
    return is_divided and not goes_by_part(_of_step(optimizer, group, param), is_sharded=False)


def keeps_states(optimizer: Any, group: Any, param: Any) -> bool:
    """Tell if a true step leaves states, beside what training loops put around it."""
    return not set(_of_step(optimizer, group, param).states) <= set(AROUND)


def _of_step(optimizer: Any, group: Any, param: Any) -> Formula:
    """Find the formula of a true step, whatever is done now: gradients may only be gathered."""
    return formula_of(counting_rule(optimizer, group), ready_to(optimizer, group, param, param, 0).options)


def lies_in_order(param: LocalParameter) -> bool:
    """Tell if the part that is here lies in memory in the order of the whole tensor, as messages have it."""
    return not param.numel() or bool(param.permute(param.shard.order).is_contiguous())


def sums(formula: Formula) -> bool:
    """Tell if a formula sums over all elements of a parameter."""
    return any(isinstance(node, Reduction) and node.how != "block_peak" for node in walk(*formula.outputs.values()))
