"""The learning rate to start from, found in fewer than a hundred steps on copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.optim import Optimizer

from ...described import counted, kind_of
from ...hyper import SMALLEST, Option, Range, check_flags
from ...optimizers.closure import ClosureOptimizer
from ..writing import writing
from . import from_the_start
from .trials import DRAWN, LONGER, MOST, RAMP, Curve, best_rate, ramp, try_rates
from .twin import Loss, Twin
from .untouched import untouched


@dataclass(frozen=True)
class Found:
    """What a search for a learning rate came to; printed, a sentence."""

    lr: float | None
    """The rate of the first group, or of the one asked for; None if none was found."""
    rates: tuple[float, ...]
    """The rate of each group, all as they were if none was found."""
    why: str
    """What was seen, in words."""
    steps: int
    """How many steps were taken."""
    curve: Curve
    """Rates rising from step to step on one batch, and the loss at each."""
    tried: dict[float, float]
    """Rates that were trained with for a while, and the loss after that."""

    def __str__(self) -> str:
        found = "no rate found" if self.lr is None else f"lr {self.lr:.2g}"
        return f"{found}: {self.why} ({self.steps} steps)"

    def apply(self, optimizer: Optimizer) -> None:
        """Give each group of an optimizer its rate; raises ValueError if none was found, or if groups are others."""
        if self.lr is None:
            raise ValueError(f"there is no rate to apply: {self.why}")
        groups = getattr(optimizer, "param_groups", ())
        if len(groups) != len(self.rates):
            raise ValueError(
                f"the search had an optimizer with {counted(len(self.rates), 'parameter group')}, but apply got "
                f"{kind_of(optimizer)} with {len(groups)}: pass the one that find_lr was given"
            )
        for group, rate in zip(groups, self.rates, strict=True):
            group["lr"] = rate

    def draw(self, path: str | Path) -> None:
        """Draw what was tried as a picture, PNG or SVG by the path's ending; raises OSError if it cannot be written."""
        try:
            from .picture import draw
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f'draw needs {error.name}: pip install "thalweg[tools]"', name=error.name
            ) from None
        place = Path(path).expanduser()
        with writing(place, "name a file in a folder that is there and can be written to"):
            draw(place, str(self), self.curve, self.tried, self.lr)


def find_lr(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[Any],
    loss: Loss,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    group: int | None = None,
    thorough: bool = False,
) -> Found:
    """Find the learning rate to train with, for any optimizer that has one.

        found = thalweg.find_lr(model, optimizer, batches, lambda model, batch: criterion(model(batch[0]), batch[1]))
        print(found)
        found.apply(optimizer)

    `model` holds all of the optimizer's parameters; `batches` is a DataLoader, or whatever else can be gone through
    again; `loss(model, batch)` gives a tensor of one number. All groups' rates are multiplied by one factor, or, with
    `group`, that group's alone; `lowest` and `highest` bound the rate of the first group, or of that one.

    What is found is the peak of a schedule, or a constant rate. The search takes at most 98 steps, after Smith 2015,
    "Cyclical learning rates for training neural networks", https://arxiv.org/abs/1506.01186, and fewer where a loss
    breaks down. Of 20 searches on ten tasks that nothing was tuned on, 13 came within a factor of 2 of the best rate of
    a sweep, and 17 of one that is as good (benchmarks/find_lr.py): try half and twice as much where it matters.
    `thorough=True` does that: three to five trainings of 50 steps more, each from the start, after which 16 of the 20
    came within a factor of 2, and 19 of one that is as good.

    Rates are tried on copies: parameters, states, buffers, gradients, random generators and the order of the data are
    afterwards what they were, bit for bit. Under DistributedDataParallel all processes must search at the same time;
    the means of their losses decide, so that all find the same rate. A model under `fully_shard` cannot be copied:
    search before it is sharded. Prodigy and the D-Adaptation rules find their rate themselves, and closure methods
    search along each step: there is nothing to find for them.

    Raises TypeError or ValueError for what cannot be searched.
    """
    _check(model, optimizer, batches, group)
    check_flags("find_lr", thorough=thorough)
    if not callable(loss):
        raise TypeError(f"find_lr needs loss, a function of model and batch, but got {kind_of(loss)}")
    for name, value in {"lowest": lowest, "highest": highest}.items():
        Option(name, Range(SMALLEST), None).check(value, "find_lr")
    if not lowest < highest < inf:
        raise ValueError(f"find_lr needs lowest below highest, and both finite, but got {lowest} and {highest}")
    with untouched(batches) as own, _set_aside(model):
        drawn = _drawn(own, max(DRAWN, from_the_start.DRAWN) if thorough else DRAWN)
        if not drawn:
            raise ValueError("find_lr got no batches: there is nothing to train with")
        found = _search(model, optimizer, drawn, loss, np.geomspace(lowest, highest, RAMP).tolist(), group)
        if not thorough or found.lr is None:
            return found
        return _compared(model, optimizer, drawn, loss, found, (lowest, highest), group)


def _search(
    model: nn.Module, optimizer: Optimizer, drawn: list[Any], loss: Loss, rates: list[float], group: int | None
) -> Found:
    base, unit = _rates(optimizer, group)
    curve = ramp(copied(model, optimizer, group), loss, drawn[0], rates, unit)
    steps = len(curve.losses)
    start = curve.steepest() if isfinite(curve.losses[0]) else None
    if start is None:
        return Found(None, base, _why_none(curve), steps, curve, {})
    twin = copied(model, optimizer, group)
    before, tried = try_rates(twin, loss, drawn, start, unit, (rates[0], rates[-1]), MOST - steps)
    rate = best_rate(before, tried) if tried else None
    steps += twin.taken
    if rate is None:
        return Found(None, base, "no rate lowered the loss of other batches", steps, curve, tried)
    new = _multiplied(base, min(max(LONGER * rate, rates[0]), rates[-1]) / unit, group)
    return Found(new[group or 0], new, _why(before, tried), steps, curve, tried)


