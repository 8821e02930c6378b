"""What is decided for each parameter before a step: the kernels that fit it, or why it goes without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..formula.matrix import work_dtype
from ..formula.passes import Program, passes, program_of
from ..formula.trace import Formula, formula_of
from ..state.formats import Format, compute_dtype
from ..state.initial import number_dtype
from ..state.keeping import formats
from ..state.layout import overlapping
from .choose import compiler_for, has_memory, why_eager
from .gradients import Ready
from .rules import is_measured, measuring_rule_for, rule_for

Dtypes = tuple[tuple[str, torch.dtype], ...]
"""The dtype of each tensor and number, by name."""


Key: TypeAlias = tuple[Program, Dtypes, str, torch.device]
"""What tells kernels apart: the program, the dtypes, who compiles it, and for which device."""


@dataclass(frozen=True)
class Choice:
    """What was decided for one parameter: the kernels that fit it, and why they are not used, if they are not."""

    item: Ready
    state: Mapping[str, Any]
    kept: Mapping[str, Format]
    program: Program
    measure: Program | None
    """What looks at its gradient before, if anything does."""
    dtypes: Dtypes
    compiler: str
    why_eager: str | None

    @property
    def kernels(self) -> list[Key]:
        """All kernels that it needs."""
        measure = [] if self.measure is None else [self.measure]
        return [self.kernel(program) for program in [*measure, *passes(self.program)]]

    def kernel(self, program: Program) -> Key:
        """Say what its kernel for a pass is."""
        return program, self.dtypes, self.compiler, self.item.param.device

    @property
    def matrices(self) -> tuple[Any, ...]:
        """What must be alike where functions of whole matrices are used: the group, and how tensors lie in memory."""
        param = self.item.param
        return (id(self.item.group), param.shape, param.stride()) if self.program.work else ()

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors that are written, as far as their memory can be seen."""
        # A device's threads count all steps at once: of two that share a count, one would be lost.
        numbers = {"step", *self.program.scalars} if self.compiler == "triton" else []
        states = (self.state.get(name) for name in (*self.program.tensors, *numbers))
        return [tensor for tensor in (self.item.param, *states) if has_memory(tensor)]


def choose(optimizer: Any, items: Sequence[Ready]) -> list[Choice]:
    """Decide for each parameter what updates it; those that share memory are updated one after the other."""
    measures = is_measured(optimizer)
    choices = [_choice(optimizer, item, measures) for item in items]
    shared = overlapping([choice.tensors for choice in choices])
    reason = "it shares memory with another parameter or state"
    return [
        replace(choice, why_eager=choice.why_eager or reason) if index in shared else choice
        for index, choice in enumerate(choices)
    ]


def _choice(optimizer: Any, item: Ready, measures: bool) -> Choice:
    formula, state = formula_of(rule_for(optimizer, item.group), item.group), optimizer.state.get(item.param, {})
    kept = _kept(formula, item, state)
    program, measure = program_of(formula, _unusual(kept)), None
    if measures:
        looking = formula_of(measuring_rule_for(optimizer, item.group), item.group)
        measure = program_of(looking, _unusual(_kept(looking, item, state)))
    reason = why_eager(optimizer.engine, item, formula, kept, state)
    dtypes, compiler = _dtypes(program, kept, item.param, state), compiler_for(optimizer.engine, item.param)
    return Choice(item, state, kept, program, measure, dtypes, compiler, reason)


def _kept(formula: Formula, item: Ready, state: Mapping[str, Any]) -> dict[str, Format]:
    return dict(formats(formula.rule, formula.states, item.param, item.group, state))


def _unusual(kept: Mapping[str, Format]) -> tuple[tuple[str, Format], ...]:
    """Leave out what a dtype says."""
    return tuple((name, form) for name, form in kept.items() if not form.is_plain)


def _dtypes(program: Program, kept: Mapping[str, Format], param: Tensor, state: Mapping[str, Any]) -> Dtypes:
    tensors = {part.of(name): part.memory for name, form in kept.items() for part in form.parts}
    # A count that is no state is the launch's own, in float64, and so is all else that it knows of a parameter.
    new = number_dtype() if program.formula.rule.counts_steps else torch.float64
    scalars = program.formula.rule.scalars
    names = dict.fromkeys(name for item in passes(program) for name in item.scalars)
    numbers = {name: new if name == "step" else number_dtype() if name in scalars else torch.float64 for name in names}
    numbers |= {name: state[name].dtype for name in numbers if isinstance(state.get(name), Tensor)}
    compute = compute_dtype(param.dtype)
    tensors |= {"grad": param.dtype} | dict.fromkeys(program.work, work_dtype(compute))
    formats_ = {name: dtype.to_real() for name, dtype in (tensors | numbers).items()}
    return tuple((formats_ | {"compute": compute}).items())
