"""Small matrices, and what is done with them: the contract for rules that look at rows, at matrices or at the Hessian.

Tests beside this one hold all other rules to it, element by element and along vectors.
"""

import copy
import io

import pytest
import torch
from torch import nn

from thalweg.beyond_gradients.with_hessian import WithHessian
from thalweg.formula.rule.rule import rule_of
from thalweg.optimizer import registry

from ..traits import kind, one_of_each

KINDS = ("rows", "matrix", "second_order")
RULES = [cls for cls in registry.values() if cls.__module__.startswith("thalweg.optimizers.") and kind(cls) in KINDS]
SHAPES = [(4, 6), (6, 3), (3, 3)]


def shaped(cls):
    """Tell what matters to matrices: states of other shapes, phases, and two rules in one optimizer."""
    return bool(rule_of(cls).factors), len(cls.phases) > 1, bool(cls.routes)


rules = pytest.mark.parametrize("rule", one_of_each(RULES, shaped), ids=lambda rule: rule.__name__)
"""One rule of each set of traits."""


def weights(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in SHAPES]


def eager(rule, **options):
    """Make an optimizer that compiles nothing: what kernels make of options has tests of its own."""
    return rule(weights(), engine="eager", **options)


def params_of(optimizer):
    return [param for group in optimizer.param_groups for param in group["params"]]


def step(optimizer, closure=None):
    """Step, with an estimate of the Hessian where the rule wants one."""
    if not isinstance(optimizer, WithHessian):
        return optimizer.step(closure)
    curvature = [None if param.grad is None else param.grad.detach().abs() for param in params_of(optimizer)]
    return optimizer.step(closure, hessian=curvature)


def run(optimizer, steps=2, seed=0, scale=1.0, without=()):
    """Step along random gradients, but for those parameters that are to be without."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for index, param in enumerate(params_of(optimizer)):
            gradient = scale * torch.randn(param.shape, generator=generator).to(param.dtype)
            param.grad = None if index in without else gradient
        step(optimizer)
    return [param.detach().clone() for param in params_of(optimizer)]


def assert_same(one, other):
    """Compare tensors, or what optimizers have saved, bit for bit."""
    if isinstance(one, dict) and "param_groups" in one:
        assert one["param_groups"] == other["param_groups"]
        one, other = one["state"], other["state"]
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def everything(optimizer):
    """Copy parameters and states."""
    return copy.deepcopy(([param.detach() for param in params_of(optimizer)], optimizer.state_dict()["state"]))


def through_a_file(saved):
    file = io.BytesIO()
    torch.save(saved, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def resumed(optimizer, **options):
    """Make the same optimizer of copies of its parameters, and load what it has saved in a file."""
    copies = [nn.Parameter(param.detach().clone()) for param in params_of(optimizer)]
    other = type(optimizer)(copies, **options)
    other.load_state_dict(through_a_file(optimizer.state_dict()))
    return other
