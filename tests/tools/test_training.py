"""Steps of a comparison for rules that want more than a gradient."""

from functools import partial
from math import isfinite

import pytest
import torch
from torch import nn

import thalweg
from thalweg.tools.commands import check
from thalweg.tools.comparison.choose import choose, everyone
from thalweg.tools.comparison.training import take_step
from thalweg.tools.tasks.digits import DIGITS


@pytest.mark.parametrize(("kind", "seen"), [(thalweg.AdaHessian, 12), (thalweg.SophiaH, 2)])
def test_estimates_of_the_hessian_are_given_as_often_as_a_rule_needs_them(kind, seen, monkeypatch):
    torch.manual_seed(0)
    net, inputs, taken = nn.Linear(4, 2), torch.randn(8, 4), []
    optimizer = kind(net.parameters(), lr=0.01)
    monkeypatch.setattr(optimizer, "update_hessian", partial(taken_in, taken, optimizer.update_hessian))
    losses = [take_step(optimizer, lambda: net(inputs).square().mean(), number)[0] for number in range(1, 13)]
    assert len(taken) == seen
    assert all(map(isfinite, losses))
    assert losses[-1] < losses[0]


def taken_in(taken, take, estimates):
    taken.append(estimates)
    take(estimates)


def test_labels_that_the_model_draws_are_asked_for_in_a_sentence():
    with pytest.raises(ValueError, match="SophiaG learns curvature from labels that the model draws"):
        check(choose("sophiag"), DIGITS)
    assert "SophiaG" not in {choice.name for choice in everyone()}
