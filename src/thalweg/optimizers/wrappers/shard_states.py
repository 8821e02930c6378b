"""States divided among processes that all have the same parameters, as DistributedDataParallel keeps them."""

from __future__ import annotations

from typing import Any, TypeVar

from ...described import kind_of
from ...distributed.division import Division
from ...optimizer import Optimizer

AnOptimizer = TypeVar("AnOptimizer", bound=Optimizer)


def shard_states(optimizer: AnOptimizer, process_group: Any = None) -> AnOptimizer:
    """Let each process of a group step its part of every parameter, and keep the states of that part alone: ZeRO-1.

    `shard_states(thalweg.AdamW(model.parameters()))` is all there is to do for a model in DistributedDataParallel: the
    optimizer is the same object, and its parameters, groups, schedulers and scalers stay as they are. Gradients must be
    the same on all processes, as they are after `backward()`. After each step the parameters are gathered, so that they
    are the same as well, bit for bit those of one process. States are DTensors, divided by rows: torch's distributed
    checkpoints, or `load_state_dict`, put them on any number of processes, or on one.

    `process_group`: the processes that share parameters, or None for all there are.
    Where a rule speaks of rows and columns, or multiplies whole matrices, each parameter is stepped by one process, its
    owner, which alone keeps its states.

    Raises TypeError for what is no optimizer with a formula or no process group that this process is in, RuntimeError
    where none has been initialized, ValueError for an optimizer that steps within backward.
    Rajbhandari et al. 2020, "ZeRO: Memory optimizations toward training trillion parameter models", section 5.1.
    https://arxiv.org/abs/1910.02054
    """
    if not isinstance(optimizer, Optimizer) or not hasattr(type(optimizer), "rule"):
        raise TypeError(f"shard_states needs an optimizer of thalweg with a formula, but got {kind_of(optimizer)}")
    name = type(optimizer).__name__
    if optimizer._in_backward:
        raise ValueError(f"{name} steps within backward, where its states cannot be divided: leave in_backward out")
    optimizer._division = Division(process_group)
    optimizer._forget_plans()
    return optimizer
