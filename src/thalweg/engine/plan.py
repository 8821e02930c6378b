"""Which tensors go together: one launch for all that share a formula and formats, whatever their groups."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..formula.passes import Program, program_of
from ..formula.trace import formula_of
from ..state.formats import compute_dtype
from ..state.initial import complete, number_dtype
from ..state.layout import overlapping
from . import eager
from .access import InPlace
from .choose import has_memory, why_eager
from .gradients import Ready, again
from .launch import Launch, Row
from .options import Options
from .scaling import rule_for

Dtypes = tuple[tuple[str, torch.dtype], ...]
"""The dtype of each tensor and number, by name."""


@dataclass(frozen=True)
class Choice:
    """What was decided for one parameter: the kernel that fits it, and why it is not used, if it is not."""

    item: Ready
    state: Mapping[str, Any]
    program: Program
    dtypes: Dtypes
    why_eager: str | None

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors that are written, as far as their memory can be seen."""
        states = (self.state.get(name) for name in self.program.tensors)
        return [tensor for tensor in (self.item.param, *states) if has_memory(tensor)]


@dataclass(frozen=True)
class Plan:
    """How one set of parameters is updated, step after step."""

    launches: list[Launch]
    eager: list[tuple[dict[str, Any], Tensor]]
    """The parameters that are left to the eager engine, with their groups; never a gradient, which would live on."""

    def run(self, optimizer: Any) -> None:
        """Update all of them."""
        items = [again(optimizer, group, param) for group, param in self.eager]
        for launch in self.launches:
            launch.run()
        if items:
            eager.step(optimizer, items)


_failures: dict[tuple[Program, Dtypes], str] = {}
"""The kernels that could not be built, and why: tried once, told once."""


def plan(optimizer: Any, items: Sequence[Ready]) -> Plan:
    """Plan the update of parameters; what no kernel can be built for is left to the eager engine, with a warning."""
    choices = [_with_kernel(optimizer, choice) for choice in choose(optimizer, items)]
    together: dict[tuple[Program, Dtypes], list[Choice]] = {}
    for choice in choices:
        if not choice.why_eager:
            together.setdefault((choice.program, choice.dtypes), []).append(choice)
    launches = [_launch(optimizer, _kernel(*key), key[0], found) for key, found in together.items()]
    return Plan(launches, [(choice.item.group, choice.item.param) for choice in choices if choice.why_eager])


def choose(optimizer: Any, items: Sequence[Ready]) -> list[Choice]:
    """Decide for each parameter what updates it; those that share memory are updated one after the other."""
    choices = [_choice(optimizer, item) for item in items]
    shared = overlapping([choice.tensors for choice in choices])
    reason = "it shares memory with another parameter or state"
    return [
        replace(choice, why_eager=choice.why_eager or reason) if index in shared else choice
        for index, choice in enumerate(choices)
    ]


def _choice(optimizer: Any, item: Ready) -> Choice:
    formula = formula_of(rule_for(optimizer), item.group)
    program, state = program_of(formula), optimizer.state.get(item.param, {})
    reason = why_eager(optimizer.engine, item, formula, state)
    return Choice(item, state, program, _dtypes(program, item.param, state), reason)


def _dtypes(program: Program, param: Tensor, state: Mapping[str, Any]) -> Dtypes:
    tensors = {name: state[name].dtype if state.get(name) is not None else param.dtype for name in program.tensors}
    # A count that is no state is the launch's own, in float64.
    new = number_dtype() if program.formula.rule.counts_steps else torch.float64
    numbers = {name: state[name].dtype if isinstance(state.get(name), Tensor) else new for name in program.scalars}
    formats = {name: dtype.to_real() for name, dtype in (tensors | numbers).items()}
    return tuple((formats | {"compute": compute_dtype(param.dtype)}).items())


def _with_kernel(optimizer: Any, choice: Choice) -> Choice:
    """See that the kernel is there, before anything changes; whatever goes wrong in a compiler, training goes on."""
    key = choice.program, choice.dtypes
    if choice.why_eager is None and key not in _failures:
        try:
            _kernel(*key)
        except Exception as error:
            _failures[key] = f"no kernel could be built: {error}"
            name = type(optimizer).__name__
            warnings.warn(f"{name} runs on the eager engine, as {_failures[key]}", RuntimeWarning, stacklevel=2)
    return replace(choice, why_eager=choice.why_eager or _failures.get(key))


def _kernel(program: Program, dtypes: Dtypes) -> Any:
    # Only now is LLVM needed, and imported.
    from .llvm.kernel import kernel_of

    return kernel_of(program, dtypes)


def _launch(optimizer: Any, kernel: Any, program: Program, choices: Sequence[Choice]) -> Launch:
    """Make the states that are missing, and the tables."""
    groups = {id(choice.item.group): choice.item.group for choice in choices}
    options = Options(list(groups.values()), program.formula, program.options, optimizer._step_numbers)
    places = {key: options.address(row) for row, key in enumerate(groups)}
    rows = []
    for choice in choices:
        item, formula = choice.item, program.formula
        is_fresh = any(choice.state.get(name) is None for name in formula.states)
        state = optimizer.state[item.param] if formula.keeps_anything else {}
        complete(state, formula, item.param, InPlace.reader(item.group))
        rows.append(Row(item.param, state, places[id(item.group)], is_fresh))
    return Launch(kernel, program, rows, options)
