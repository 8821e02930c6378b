"""Steps of a formula with a function of whole matrices, one that is exact, and what NumPy makes of them."""

import torch

import thalweg
from thalweg.formula.matrices.matrix import MATRIX_FUNCTIONS

from .oracle import step_and_check

SHAPES = [(5, 7), (7, 5), (5, 7), (3, 4, 2), (64, 65), (1, 1), (0, 3), (5, 7)]

KEPT = {
    "plain": {},
    "stochastic": {"rounding": "stochastic"},
    "kahan": {"rounding": "kahan"},
    "master": {"rounding": "master"},
    "8bit": {"state_dtype": "8bit"},
    "4bit": {"state_dtype": "4bit"},
}
AROUND = {
    "plain": {},
    "max_grad_norm": {"max_grad_norm": 0.5},
    "max_tensor_norm": {"max_tensor_norm": 0.5},
    "cautious": {"cautious": True},
    "ema": {"ema_decay": 0.75},
    "accumulate": {"accumulate": 2},
    "all": {"max_tensor_norm": 0.5, "clip_value": 0.25, "cautious": True, "ema_decay": 0.75, "track": True},
}


def mixed(stack, *numbers):
    """Stand in for what rounds in an order of its own: columns change places, and numbers count."""
    return stack.roll(1, -1) * numbers[4]


def check_steps(monkeypatch, dtype, device="cpu", shapes=SHAPES, **options):
    """Step two groups together, some parameters resting once, and compare each time."""
    monkeypatch.setitem(MATRIX_FUNCTIONS, "orthogonalize", mixed)
    params = [torch.nn.Parameter(torch.randn(shape).to(device, dtype)) for shape in shapes]
    groups = [{"params": params[::2]}, {"params": params[1::2], "lr": 0.375, "ns_coefficients": (2.0, 0.0, 0.0)}]
    optimizer = thalweg.Muon(groups, **{"lr": 0.25, "ns_coefficients": (0.5, 0.0, 0.0)} | options)
    for step in range(4):
        for index, param in enumerate(params):
            param.grad = None if step == 1 and index % 4 == 0 else torch.randn(param.shape).to(device, dtype)
        # a common norm is not the oracle's, and the eager engine's bits are not promised
        step_and_check(optimizer, lambda oracle: "max_grad_norm" in options or options.get("engine") == "eager")
    return params
