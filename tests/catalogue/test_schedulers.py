"""Every scheduler of torch drives every optimizer as it drives torch.optim's SGD."""

import inspect

import pytest
import torch
from torch.optim import lr_scheduler

from ..traits import knows_its_place

ARGUMENTS = {
    "lr_lambda": lambda step: 0.5**step,
    "step_size": 2,
    "milestones": [1, 3],
    "gamma": 0.5,
    "T_max": 4,
    "T_0": 2,
    "base_lr": 0.01,
    "max_lr": 0.1,
    "total_steps": 10,
}
"""What a scheduler must be told; a new one of torch shows up here as a KeyError."""

ALONE = [
    value
    for value in vars(lr_scheduler).values()
    if inspect.isclass(value)
    and issubclass(value, lr_scheduler.LRScheduler)
    and not value.__name__.startswith("_")
    and value not in (lr_scheduler.LRScheduler, lr_scheduler.SequentialLR, lr_scheduler.ChainedScheduler)
]


def scheduled(kind, optimizer):
    needed = [
        name
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is inspect.Parameter.empty and name != "optimizer"
    ]
    extra = {"total_steps": 10} if kind is lr_scheduler.OneCycleLR else {}
    if "cycle_momentum" in inspect.signature(kind).parameters:
        extra["cycle_momentum"] = not {"momentum", "betas"}.isdisjoint(optimizer.defaults)
    return kind(optimizer, **{name: ARGUMENTS[name] for name in needed} | extra)


def in_sequence(optimizer):
    warm_up = lr_scheduler.LinearLR(optimizer)
    return lr_scheduler.SequentialLR(optimizer, [warm_up, lr_scheduler.ExponentialLR(optimizer, 0.5)], milestones=[2])


def chained(optimizer):
    return lr_scheduler.ChainedScheduler([lr_scheduler.LinearLR(optimizer), lr_scheduler.StepLR(optimizer, 2)])


MADE = {kind.__name__: lambda optimizer, kind=kind: scheduled(kind, optimizer) for kind in ALONE}
MADE |= {"SequentialLR": in_sequence, "ChainedScheduler": chained}


def stepped_schedule(scheduler):
    """How to move a scheduler on."""
    if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
        return lambda: scheduler.step(1.0)
    return scheduler.step


def rates(optimizer, make):
    """The rates of 5 steps, and that the parameter moved by each."""
    advance, seen = stepped_schedule(make(optimizer)), []
    param = optimizer.param_groups[0]["params"][0]
    for _ in range(5):
        param.grad = torch.ones_like(param)
        before = param.clone()
        optimizer.step()
        assert optimizer.param_groups[0]["lr"] == 0 or not torch.equal(param, before)
        seen.append(float(optimizer.param_groups[0]["lr"]))
        advance()
    return seen


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_every_scheduler(cls, required, make):
    ours = cls([torch.zeros(2)], **required | {"lr": 0.1})
    assert rates(ours, make) == rates(torch.optim.SGD([torch.zeros(2)], lr=0.1), make)


def test_a_new_rate_counts_from_the_next_step(cls, required):
    """Not a number of the trace: the same formula follows the schedule."""
    fast, slow = torch.zeros(1), torch.zeros(1)
    optimizer = cls([{"params": fast}, {"params": slow}], **required | {"lr": 0.1})
    scheduler = lr_scheduler.LambdaLR(optimizer, [lambda _: 1, lambda step: 0.0 if step else 1])
    for param in (fast, slow):
        param.grad = torch.ones(1)
    optimizer.step()
    assert torch.equal(fast, slow) or knows_its_place(cls)
    scheduler.step()
    rested = slow.clone()
    optimizer.step()
    assert not torch.equal(fast, rested)
