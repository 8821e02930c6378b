"""The numbers that are one a parameter, computed on the device in float64: counts, and what formulas have of options.

On the device they need no copy and no waiting, and are there for CUDA graphs.
"""

from collections.abc import Iterator, Mapping

import torch

from ....formula.tracing.program import Program
from ...pieces.row_layout import RowLayout
from ..language.dtypes import FORMATS
from ..language.text import Values, block, is_condition, name_of
from .given import counts_by_itself, is_given


def prepare(program: Program, dtypes: Mapping[str, torch.dtype], layout: RowLayout) -> str:
    """Write the kernel that counts the step of each row and computes its numbers, a row to a thread."""
    symbols = {symbol.label: name_of(symbol.label) for symbol in program.inputs} | {"step_count": name_of("step")}
    results = [*program.numbers, *program.updates.values()]
    given = {number: f"number_{index}" for index, number in enumerate(program.numbers)}
    values = Values("tl.float64", symbols, results, given)
    return f"""
@triton.jit(do_not_specialize=["row_count"])
def prepare(overflowed, rows, given, numbers, row_count, ROWS: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    # A scaler's step that found an overflow does not count.
    inside = row < tl.where(tl.load(overflowed) == 0, row_count, 0)
    at = rows + row * {layout.width}
{block(line for name in layout.scalars for line in read(name, layout, dtypes))}
{block(group(program, layout), values.lines())}
{block(keep(program, values), write(program, layout, dtypes, values) if counts(program) else ())}
"""


def counts(program: Program) -> bool:
    """Tell if what changes from step to step is written before the pass: where a number waits for it."""
    return program.is_last and not is_given(program)


def read(name: str, layout: RowLayout, dtypes: Mapping[str, torch.dtype]) -> Iterator[str]:
    """Read a number of the row, in float64; the step is counted as it is read."""
    kind = FORMATS[dtypes[name]].type
    counted = " + 1" if name == "step" else ""
    yield f"{name_of(name)}_at = tl.load(at + {layout.scalar(name)}, inside).to(tl.pointer_type({kind}))"
    yield f"{name_of(name)} = tl.load({name_of(name)}_at, inside).to(tl.float64){counted}"


def group(program: Program, layout: RowLayout) -> Iterator[str]:
    """Read the options of the row's group."""
    if program.options:
        yield f"group = given + tl.load(at + {layout.word('options')}, inside)"
    for index, symbol in enumerate(program.options):
        yield f"{name_of(symbol.label)} = tl.load(group + {index}, inside)"


def keep(program: Program, values: Values) -> Iterator[str]:
    """Leave the numbers where the pass finds them."""
    yield f"kept = numbers + row * {max(len(program.numbers), 1)}"
    for index, number in enumerate(program.numbers):
        yield f"tl.store(kept + {index}, {values[number]}.to(tl.float64), inside)"


def received(program: Program, compute: str) -> Iterator[str]:
    """Read the numbers in a pass, and round them to what it computes in."""
    for index, number in enumerate(program.numbers):
        read, kind = f"tl.load(numbers + {index})", "tl.int32" if number.kind == "bits" else compute
        # Triton's interpreter spreads a truth value over elements as what it was made of: whole numbers have logic.
        text = f"{read}.to(tl.int32) != 0" if is_condition(number) else f"{read}.to({kind})"
        yield f"number_{index} = {text}"


def counted(program: Program, layout: RowLayout, dtypes: Mapping[str, torch.dtype], begin: str) -> Iterator[str]:
    """Count the step in a pass, where no number waits for it: the program does that begins at zero."""
    if counts_by_itself(program):
        kind = FORMATS[dtypes["step"]].type
        yield f"step_at = tl.load(at + {layout.scalar('step')}).to(tl.pointer_type({kind}))"
        yield f"tl.store(step_at, tl.load(step_at) + 1, ({begin} == 0) & (tl.load(overflowed) == 0))"


def write(program: Program, layout: RowLayout, dtypes: Mapping[str, torch.dtype], values: Values) -> Iterator[str]:
    """Write the numbers of the row that change."""
    for name in layout.scalars:
        if name == "step" or name in program.updates:
            new = values[program.updates[name]] if name in program.updates else name_of(name)
            yield f"tl.store({name_of(name)}_at, {new}.to({FORMATS[dtypes[name]].type}), inside)"
