"""Which tensors go together: one launch for all that share a formula and formats, whatever their groups."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from ..formula.matrix import work_dtype
from ..formula.passes import Program, passes, program_of
from ..formula.trace import Formula, formula_of
from ..state.formats import Format, compute_dtype
from ..state.initial import complete, number_dtype
from ..state.keeping import formats, keeps_anything
from ..state.layout import overlapping
from . import capture, eager, matrices, norm
from .access import InPlace
from .choose import COMPILERS, compiler_for, has_memory, why_eager, why_not_device
from .gradients import Ready, again
from .launch import Launch, Row
from .learning import learn
from .matrices import Matrices, Workspace
from .options import Options
from .rules import OVERFLOWED, gathered, is_measured, measuring_rule_for, rule_for
from .triton import available

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


@dataclass(frozen=True)
class Plan:
    """How one set of parameters is updated, step after step."""

    launches: list[Launch]
    eager: list[tuple[dict[str, Any], Tensor, int]]
    """The parameters left to the eager engine, with groups and places; never a gradient, which would live on."""
    accumulates: bool
    """True if gradients are gathered over several steps."""

    @property
    def is_plain(self) -> bool:
        """True if running the launches is all there is to do."""
        return not (self.eager or self.accumulates) and all(launch.is_plain for launch in self.launches)

    @property
    def decides_on_device(self) -> bool:
        """True if the devices themselves can leave a step out, and nobody else need know."""
        on_device = all(launch.is_on_device for launch in self.launches)
        return on_device and not (self.eager or self.accumulates)

    def run(self, optimizer: Any) -> None:
        """Update all of them, unless what is seen of their gradients forbids it."""
        items = [again(optimizer, *kept) for kept in self.eager]
        capture.refuse_eager(optimizer, items)
        metrics = optimizer._metrics
        metrics.sums.clear()
        is_left_out = self._is_left_out(optimizer, items)
        if is_left_out is True:
            return
        for launch in self.launches:
            launch.run(is_left_out)
            for name, sums in launch.measured().items():
                metrics.take(name, sums)
        if items:
            eager.step(optimizer, items)
        if optimizer.learned:
            learn(optimizer, is_left_out)
        if self.accumulates and (self.launches or items):
            gathered(optimizer)

    def _is_left_out(self, optimizer: Any, items: Sequence[Ready]) -> Any:
        """Find out if the step is to be left out; where only devices need know, they alone do, from a tensor."""
        found = norm.take(optimizer, self.launches, items) if is_measured(optimizer) else False
        if not self.decides_on_device:
            return bool(found)
        flags = [flag for flag in (found, optimizer.__dict__.get(OVERFLOWED)) if isinstance(flag, Tensor)]
        return sum(flag.to(flags[0].device, torch.float32).reshape(1) for flag in flags) if flags else found


_failures: dict[Key, str] = {}
"""The kernels that could not be built, and why: tried once, told once."""

_told: set[str] = set()
"""Why there are no kernels for a device: told once."""


def plan(optimizer: Any, items: Sequence[Ready]) -> Plan:
    """Plan the update of parameters; what no kernel can be built for is left to the eager engine, with a warning."""
    choices = choose(optimizer, items)
    if any(choice.compiler == "triton" for choice in choices):
        capture.refuse_first_step(optimizer)
    choices = [_with_kernels(optimizer, choice) for choice in choices]
    space = Workspace()
    launches = [_launch(optimizer, found, space) for found in _together(choices)]
    left = [choice.item for choice in choices if choice.why_eager]
    others = [(item.group, item.param, item.index) for item in left]
    return Plan(launches, others, any(group["accumulate"] > 1 for group in optimizer.param_groups))


def _together(choices: Sequence[Choice]) -> list[list[Choice]]:
    """Find those that go into one launch, the largest first; where matrices are made, they lie alike, and are few."""
    sets: dict[Any, list[Choice]] = {}
    for choice in choices:
        if not choice.why_eager:
            sets.setdefault((choice.measure is None, *choice.kernels, *choice.matrices), []).append(choice)
    parts = (part for found in sets.values() for part in (_parts(found) if found[0].matrices else [found]))
    return sorted(parts, key=lambda part: -len(part) * part[0].item.param.numel() if part[0].matrices else 0)


def _parts(choices: list[Choice]) -> Iterator[list[Choice]]:
    """Cut a set of like parameters into as large pieces as are worked on at once."""
    count = max(matrices.MOST // max(choices[0].item.param.numel(), 1), 1)
    for first in range(0, len(choices), count):
        yield choices[first : first + count]


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


def _with_kernels(optimizer: Any, choice: Choice) -> Choice:
    """See that the kernels are there, before anything changes; whatever goes wrong in a compiler, training goes on."""
    _tell_of_device(optimizer, choice)
    if choice.why_eager is None:
        for key in choice.kernels:
            _try(optimizer, key)
    failures = (_failures.get(key) for key in choice.kernels)
    return replace(choice, why_eager=choice.why_eager or next(filter(None, failures), None))


def _tell_of_device(optimizer: Any, choice: Choice) -> None:
    """Say once that the engine that was asked for, or is for a device, cannot be had."""
    reason = why_not_device(optimizer.engine, choice.item.param)
    is_asked = optimizer.engine in COMPILERS or choice.item.param.device.type in available.DEVICES
    if reason and is_asked and choice.why_eager == reason and reason not in _told:
        _told.add(reason)
        warnings.warn(f"{type(optimizer).__name__} runs on the eager engine, as {reason}", RuntimeWarning, stacklevel=2)


def _try(optimizer: Any, key: Key) -> None:
    if key in _failures:
        return
    try:
        _kernel(*key)
    except Exception as error:
        _failures[key] = f"no kernel could be built: {error}"
        name = type(optimizer).__name__
        warnings.warn(f"{name} runs on the eager engine, as {_failures[key]}", RuntimeWarning, stacklevel=2)


def _kernel(program: Program, dtypes: Dtypes, compiler: str, device: torch.device) -> Any:
    # Only now is LLVM or Triton needed, and imported.
    if compiler == "triton":
        from .triton import kernel

        return kernel.kernel_of(program, dtypes, device)
    from .llvm.kernel import kernel_of

    return kernel_of(program, dtypes)


class Kinds(NamedTuple):
    """What launches and options are, for a compiler's kernels."""

    launch: Any
    options: Any