def _compared(
    model: nn.Module,
    optimizer: Optimizer,
    drawn: list[Any],
    loss: Loss,
    found: Found,
    within: tuple[float, float],
    group: int | None,
) -> Found:
    """Compare what was found with rates nearby, by longer trainings from the start; it stays if all of them fail."""
    (base, unit), twin = _rates(optimizer, group), copied(model, optimizer, group)
    at = int(np.argmax(base)) if group is None else group
    around = unit * found.rates[at] / base[at]
    before, tried = from_the_start.try_nearby(twin, loss, drawn, around, unit, within)
    rate, steps = from_the_start.best_nearby(before, tried), found.steps + twin.taken
    if rate is None:
        return replace(found, steps=steps)
    new = _multiplied(base, max(rate, within[0]) / unit, group)
    return Found(new[group or 0], new, _why(before, tried), steps, found.curve, tried)


def _rates(optimizer: Optimizer, group: int | None) -> tuple[tuple[float, ...], float]:
    """Give the rate of each group, and the one that factors are told from."""
    base = tuple(float(each["lr"]) for each in optimizer.param_groups)
    return base, max(base) if group is None and not base[0] else base[group or 0]


def _multiplied(base: tuple[float, ...], factor: float, group: int | None) -> tuple[float, ...]:
    return tuple(one * factor if group in (None, at) else one for at, one in enumerate(base))


def _why_none(curve: Curve) -> str:
    if not isfinite(curve.losses[0]):
        return "the loss is no finite number before the first step"
    return f"the loss of one batch did not fall at any rate from {curve.rates[0]:.2g} to {curve.rates[-1]:.2g}"


def _why(before: float, tried: dict[float, float]) -> str:
    best = min(tried, key=lambda rate: tried[rate])
    return f"of {len(tried)} rates, {best:.2g} lowered the loss most, from {before:.3g} to {tried[best]:.3g}"


def copied(model: nn.Module, optimizer: Optimizer, group: int | None) -> Twin:
    """Copy model and optimizer; raises TypeError for a model that cannot be copied."""
    try:
        return Twin(model, optimizer, group)
    except (RuntimeError, TypeError, AttributeError, AssertionError) as error:
        raise TypeError(
            f"find_lr tries rates on a copy, but this {type(model).__name__} cannot be copied "
            f"({str(error).splitlines()[0]}): pass the model without what is wrapped around it, or as it was before "
            "fully_shard"
        ) from error


def _check(model: Any, optimizer: Any, batches: Any, group: int | None) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"find_lr needs the model, a torch.nn.Module, but got {kind_of(model)}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"find_lr needs an optimizer, but got {kind_of(optimizer)}")
    name = type(optimizer).__name__
    if isinstance(optimizer, ClosureOptimizer) or not all("lr" in each for each in optimizer.param_groups):
        raise ValueError(
            f"find_lr has nothing to find for {name}: it has no learning rate, or searches along each step"
        )
    if getattr(optimizer, "measures", ()):
        raise ValueError(f"find_lr has nothing to find for {name}, which finds its rate itself: leave lr as it is")
    if isinstance(batches, Iterator) or not isinstance(batches, Iterable):
        raise TypeError(
            f"find_lr needs batches that can be gone through again and again, but got {kind_of(batches)}: pass the "
            "DataLoader itself, or a list"
        )
    _check_groups(model, optimizer, group)


def _check_groups(model: nn.Module, optimizer: Optimizer, group: int | None) -> None:
    count, known = len(optimizer.param_groups), set(map(id, model.parameters()))
    if not known:
        raise ValueError(f"find_lr got a {type(model).__name__} without parameters: there is nothing to train")
    if group is not None and group not in range(count):
        raise ValueError(
            f"the optimizer has {counted(count, 'parameter group')}, counted from 0, but find_lr got group={group!r}"
        )
    if not all(id(param) in known for each in optimizer.param_groups for param in each["params"]):
        raise ValueError("find_lr copies the model, but the optimizer has parameters of others: pass a module with all")
    rates = [float(each["lr"]) for each in optimizer.param_groups]
    if not (max(rates) if group is None else rates[group]) > 0:
        raise ValueError("find_lr multiplies the groups' rates, but they are 0: make the optimizer with any other rate")


def _drawn(batches: Iterable[Any], count: int) -> list[Any]:
    """Draw as many batches as are needed, going through them again where they are few."""
    drawn: list[Any] = []
    while len(drawn) < count:
        more = list(islice(batches, count - len(drawn)))
        if not more:
            break
        drawn += more
    return drawn


@contextmanager
def _set_aside(model: nn.Module) -> Iterator[None]:
    """Keep gradients and buffers from a loss that uses the model itself, and not the copy that it is given."""
    grads = [(param, param.grad) for param in model.parameters()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    for param, _ in grads:
        param.grad = None
    try:
        yield
    finally:
        for param, grad in grads:
            param.grad = grad
        for buffer, before in buffers:
            if not buffer.equal(before):
                buffer.detach().copy_(before)
