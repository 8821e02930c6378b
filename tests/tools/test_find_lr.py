"""A rate is found where there is one; whatever the search touches is afterwards what it was, bit for bit."""

# ruff: noqa: NPY002 - programs still draw from numpy.random
import copy
import random
import re
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import thalweg
from thalweg import find_lr
from thalweg.tools.range_test.find_lr import Found
from thalweg.tools.range_test.trials import Curve


class Noisy(Dataset):
    """A data set that draws from every generator there is, and counts who asks."""

    def __init__(self):
        self.own, self.numbers, self.torchs = random.Random(1), np.random.default_rng(2), torch.Generator()
        self.asked, self.order = 0, list(range(64))

    def __len__(self):
        return 64

    def __getitem__(self, place):
        self.asked += 1
        self.own.shuffle(self.order)
        noise = random.random() + np.random.rand() + self.own.random() + self.numbers.random()
        return torch.full((4,), noise) + torch.randn(4) + torch.rand(4, generator=self.torchs), torch.tensor([1.0])


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.ReLU(), nn.Linear(8, 1))


def loss(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def trained(model, optimizer, batches, epochs):
    for _ in range(epochs):
        for batch in batches:
            optimizer.zero_grad()
            loss(model, batch).backward()
            optimizer.step()
    states = {name: optimizer.state[param] for name, param in model.named_parameters()}
    return model.state_dict(), states, torch.rand(3), np.random.rand(), random.random()


MADE = [
    lambda model: torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9),
    lambda model: thalweg.AdamW(model.named_parameters(), lr=1e-3, track=True, max_grad_norm=0.1),
    lambda model: thalweg.Adam(model.parameters(), lr=1e-3, state_dtype="8bit", rounding="kahan"),
    lambda model: thalweg.ScheduleFreeAdamW(model.parameters(), lr=1e-3),
]


@pytest.mark.parametrize("made", MADE, ids=["torch", "AdamW", "8bit", "ScheduleFree"])
def test_training_goes_on_as_if_nobody_had_searched(made):
    """In the middle of training, and with a loader whose sampler, data set and workers' seeds draw numbers."""
    ends = []
    for searches in (False, True):
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)
        model, order = network(), torch.Generator().manual_seed(3)
        optimizer, data = made(model), Noisy()
        batches = DataLoader(data, 16, shuffle=True, generator=order)
        trained(model, optimizer, batches, 1)
        if searches:
            grads = [(param.grad, param.grad.clone()) for param in model.parameters()]
            metrics = getattr(optimizer, "metrics", None)
            find_lr(model, optimizer, batches, loss)
            assert all(param.grad is grad for param, (grad, _) in zip(model.parameters(), grads, strict=True))
            assert all(torch.equal(grad, kept) for grad, kept in grads)
            assert getattr(optimizer, "metrics", None) == metrics
        ends.append((*trained(model, optimizer, batches, 2), data.asked, data.order))
    torch.testing.assert_close(*ends, rtol=0, atol=0)


def test_a_search_that_fails_changes_nothing_either():
    model, batches = network(), DataLoader(TensorDataset(torch.ones(8, 4), torch.ones(8, 1)), 4, shuffle=True)
    optimizer = thalweg.Adam(model.parameters())
    before, generator = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    with pytest.raises(ValueError, match="compute it with that model"):
        find_lr(model, optimizer, batches, lambda _, batch: loss(model, batch))
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(param.grad is None for param in model.parameters())
    assert not optimizer.state


def line(count=256):
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(count, 4, generator=generator)
    return [(points[at : at + 16], points[at : at + 16].sum(1, keepdim=True)) for at in range(0, count, 16)]


def test_a_rate_is_found_for_a_line():
    """Gradient descent on a mean of squares whose Hessian is near 2: the best rate is near 1/2, and 1 diverges."""
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = thalweg.SGD(model.parameters(), lr=0.3)
    found = find_lr(model, optimizer, line(), loss)
    assert 0.1 < found.lr < 1.0
    assert found.steps < 100
    assert re.fullmatch(
        r"lr [\d.]+: of 2 rates, [\d.]+ lowered the loss most, from \S+ to \S+ \(\d+ steps\)", str(found)
    )
    found.apply(optimizer)
    assert optimizer.param_groups[0]["lr"] == found.lr