def _kinds(compiler: str) -> Kinds:
    if compiler == "triton":
        from .triton.launch import DeviceLaunch
        from .triton.options import DeviceOptions

        return Kinds(DeviceLaunch, DeviceOptions)
    return Kinds(Launch, Options)


def _launch(optimizer: Any, choices: Sequence[Choice], space: Workspace) -> Any:
    """Make the states that are missing, and the tables."""
    first, kinds = choices[0], _kinds(choices[0].compiler)
    updates = [(program, _kernel(*first.kernel(program))) for program in passes(first.program)]
    measure = None if first.measure is None else (first.measure, _kernel(*first.kernel(first.measure)))
    columns = [symbol for program in (*passes(first.program), first.measure) if program for symbol in program.options]
    groups = {id(choice.item.group): choice.item.group for choice in choices}
    options = kinds.options(list(groups.values()), first.program.formula, columns, optimizer._step_numbers)
    places = {key: options.address(row) for row, key in enumerate(groups)}
    params = [choice.item.param for choice in choices]
    matrices = Matrices(first.program, params, first.item.group, space) if first.program.work else None
    rows = [
        _row(optimizer, choice, places[id(choice.item.group)], matrices.of(index) if matrices else {})
        for index, choice in enumerate(choices)
    ]
    return kinds.launch(rows, options, updates, measure, matrices)


def _row(optimizer: Any, choice: Choice, options: int, work: dict[str, Tensor]) -> Row:
    item, formula = choice.item, choice.program.formula
    is_fresh = any(choice.state.get(name) is None for name in formula.states)
    state = optimizer.state[item.param] if keeps_anything(formula, choice.kept) else {}
    complete(state, formula, item.param, choice.kept, InPlace.reader(item.group))
    return Row(item.param, state, options, is_fresh, item.numbers, work)
