"""What runs where, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..described import counted
from ..distributed.owned_parameter import OwnedParameter
from ..state.names import refuse_lazy
from .decisions.choice import Choice, choose
from .decisions.gradients import Ready, numbered, ready_to
from .matrices import products
from .operands import PLAIN
from .plans.build import as_far_as_known
from .sharded.local_optimizer import LocalOptimizer, is_needed
from .triton import available


def explain(optimizer: Any) -> str:
    """Say for each set of parameters which engine updates it, and if not the fastest, why."""
    refuse_lazy(optimizer.param_groups, "explain")
    sets: dict[Any, list[Choice]] = {}
    local = _local(optimizer) if is_needed(optimizer) else None
    seen = local.optimizer if local else optimizer
    for choice in map(as_far_as_known, choose(seen, list(_all(seen)))):
        kind = choice.fault or choice.why_eager or (*choice.kernels, _between(choice))
        sets.setdefault((kind, choice.item.param.dtype), []).append(choice)
    total = len(list(numbered(optimizer.param_groups)))
    lines = [f"{type(optimizer).__name__}: {counted(total, 'parameter')}"]
    lines += [f"  {_sentence(choices)}" for choices in sets.values()]
    lines += [f"  {line}" for line in local.explain()] if local else []
    return "\n".join(lines + _flags(optimizer.param_groups))


def _local(optimizer: Any) -> LocalOptimizer:
    """Take what this process sees of sharded parameters, as in the last step where that still fits."""
    known: LocalOptimizer | None = optimizer._local
    return known if known and known.fits(optimizer) else LocalOptimizer(optimizer, known.whole if known else None)


def _all(optimizer: Any) -> list[Ready]:
    """Take every parameter as if it had a gradient, but for those that other processes step."""
    return [
        ready_to(optimizer, group, param, _like(param) if param.grad is None else param.grad, index)
        for index, (group, param) in enumerate(numbered(optimizer.param_groups))
        if not (isinstance(param, OwnedParameter) and param.is_meta)
    ]


def _like(param: Tensor) -> Tensor:
    """Make what is like a gradient, without memory that could be shared."""
    return torch.empty_like(param, device="meta") if type(param) in PLAIN else param.detach()


def _sentence(choices: Sequence[Choice]) -> str:
    params = [choice.item.param for choice in choices]
    dtype = str(params[0].dtype).removeprefix("torch.")
    elements = sum(param.numel() for param in params)
    what = f"{counted(len(params), 'parameter')} ({counted(elements, 'element')}, {dtype})"
    if choices[0].fault:
        return f"{what} cannot be stepped: {choices[0].fault}"
    reason = choices[0].why_eager
    if reason:
        return f"{what} on the eager engine, because {reason}"
    groups = len({id(choice.item.group) for choice in choices})
    clauses = (clause(choices[0]) for clause in (_how, _between, _kept, _before))
    return f"{what} of {counted(groups, 'group')} {''.join(clauses)}"


def _between(choice: Choice) -> str:
    """Say that one pass is two where functions of whole matrices cut it, and on a device who makes them."""
    cut = ", cut in two by products of whole matrices" if choice.program.work else ""
    return f"{cut}{_made(choice)}" if cut and choice.compiler == "triton" else cut


def _made(choice: Choice) -> str:
    """Say who makes products of whole matrices, and if not the fastest, why."""
    made = products.all_made(choice.program, choice.item.param, choice.item.group, choice.compiler)
    reasons = dict.fromkeys(filter(None, map(products.why_torch, made)))
    return f" (torch's, as {', '.join(reasons)})" if reasons else " (half of each symmetric one, by a Triton kernel)"


def _kept(choice: Choice) -> str:
    """Name what is not kept as the parameter is."""
    formats = {name: form.words for name, form in choice.kept.items() if not form.is_plain}
    return f"; kept: {', '.join(f'{name} {words}' for name, words in formats.items())}" if formats else ""


def _before(choice: Choice) -> str:
    """Say what else is read, and why."""
    looks = ["the gradients once before, for their common norm"] if choice.measure else []
    sums = sum(bool(program.sums) and program.domain == "element" for program in choice.program.before)
    times = "once" if sums == 1 else f"{sums} times"
    looks += [f"everything {times} before, for sums"] if sums else []
    return f"; reads {' and '.join(looks)}" if looks else ""


def _how(choice: Choice) -> str:
    device = choice.item.param.device
    if choice.compiler == "triton":
        what = "by Triton's interpreter" if available.interprets() else f"as a Triton kernel on {device}"
        return f"{what}, in one launch and one pass over memory{_compiled(choice)}"
    threads = counted(torch.get_num_threads(), "thread")
    return f"as machine code (llvm), in one pass over memory, on up to {threads}"


def _compiled(choice: Choice) -> str:
    """Say how long compiling took, once it is done."""
    from .triton.kernels.kernel import seconds_of

    seconds = seconds_of((program, dtypes, device) for program, dtypes, _, device in choice.kernels)
    return f", ready in {seconds:.2f} s" if seconds else ""


def _flags(groups: Sequence[dict[str, Any]]) -> list[str]:
    """Say what becomes of the flags with which torch.optim chooses an implementation."""
    asked = sorted({name for group in groups for name in ("foreach", "fused") if group.get(name)})
    return (
        [f"  {' and '.join(asked)}=True changes nothing: every step is one fused pass over all tensors"]
        if asked
        else []
    )
