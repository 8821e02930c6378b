"""Caution beside decay: the step is masked, what the parameter is scaled by is not; for every rule."""

import pytest
import torch
from torch import nn

from thalweg import AdamW, Optimizer
from thalweg.beyond_gradients.with_loss import WithLoss
from thalweg.formula import sqrt, total_square
from thalweg.formula.graph.expr import Symbol
from thalweg.formula.graph.move import Move, plain
from thalweg.hyper import REQUIRED, NonNegative
from thalweg.optimizer import registry

from ..traits import in_turn, skip_where_refused

OURS = [cls for cls in registry.values() if cls.__module__.startswith("thalweg.") and torch.strided in cls.layouts]
OURS = [cls for cls in OURS if not getattr(cls, "needs_hessian", False)]  # that take no step on a gradient alone
DECAYING = [cls for cls in OURS if "weight_decay" in cls.options]


def stepped(cls, grad, engine="auto", **options):
    needed = {name: 0.1 for name, option in cls.options.items() if option.default is REQUIRED}
    param = nn.Parameter(torch.linspace(-2, 2, 12).view(3, 4))
    optimizer = cls([param], engine=engine, **needed, weight_decay=1.0, **options)
    param.grad = grad.clone()
    optimizer.step(**({"loss": torch.tensor(1.0)} if isinstance(optimizer, WithLoss) else {}))
    return param.detach()


@pytest.mark.parametrize("cls", DECAYING, ids=lambda cls: cls.__name__)
def test_without_a_gradient_weights_decay_all_the_same(cls):
    engine = in_turn(("auto", "eager"), DECAYING.index(cls))
    skip_where_refused(cls, {"cautious": True})
    for zero in (torch.zeros(3, 4), torch.full((3, 4), -0.0)):
        found = stepped(cls, zero, engine, cautious=True)
        # parts are added in another order
        torch.testing.assert_close(found, stepped(cls, zero, engine), rtol=1e-6, atol=1e-6)


def test_a_step_against_its_gradient_is_masked_and_the_decay_goes_on():
    """Adam's first step is lr everywhere; afterwards the mean points the old way, and half of the weights rest."""
    param = nn.Parameter(torch.ones(2))
    optimizer = AdamW([param], lr=0.5, betas=(0.5, 0.5), eps=0, weight_decay=0.25, cautious=True)
    param.grad = torch.tensor([1.0, 1.0])
    optimizer.step()
    assert param.tolist() == [0.375, 0.375]
    param.grad = torch.tensor([-0.125, 0.125])
    optimizer.step()
    resting, moving = param.tolist()
    assert resting == 0.375 * 0.875
    assert moving < 0.375 * 0.875 - 0.5


def test_small_steps_are_seen_as_they_are():
    """Of weights much larger than the step, and of one zero among ones, which none of the ones may lend its share."""
    weights = torch.cat([torch.zeros(1), torch.ones(999)])
    param = nn.Parameter(weights.clone())
    optimizer = AdamW([param], lr=1e-8, weight_decay=0, cautious=True)
    param.grad = torch.ones(1000)
    optimizer.step()
    assert param[0].item() == pytest.approx(-1e-8, rel=1e-5)
    assert torch.equal(param[1:], weights[1:])


class Roundabout(Optimizer):
    """Says the same thing in other ways, none of which is plain subtraction."""

    lr: NonNegative = 0.1
    weight_decay: NonNegative = 0.5

    def update(self, param, grad, mean):
        grad = grad + self.weight_decay * param
        mean = mean + grad / (1 + sqrt(total_square(param)))
        direction = mean + 0 * abs(param) + (0 - param) * 0 - param * 0
        return -(-param + self.lr * direction) * 2 / 2, mean


def test_however_a_formula_is_written_engines_agree():
    torch.manual_seed(0)
    grad = torch.randn(3, 4)
    for cautious in (False, True):
        found, wanted = (stepped(Roundabout, grad, engine, cautious=cautious) for engine in ("llvm", "eager"))
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)  # a formula's sums are regrouped


def test_a_move_is_its_difference():
    """In floats and in symbols, whatever is done to it."""
    x = Move(3.0)
    cases = [
        (x - 1, 2), (x + 1, 4), (1 + x, 4), (1 - x, -2), (2 * x, 6), (x * 2, 6), (x / 2, 1.5), (6 / x, 2), (-x, -3),
        (x - 1 - x * 2, -4), ((x - 1) + (x - 2), 3), ((x - 1) * (x + 1), 8), ((x - 1) / (x + 1), 0.5), (abs(-x), 3),
        (x**2, 9), (2**x, 8),
    ]  # fmt: skip
    for found, wanted in cases:
        assert plain(found) == wanted
    assert (x > 2, x >= 3, x < 3, x <= 2, x == 3, x != 3) == (True, True, False, False, True, False)
    symbol = Symbol("param", "element")
    moved = Symbol("lr", "group") * Move(symbol)
    assert isinstance(moved, Move)
    assert not isinstance(Symbol("grad", "element") + moved, Move)
    assert len(moved.decay) == 1
