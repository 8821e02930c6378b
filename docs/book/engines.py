"""Which engines run an optimizer, read off what its formula needs."""

import torch

from thalweg import Optimizer

from .traced import traced

EAGER = "eager engine (torch's own operations)"


def engines(cls: type[Optimizer]) -> str:
    """Say what runs on a CPU and on a GPU."""
    if torch.strided not in cls.layouts:
        return f"The {EAGER}, which looks only at the elements that have a gradient."
    choice = traced(cls)
    if choice.why_eager:
        return f"The {EAGER}, on every device: {choice.why_eager}."
    passes = _passes(choice.program)
    on_cpu = f"A compiled kernel on the CPU, in {passes}"
    matrices = "; the products of whole matrices between them are torch's" if choice.program.work else ""
    found = f"{on_cpu}, and the same bits from a Triton kernel on a GPU{matrices}."
    return f"{found} With states in 8 or 4 bits, the {EAGER} runs it." if choice.program.has_lines else found


def _passes(program: object) -> str:
    from thalweg.formula.tracing.passes import passes
    from thalweg.formula.tracing.program import Program

    assert isinstance(program, Program)
    count = len(list(passes(program)))
    return "one pass over memory" if count == 1 else f"{count} passes over memory"
