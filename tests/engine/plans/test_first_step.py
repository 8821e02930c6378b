"""Which step is the first, in rules that count none: it comes once, whatever is around the rule, on every engine."""

import pytest
import torch
from torch import nn

from thalweg import SGD, NorMuon

ENGINES = ("auto", "eager")
LATER = [{"ema_decay": 0.9}, {"grokfast": 0.0}, {"lookahead": 100}, {"rounding": "stochastic"}, {"accumulate": 2}]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", LATER, ids=str)
def test_what_is_asked_for_in_the_middle_of_a_run_starts_nothing_anew(options, engine):
    """The first step takes the gradient for the momentum; the later ones take half of it."""
    param = nn.Parameter(torch.ones(6, dtype=torch.float64))
    optimizer = SGD([param], lr=0.1, momentum=0.5, dampening=0.5, engine=engine)
    param.grad = torch.full_like(param, 2.0)
    optimizer.step()
    optimizer.param_groups[0].update(options)
    param.grad = torch.ones_like(param)
    for _ in range(options.get("accumulate", 1)):
        optimizer.step()
    assert optimizer.state[param]["momentum_buffer"].eq(0.5 * 2 + 0.5 * 1).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_last_of_several_passes_counts_what_an_earlier_one_asks(engine):
    """Muon's kernels look at the gradient in the first pass, and never again."""
    param = nn.Parameter(torch.ones(4, 8, dtype=torch.float64))
    optimizer = NorMuon([param], lr=0.1, grokfast=0.5, grokfast_decay=0.5, engine=engine)
    for size in (1.0, 2.0, 4.0):
        param.grad = torch.full_like(param, size)
        optimizer.step()
    assert optimizer.state[param]["slow_grad"].eq((1 * 0.5 + 2 * 0.5) * 0.5 + 4 * 0.5).all()
