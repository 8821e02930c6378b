"""Print an optimizer: its formula, LaTeX, states, bytes per element, and the kernel that is made of it."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

import torch
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from ..formula.latex import latex
from ..formula.passes import Program, program_of
from ..formula.trace import formula_of
from ..hyper import REQUIRED
from ..optimizer import Optimizer


def show(cls: type, console: Console, *, kernel: str | None = None, **options: Any) -> None:
    """Print what an optimizer is under some options; or its float32 kernel, in one of the languages of `KERNELS`."""
    if not issubclass(cls, Optimizer):
        raise ValueError(f"{cls.__module__}.{cls.__name__} has no formula here: show one of this library's optimizers")
    group = _options(cls, options)
    program = program_of(formula_of(cls.rule, group))
    if kernel is not None:
        console.print(KERNELS[kernel](program, _all_float32(program)), markup=False, highlight=False, soft_wrap=True)
        return
    console.print(f"[bold]{cls.__name__}[/]: {inspect.getdoc(cls) or ''}\n", highlight=False, soft_wrap=True)
    source = textwrap.dedent(inspect.getsource(cls.update))
    console.print(Syntax(source, "python", background_color="default", word_wrap=True))
    console.print("\n[bold]LaTeX[/], under these options\n")
    for line in latex(program.formula):
        console.print(f"  {line} \\\\", markup=False, highlight=False, soft_wrap=True)
    console.print()
    console.print(_options_table(group, cls))
    console.print()
    console.print(_memory(program))
    console.print(f"\n{_kept(program)}", highlight=False)


def _options(cls: type[Optimizer], options: dict[str, Any]) -> dict[str, Any]:
    """Complete and check options as the optimizer itself does; one that has no default shows as 0.1."""
    required = {name: 0.1 for name, option in cls.options.items() if option.default is REQUIRED}
    optimizer = cls([torch.zeros(1)], **required | options)
    return optimizer.param_groups[0]


def _options_table(group: dict[str, Any], cls: type[Optimizer]) -> Table:
    table = Table("option", "value", box=None, header_style="bold")
    for name, option in cls.options.items():
        if not option.keyword_only:
            table.add_row(name, repr(group[name]))
    return table


def _memory(program: Program) -> Table:
    """Count what one step reads and writes, for float32."""
    table = Table("tensor", "read", "written", "bytes an element", box=None, header_style="bold")
    for name in program.tensors:
        read, written = name in program.loads, name in program.stores
        table.add_row(name, _tick(read), _tick(written), str(4 * (read + written)))
    total = 4 * (len(program.loads) + len(program.stores))
    table.add_row("[bold]in all[/]", "", "", f"[bold]{total}[/]")
    return table


def _kept(program: Program) -> str:
    """Say what is remembered from step to step."""
    numbers = [name for name in program.scalars if name != "step" or program.formula.rule.counts_steps]
    states = 4 * (len(program.tensors) - 2)
    return f"Kept: {states} bytes an element, and for each parameter {', '.join(numbers) or 'nothing more'}."


def _tick(yes: bool) -> str:
    return "yes" if yes else ""


def _all_float32(program: Program) -> dict[str, torch.dtype]:
    return dict.fromkeys(["compute", *program.tensors, *program.scalars], torch.float32)


# Each compiler is imported when its text is asked for.
def _llvm(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    from ..engine.llvm.render import render

    return render(program, dtypes)


def _asm(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    from ..engine.llvm.compile import assembly

    return assembly(_llvm(program, dtypes))


def _triton(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    from ..engine.triton.render import render

    return render(program, dtypes)


def _ptx(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    from ..engine.triton.available import interprets, why_not

    if reason := why_not():
        raise ValueError(f"--ptx needs Triton, but {reason}")
    if interprets():
        raise ValueError("--ptx needs Triton's compiler, but TRITON_INTERPRET is set: unset it")
    from ..engine.triton.compile import assembly

    return assembly(program, dtypes)


KERNELS = {"llvm": _llvm, "asm": _asm, "triton": _triton, "ptx": _ptx}
"""The languages that kernels can be shown in: text for a compiler, and what the compiler makes of it."""