def test_a_thorough_search_compares_what_it_has_found_with_half_and_twice_as_much():
    """A start far off is walked away from; the model, and the rates that the search is told from, stay as they were."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 1))
    before = copy.deepcopy(model.state_dict())
    groups = [{"params": model[0].weight, "lr": 0.0}, {"params": model[0].bias, "lr": 0.0}]
    for group, rates in ((None, (0.3, 0.03)), (0, (0.3, 0.0))):
        optimizer = thalweg.SGD([one | {"lr": rate} for one, rate in zip(groups, rates, strict=True)], lr=1)
        quick = find_lr(model, optimizer, line(), loss, group=group)
        found = find_lr(model, optimizer, line(), loss, group=group, thorough=True)
        tried = sorted(found.tried)
        assert 3 <= len(tried) <= 5
        assert quick.steps + 50 * len(tried) - 50 < found.steps <= quick.steps + 50 * len(tried)
        assert [high / low for low, high in pairwise(tried)] == [2.0] * (len(tried) - 1)
        assert quick.lr in tried
        assert min(found.tried, key=found.tried.get) not in (tried[0], tried[-1])
        assert found.rates[1] == pytest.approx(rates[1] * found.lr / rates[0] if group is None else rates[1])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_rates_are_given_to_all_groups_or_to_none():
    model = nn.Linear(4, 1)
    found = find_lr(model, thalweg.SGD(model.parameters(), lr=0.3), line(), loss)
    other = thalweg.SGD([{"params": [model.weight]}, {"params": [model.bias]}], lr=0.5)
    with pytest.raises(ValueError, match="had an optimizer with 1 parameter group, but apply got SGD with 2"):
        found.apply(other)
    assert [group["lr"] for group in other.param_groups] == [0.5, 0.5]


class Counting(torch.optim.Optimizer):
    """Somebody's own optimizer, with attributes that copies of torch's optimizers leave out."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
        self.first, self.count = self.param_groups[0]["params"][0], 0

    @torch.no_grad()
    def step(self, closure):
        with torch.enable_grad():
            value = closure()
        assert self.first is self.param_groups[0]["params"][0]
        self.count += 1
        for param in self.param_groups[0]["params"]:
            param -= self.param_groups[0]["lr"] * param.grad
        return value


@pytest.mark.parametrize("kind", [Counting, torch.optim.LBFGS])
def test_whatever_an_optimizer_has_is_copied(kind):
    """A schedule hides the method `step` of the optimizer that it was made for: its copy steps itself."""
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = kind(model.parameters(), lr=0.3)
    torch.optim.lr_scheduler.StepLR(optimizer, 2)
    before = copy.deepcopy(model.state_dict())
    assert find_lr(model, optimizer, line(), loss).lr is not None
    assert getattr(optimizer, "count", 0) == 0
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_groups_move_together_or_one_by_one():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
    groups = [{"params": model[0].parameters(), "lr": 1e-3}, {"params": model[1].parameters(), "lr": 4e-3}]
    optimizer = thalweg.Adam(groups)
    together = find_lr(model, optimizer, line(), loss)
    assert together.rates[1] == pytest.approx(4 * together.rates[0])
    assert together.lr == together.rates[0]
    alone = find_lr(model, optimizer, line(), loss, group=1)
    assert alone.rates[0] == 1e-3
    assert alone.lr == alone.rates[1] != 4e-3
    assert [group["lr"] for group in optimizer.param_groups] == [1e-3, 4e-3]


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (
            lambda model, batch: loss(model, batch) * 0,
            "the loss of one batch did not fall at any rate from 1e-06 to 10",
        ),
        (lambda model, batch: loss(model, batch) * torch.nan, "the loss is no finite number before the first step"),
    ],
)
def test_no_rate_found_is_said_plainly(of, why):
    model = nn.Linear(4, 1)
    optimizer = thalweg.SGD(model.parameters(), lr=0.3)
    found = find_lr(model, optimizer, line(64), of)
    assert (found.lr, found.why, found.rates) == (None, why, (0.3,))
    assert str(found).startswith("no rate found: ")
    with pytest.raises(ValueError, match="there is no rate to apply"):
        found.apply(optimizer)


