"""A launch, made of what was chosen for its parameters: tables, options, and what waits between passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from torch import Tensor

from ...distributed.owners import Loads
from ...formula.tracing.passes import passes
from ...state.initial import is_fresh
from ..decisions.choice import Choice
from ..launches.launch import Launch
from ..launches.options import Options
from ..launches.row import Row
from ..pieces.line_pieces import Vectors
from ..pieces.seams import Seams
from ..pieces.workspace import Workspace
from ..sharded import owned_matrices
from .build import kernel_for


class Kinds(NamedTuple):
    """What launches and options are, for a compiler's kernels."""

    launch: Any
    options: Any


def _kinds(compiler: str) -> Kinds:
    if compiler == "triton":
        from ..triton.launching.device_launch import DeviceLaunch
        from ..triton.launching.device_options import DeviceOptions

        return Kinds(DeviceLaunch, DeviceOptions)
    return Kinds(Launch, Options)


def launch_of(
    optimizer: Any,
    choices: Sequence[Choice],
    states: Mapping[int, dict[str, Any]],
    space: Workspace,
    loads: dict[Any, Loads],
) -> Any:
    """Make the tables."""
    first, kinds = choices[0], _kinds(choices[0].compiler)
    updates = [(program, kernel_for(*first.kernel(program))) for program in passes(first.program)]
    measure = None if first.measure is None else (first.measure, kernel_for(*first.kernel(first.measure)))
    columns = [symbol for program in (*passes(first.program), first.measure) if program for symbol in program.options]
    groups = {id(choice.item.group): choice.item.group for choice in choices}
    members = [choice.item.options for choice in choices]
    options = kinds.options(list(groups.values()), first.program.formula, columns, optimizer._step_numbers, members)
    places = {key: options.address(row) for row, key in enumerate(groups)}
    params = [choice.item.param for choice in choices]
    matrices = owned_matrices.matrices_for(first, params, space, loads) if first.program.work else None
    vectors = Vectors(first.program, [choice.counts for choice in choices], space, params[0])
    seams = Seams(first.program.seams, params) if first.program.seams else None
    made = [each for each in (matrices, vectors, seams) if each]
    work = [dict(chain.from_iterable(each.of(index).items() for each in made)) for index in range(len(choices))]
    rows = [
        _row(choice, states[id(choice)], places[id(choice.item.group)], own)
        for choice, own in zip(choices, work, strict=True)
    ]
    launch = kinds.launch(rows, [choice.item.grad for choice in choices], options, updates, measure, matrices)
    launch.seams = seams
    return launch


def _row(choice: Choice, state: dict[str, Any], options: int, work: dict[str, Tensor]) -> Row:
    counts = choice.counts if choice.program.has_lines else None
    is_first = is_fresh(choice.state, choice.program.formula)
    return Row(choice.item.param, state, options, is_first, choice.item.numbers, work, counts)
