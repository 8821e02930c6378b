"""Print an optimizer: its formula, LaTeX, states, bytes per element, and the kernel that is made of it."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from ...engine.decisions.choice import Choice, choose
from ...engine.decisions.gradients import Ready
from ...formula.graph.expr import BLOCK, Scope
from ...formula.tracing.latex import latex
from ...formula.tracing.passes import passes
from ...formula.tracing.program import Program
from ...hyper import REQUIRED
from ...optimizer import Optimizer


def show(cls: type, console: Console, *, kernel: str | None = None, **options: Any) -> None:
    """Print what an optimizer is under some options; or its float32 kernel, in a language of `KERNELS`, or "js"."""
    if not issubclass(cls, Optimizer):
        raise ValueError(f"{cls.__module__}.{cls.__name__} has no formula here: show one of this library's optimizers")
    choice = _choice(cls, options)
    group, program, dtypes = choice.item.group, choice.program, dict(choice.dtypes)
    if kernel is not None:
        text = _javascript(choice) if kernel == JAVASCRIPT else _passes(KERNELS[kernel], program, dtypes)
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        return
    console.print(f"[bold]{cls.__name__}[/]: {inspect.cleandoc(cls.__doc__ or '')}\n", highlight=False, soft_wrap=True)
    if source := _source(cls):
        # Its lines stay whole, so that it can be copied from a narrow terminal.
        console.print(Syntax("", "python", background_color="default").highlight(source), soft_wrap=True)
    console.print("[bold]LaTeX[/], under these options\n")
    for line in latex(program.formula):
        console.print(f"  {line} \\\\", markup=False, highlight=False, soft_wrap=True)
    console.print()
    console.print(_options_table(group, cls))
    console.print()
    if any(item.loads for item in passes(program)):
        console.print(_memory(program, dtypes))
        console.print()
    console.print(_kept(program, dtypes), highlight=False, soft_wrap=True)


def _source(cls: type[Optimizer]) -> str:
    """Read the text of a formula, which is nowhere if it was typed in and is no file's."""
    try:
        return textwrap.dedent(inspect.getsource(cls.update))
    except (OSError, TypeError):
        return ""


def _choice(cls: type[Optimizer], options: dict[str, Any]) -> Choice:
    """Decide on a float32 parameter of many elements and dimensions; an option that has no default shows as 0.1."""
    required = {name: 0.1 for name, option in cls.options.items() if option.default is REQUIRED}
    param = torch.zeros(8, 8, 8, 8)
    optimizer = cls([param], **required | options)
    return choose(optimizer, [Ready(optimizer.param_groups[0], param, param, 0, cls)])[0]


def _options_table(group: dict[str, Any], cls: type[Optimizer]) -> Table:
    table = Table("option", "value", box=None, header_style="bold")
    for name, option in cls.options.items():
        if not option.keyword_only:
            table.add_row(name, repr(group[name]))
    return table


def _memory(program: Program, dtypes: Mapping[str, torch.dtype]) -> Table:
    """Count what one step reads and writes for each element, in all its passes; what rows have is next to nothing."""
    table = Table("tensor", "read", "written", "bytes an element", box=None, header_style="bold")
    total = 0.0
    for name in _of_elements(program):
        read = sum(name in item.loads for item in passes(program))
        written = sum(name in item.stores for item in passes(program))
        size = _size(name, program, dtypes) * (read + written)
        table.add_row(name, _times(read), _times(written), _number(size))
        total += size
    table.add_row("[bold]in all[/]", "", "", f"[bold]{_number(total)}[/]")
    return table


def _kept(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    """Say what is remembered from step to step."""
    rule, others = program.formula.rule, {"param", "grad", *program.work}
    states = sum(_size(name, program, dtypes) for name in _of_elements(program) if name not in others)
    parts = [f"{_number(states)} bytes an element"]
    for scope, words in ELSEWHERE.items():
        if names := [name for name in program.formula.states if rule.scope(name) == scope]:
            parts.append(f"{' and '.join(names)} {words}")
    numbers = [name for name in program.scalars if name in rule.scalars]
    numbers = ["step", *numbers] if rule.counts_steps else numbers
    return f"Kept: {', '.join(parts)}, and for each parameter {', '.join(numbers) or 'nothing more'}."


ELSEWHERE: dict[Scope, str] = {
    "row": "for each row",
    "column": "for each column",
    "left": "as square matrices of the rows",
    "right": "as square matrices of the columns",
    "thin": "as matrices of few columns",
}
"""Where states lie that do not have a number for each element."""


def _of_elements(program: Program) -> list[str]:
    """Name the tensors that have a number for each element."""
    return [name for name in program.tensors if program.scope(name) == "element" and name not in program.seams]


def _size(name: str, program: Program, dtypes: Mapping[str, torch.dtype]) -> float:
    """Count the bytes of an element's share in a tensor."""
    return dtypes[name].itemsize / (BLOCK if name in program.blocks else 1)


def _number(size: float) -> str:
    return f"{size:.2f}".rstrip("0").rstrip(".")


def _times(count: int) -> str:
    return ("", "yes", "twice")[count] if count < 3 else f"{count} times"


def _passes(write: Kernel, program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    return "\n".join(write(item, dtypes) for item in passes(program))


def _javascript(choice: Choice) -> str:
    """Write what pages step with: words, powers, the rule as an object, and what steps with it."""
    from ...engine.javascript.rule import rule_object
    from ...engine.javascript.text import library
    from ...engine.javascript.variants import Variant, in_phases

    cls, group = choice.item.owner, choice.item.group
    variant = Variant({name: value for name, value in group.items() if name in cls.options}, choice)
    return f"{library()}\nconst {cls.__name__} = {rule_object(in_phases(variant))}"


# Each compiler is imported when its text is asked for.
def _llvm(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    from ...engine.llvm.kernels.render import render

    return render(program, dtypes)


def _asm(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    from ...engine.llvm.machine_code.compile import assembly

    return assembly(_llvm(program, dtypes))


def _triton(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    from ...engine.triton.kernels.render import render

    return render(program, dtypes)


def _ptx(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    from ...engine.triton.available import interprets, why_not

    if reason := why_not():
        raise ValueError(f"--ptx needs Triton, but {reason}")
    if interprets():
        raise ValueError("--ptx needs Triton's compiler, but TRITON_INTERPRET is set: unset it")
    from ...engine.triton.kernels.assembly import assembly

    return assembly(program, dtypes)


Kernel: TypeAlias = Callable[[Program, Mapping[str, torch.dtype]], str]

KERNELS: dict[str, Kernel] = {"llvm": _llvm, "asm": _asm, "triton": _triton, "ptx": _ptx}
"""The languages that kernels can be shown in: text for a compiler, and what the compiler makes of it."""

JAVASCRIPT = "js"
"""What is no kernel, but has its bits."""