def test_a_broken_loss_ends_the_ramp():
    """At the highest rates training a deep net breaks down, and no step is spent on more of them."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    found = find_lr(model, thalweg.SGD(model.parameters(), lr=0.1, momentum=0.9), line(), loss, highest=1e4)
    assert found.curve.rates[-1] < 1e4
    assert found.curve.losses[0] > found.tried[min(found.tried, key=found.tried.get)]


def test_the_rate_stays_within_its_bounds():
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    found = find_lr(model, thalweg.SGD(model.parameters(), lr=0.3), line(), loss, highest=0.01)
    assert 0.001 < found.lr <= max(found.tried) == 0.01


def test_a_picture_without_matplotlib_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "thalweg.tools.range_test.picture", raising=False)
    nothing = Found(None, (), "", 0, Curve([], []), {})
    with pytest.raises(ModuleNotFoundError, match=re.escape('pip install "thalweg[tools]"')):
        nothing.draw(tmp_path / "found.png")


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture(ending, tmp_path):
    model = nn.Linear(4, 1)
    found = find_lr(model, thalweg.SGD(model.parameters(), lr=0.3), line(64), loss)
    found.draw(tmp_path / f"found.{ending}")
    assert (tmp_path / f"found.{ending}").stat().st_size > 5000


@pytest.mark.parametrize("place", ["nowhere/found.png", "a file/found.png", "folder.png"])
def test_a_picture_that_cannot_be_written_is_told_in_one_sentence(place, tmp_path):
    (tmp_path / "a file").touch()
    (tmp_path / "folder.png").mkdir()
    found = Found(0.1, (0.1,), "it fell", 2, Curve([0.01, 0.1], [2.0, 1.0]), {})
    with pytest.raises(
        OSError, match=rf"^cannot write {re.escape(str(tmp_path / place))} \(.*\): name a file in"
    ) as told:
        found.draw(tmp_path / place)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": 3}, "find_lr needs the model, a torch.nn.Module, but got int"),
        ({"model": nn.ReLU()}, "find_lr got a ReLU without parameters"),
        ({"model": nn.Linear(1, 1)}, "the optimizer has parameters of others"),
        ({"optimizer": 3}, "find_lr needs an optimizer, but got int"),
        ({"optimizer": lambda params: thalweg.SGD}, "find_lr needs an optimizer, but got the class SGD"),
        ({"loss": 3}, "find_lr needs loss, a function of model and batch, but got int"),
        ({"highest": float("inf")}, "both finite, but got 1e-06 and inf"),
        (
            {"loss": lambda model, batch: loss(model, batch) * 1j},
            "must return a real number, but its dtype is torch.com",
        ),
        ({"optimizer": thalweg.Prodigy}, "find_lr has nothing to find for Prodigy, which finds its rate itself"),
        ({"optimizer": thalweg.LBFGS}, "find_lr has nothing to find for LBFGS"),
        ({"optimizer": lambda params: thalweg.SGD(params, lr=0)}, "but they are 0"),
        (
            {"batches": iter(line())},
            "find_lr needs batches that can be gone through again and again, but got list_iterator",
        ),
        ({"batches": []}, "find_lr got no batches"),
        ({"group": 1}, "has 1 parameter group, counted from 0, but find_lr got group=1"),
        ({"lowest": 0}, "find_lr needs lowest above 0"),
        ({"lowest": 2, "highest": 1}, "find_lr needs lowest below highest, and both finite, but got 2 and 1"),
        (
            {"loss": lambda model, batch: None},
            "loss(model, batch) must return a tensor of one number, but returned NoneType",
        ),
        ({"loss": lambda model, batch: model(batch[0])}, "but its shape is (16, 1): take its mean"),
        ({"loss": lambda model, batch: torch.ones(())}, "must depend on the parameters of the model that it is given"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(change, sentence):
    model = nn.Linear(4, 1)
    kind = change.get("optimizer", lambda params: thalweg.SGD(params, lr=0.1))
    given = {"model": model, "batches": line(64), "loss": loss} | change
    given["optimizer"] = kind(model.parameters()) if callable(kind) else kind
    with pytest.raises((TypeError, ValueError), match=re.escape(sentence)) as raised:
        find_lr(**given)
    assert "\n" not in str(raised.value)
