"""An optimizer as it is for one large float32 matrix: what its formula becomes under its default options."""

from typing import Any

import torch

from thalweg import Optimizer
from thalweg.engine.decisions.choice import Choice, choose
from thalweg.engine.decisions.gradients import Ready
from thalweg.hyper import REQUIRED


def made(cls: type[Optimizer], param: torch.Tensor, **options: Any) -> Optimizer:
    """Make an optimizer of one parameter; an option that has no default is 0.1."""
    return cls([param], **required(cls) | options)


def required(cls: type[Optimizer]) -> dict[str, float]:
    """Give the options that have no default a value."""
    return {name: 0.1 for name, option in cls.options.items() if option.default is REQUIRED}


def traced(cls: type[Optimizer], **options: Any) -> Choice:
    """Decide how a parameter of four dimensions is updated, without a step."""
    param = torch.zeros(8, 8, 8, 8)
    optimizer = made(cls, param, **options)
    return choose(optimizer, [Ready(optimizer.param_groups[0], param, torch.zeros_like(param), 0, cls)])[0]
