"""What is decided for each parameter before a step: the kernels that fit it, or why it goes without."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...distributed.local_parameter import LocalParameter
from ...formula.matrices.matrix import work_dtype
from ...formula.rule.facts import whole_shape
from ...formula.rule.rule import Rule
from ...formula.tracing.passes import passes, program_of
from ...formula.tracing.program import Program
from ...formula.tracing.trace import Formula, formula_of
from ...state.formats.blocks import SCALE
from ...state.formats.convert import in_line
from ...state.formats.format import Format, compute_dtype
from ...state.formats.keeping import BESIDE, draws, formats, whole_fault
from ...state.formats.keeping import fault as format_fault
from ...state.initial import count_dtype, scalar_dtype
from ...state.layout import overlapping
from ...state.misfit import misfits
from ..pieces.line_pieces import Counts
from .gradients import Ready
from .likeness import likenesses
from .modes import why_shown
from .reasons import compiler_for, has_memory, why_eager, why_not_program
from .rules import is_measured, measuring_rule_for, rule_for

Dtypes = tuple[tuple[str, torch.dtype], ...]
"""The dtype of each tensor and number, by name."""


SHARED = "it shares memory with another parameter, state or gradient"
"""Why those that overlap in memory are updated one after the other."""

ANEW = "load a state_dict that fits, or delete optimizer.state[parameter] to start anew"
"""What to do about a state that fits no more."""

Key: TypeAlias = tuple[Program, Dtypes, str, torch.device]
"""What tells kernels apart: the program, the dtypes, who compiles it, and for which device."""


@dataclass(frozen=True)
class Choice:
    """What was decided for one parameter: the kernels that fit it, and why they are not used, if they are not."""

    item: Ready
    held: Mapping[str, Any]
    """Its states as they are."""
    state: Mapping[str, Any]
    """Its states as its options ask for them: those that were in another format are converted."""
    kept: Mapping[str, Format]
    program: Program
    measure: Program | None
    """What looks at its gradient before, if anything does."""
    dtypes: Dtypes
    compiler: str
    why_eager: str | None
    fault: str | None
    """What no engine can do with it, in words that follow its name."""
    kernels: tuple[Key, ...]
    """All kernels that it needs; parameters that are alike have the very same tuple."""

    def kernel(self, program: Program) -> Key:
        """Say what its kernel for a pass is."""
        return program, self.dtypes, self.compiler, self.item.param.device

    def of(self, item: Ready, held: Mapping[str, Any], state: Mapping[str, Any]) -> Choice:
        """Choose the same for another parameter, which is like this one."""
        other = object.__new__(Choice)
        # A frozen class sets its fields one by one, which takes four times as long.
        vars(other).update(vars(self), item=item, held=held, state=state)
        return other

    @property
    def counts(self) -> Counts:
        """How many matrices, rows and columns it has, if its formula speaks of them."""
        sides = self.item.options.sides if self.program.has_lines else None
        return sides.count(self.item.param.shape) if sides else (0, 0, 0)

    @property
    def matrices(self) -> tuple[Any, ...]:
        """What must be alike where functions of whole matrices are used: group, division, how tensors lie in memory."""
        param, shard = self.item.param, getattr(self.item.param, "shard", None)
        whole = () if shard is None else (shard.shape, shard.mesh, shard.placements)
        return (id(self.item.group), param.shape, param.stride(), whole) if self.program.work else ()

    @property
    def whole_numel(self) -> int:
        """Count the elements of the whole parameter: all processes decide by that."""
        return prod(whole_shape(self.item.param))

    @property
    def written(self) -> list[Tensor]:
        """The tensors that are written, as far as their memory can be seen."""
        states = (self.state.get(name) for name in (*self.program.tensors, "step", *self.program.scalars))
        found = {id(tensor): tensor for tensor in (self.item.param, *states) if has_memory(tensor)}
        return list(found.values())

    @property
    def read(self) -> list[Tensor]:
        """The gradient, as far as its memory can be seen."""
        return [tensor for tensor in (self.item.grad,) if has_memory(tensor)]


def choose(optimizer: Any, items: Sequence[Ready]) -> list[Choice]:
    """Decide for each parameter what updates it; those that share memory are updated one after the other."""
    choices = list(_choices(optimizer, items))
    shared = overlapping([choice.written for choice in choices], [choice.read for choice in choices])
    return [
        replace(choice, why_eager=choice.why_eager or SHARED) if index in shared else choice
        for index, choice in enumerate(choices)
    ]


def _choices(optimizer: Any, items: Sequence[Ready]) -> Iterator[Choice]:
    """Decide once for all that are alike, as thousands of parameters may be."""
    first: dict[Hashable, Choice] = {}
    measures = is_measured(optimizer)
    states = [optimizer.state.get(item.param, {}) for item in items]
    for item, held, like in zip(items, states, likenesses(items, states), strict=True):
        if like not in first:
            first[like] = _choice(optimizer, item, held, measures)
            yield first[like]
        else:
            yield _alike(first[like], item, held)


def _alike(first: Choice, item: Ready, held: Mapping[str, Any]) -> Choice:
    """Choose for a parameter what was chosen for one that is like it."""
    item.take_over(first.item.options)
    is_as_held = first.fault is not None or first.state is first.held
    rule = first.program.formula.rule
    return first.of(item, held, held if is_as_held else in_line(rule, held, item.param, item.group))


def _choice(optimizer: Any, item: Ready, held: Mapping[str, Any], measures: bool) -> Choice:
    rule, param, group = rule_for(optimizer, item.group), item.param, item.group
    formula = formula_of(rule, item.options)
    fault = state_fault(formula, item, held)
    state = held if fault else in_line(rule, held, param, group)
    kept = _kept(formula, item, state)
    program, measure = program_for(formula, kept, param), None
    if measures:
        looking = formula_of(measuring_rule_for(optimizer, group), item.options)
        measure = program_for(looking, _kept(looking, item, state), param)
    reason = why_eager(optimizer.engine, item, formula, kept, state) or why_not_program(optimizer.engine, item, program)
    reason = reason or why_shown(optimizer)
    dtypes, compiler = _dtypes(program, kept, item, state), compiler_for(optimizer.engine, param)
    needed = [*([] if measure is None else [measure]), *passes(program)]
    keys = tuple((each, dtypes, compiler, param.device) for each in needed)
    return Choice(item, held, state, kept, program, measure, dtypes, compiler, reason, fault, keys)


def program_for(formula: Formula, kept: Mapping[str, Format], param: Tensor) -> Program:
    """Find the program of a formula for a parameter whose quantities are kept in some formats."""
    has_blocks = any(form.has_blocks for form in kept.values())
    has_seams = has_blocks and isinstance(param, LocalParameter) and bool(param.seams)
    return program_of(formula, _unusual(kept), has_seams)


def state_fault(formula: Formula, item: Ready, state: Mapping[str, Any]) -> str | None:
    """Say why a parameter, its options and its states do not go together, on any engine."""
    rule, param, group = formula.rule, item.param, item.group
    if formula.has_lines and (fault := _line_fault(item)):
        return fault
    unfit = _edited_fault(rule, param, group) or format_fault(param, group) or whole_fault(param, group)
    if unfit:
        return f"{unfit[0]}, but it {unfit[1]}"
    fault = next(misfits(rule, param, group, state), None)
    return f"it {fault}: {ANEW}" if fault else _elsewhere(rule, param, state)


def _edited_fault(rule: Rule, param: Tensor, group: Mapping[str, Any]) -> tuple[str, str] | None:
    """Say what was edited in a group so that a rule is not for a parameter; of a shard, the whole is asked."""
    return None if isinstance(param, LocalParameter) else rule.owner.unfit(param, group)


def _line_fault(item: Ready) -> str | None:
    """Say why a parameter has no rows and columns for a formula that speaks of them."""
    if item.param.is_complex():
        return f"its rule speaks of rows and columns of real numbers, but it is {item.param.dtype}: pass it to AdamW"
    if item.options.sides is None:
        return (
            f"its rule speaks of rows and columns, but it has shape {tuple(item.param.shape)}: pass it to AdamW, or "
            "let the rule ask `if self.is_matrix`"
        )
    return None


def _elsewhere(rule: Rule, param: Tensor, state: Mapping[str, Any]) -> str | None:
    """Say which state was left on another device; numbers of a whole parameter may be anywhere."""
    own = {part for name in rule.states for part in (name, name + SCALE)} | {*BESIDE}
    for name in own & state.keys():
        value = state[name]
        if isinstance(value, Tensor) and value.dim() and value.device != param.device:
            return (
                f"its state {name!r} is on {value.device}, but it is on {param.device}: move the states too, as "
                "optimizer.load_state_dict(optimizer.state_dict()) does"
            )
    return None


def _kept(formula: Formula, item: Ready, state: Mapping[str, Any]) -> dict[str, Format]:
    return dict(formats(formula.rule, formula.states, item.param, item.group, state))


def _unusual(kept: Mapping[str, Format]) -> tuple[tuple[str, Format], ...]:
    """Leave out what a dtype says."""
    return tuple((name, form) for name, form in kept.items() if not form.is_plain)


def _dtypes(program: Program, kept: Mapping[str, Format], item: Ready, state: Mapping[str, Any]) -> Dtypes:
    tensors = {part.of(name): part.memory for name, form in kept.items() for part in form.parts}
    rule, param = program.formula.rule, item.param
    # A count that is no state is the launch's own, in float64, and so is all else that it knows of a parameter.
    count = count_dtype(draws(item.group)) if rule.counts_steps else torch.float64
    new = {"step": count} | {name: scalar_dtype(rule, name) for name in rule.scalars}
    names = dict.fromkeys(name for each in passes(program) for name in each.scalars)
    numbers = {name: new.get(name, torch.float64) for name in names}
    numbers |= {name: state[name].dtype for name in numbers if isinstance(state.get(name), Tensor)}
    compute = compute_dtype(param.dtype)
    tensors |= {"grad": param.dtype} | dict.fromkeys(program.work, work_dtype(compute))
    tensors |= dict.fromkeys(program.vectors, compute) | dict.fromkeys(program.seams, compute)
    formats_ = {name: dtype.to_real() for name, dtype in (tensors | numbers).items()}
    return tuple((formats_ | {"compute": compute}).items())
