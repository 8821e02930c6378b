"""What is learned of sums, by a graph and by calling the text of a class: the same numbers, bit for bit."""

import math
import random
from itertools import pairwise

import pytest
import torch

from thalweg import Prodigy
from thalweg.engine.totals import learning, lessons
from thalweg.engine.totals.lessons import lesson
from thalweg.formula import maximum, total
from thalweg.formula.graph.number import Number
from thalweg.formula.rule.rule import Group
from thalweg.hyper import NonNegative
from thalweg.optimizer import Optimizer, registry

LEARNING = [cls for cls in registry.values() if cls.learned and cls.__module__.startswith("thalweg.")]
SUMS = [0.0, 1e-300, 3.7, -2.5e9, 1e308, math.inf, math.nan]


@pytest.fixture(autouse=True)
def _nothing_is_known_yet(monkeypatch):
    """What other tests have asked for is kept for as long as the process lives."""
    monkeypatch.setattr(lessons, "_lessons", {})
    monkeypatch.setattr(lessons, "_called", set())


def by_calling(cls, options, sums):
    group = Group(cls, lambda name: learning._number(options[name]))
    return {name: float(value) for name, value in cls.learn(group, **sums).items()}


def bits(numbers):
    return {name: (float(value).hex(), math.copysign(1, value)) for name, value in numbers.items()}


@pytest.mark.parametrize("owner", LEARNING, ids=lambda cls: cls.__name__)
def test_every_class_learns_the_same_by_its_graph(owner):
    chance, options = random.Random(0), owner([torch.ones(2)]).param_groups[0]
    for _ in range(40):
        sums = {name: Number(chance.choice([chance.gauss(0, 1), *SUMS])) for name in (*owner.measures, *owner.surveys)}
        found = lesson(owner, options, sums)
        assert found is not None
        assert bits(found) == bits(by_calling(owner, options, sums))
        learned = {name: value for name, value in found.items() if math.isfinite(value)}
        options.update(learned)


def test_other_options_choose_other_words():
    options, sums = Prodigy([torch.ones(2)]).param_groups[0], {"progress": Number(3.0), "distance": Number(1e-3)}
    for growth_rate, beta3, betas in [(math.inf, None, (0.9, 0.99)), (2.0, None, (0.5, 0.9)), (math.inf, 0.5, (0, 0))]:
        options.update(growth_rate=growth_rate, beta3=beta3, betas=betas)
        for d in (options["d0"], 0.25):
            options.update(d=d)
            assert bits(lesson(Prodigy, options, sums)) == bits(by_calling(Prodigy, options, sums))


def test_numbers_that_are_tensors_are_left_to_the_text():
    options = Prodigy([torch.ones(2)]).param_groups[0]
    options["d"] = torch.tensor(0.5, dtype=torch.float64)
    assert lesson(Prodigy, options, {"progress": Number(3.0), "distance": Number(1.0)}) is None


def counting(text):
    """Make a rule that steps by the largest sum so far, or by whatever its text makes of it."""

    class Counting(Optimizer):
        lr: NonNegative = 0.5
        measures, learned = ("seen",), ("most",)

        def update(self, param, grad):
            return param - self.lr * self.most * grad, total(grad)

        @classmethod
        def start(cls, options):
            return {"most": 1.0}

        learn = text

    return Counting


def questioning(self, seen):
    return {"most": seen if seen > self.most else self.most}


def by_chance(self, seen):
    return {"most": maximum(self.most, seen) + chances.random()}


def by_words(self, seen):
    return {"most": maximum(self.most, seen)}


chances = random.Random(1)


@pytest.mark.parametrize("text", [questioning, by_words])
def test_what_a_graph_cannot_say_is_called(text):
    param = torch.nn.Parameter(torch.zeros(2))
    optimizer, wanted = counting(text)([param]), 1.0
    for value in (1.0, 3.0, -5.0, 0.5):
        param.grad = torch.full((2,), value)
        optimizer.step()
        wanted = max(wanted, 2 * value)
        assert optimizer.param_groups[0]["most"] == wanted


def test_chance_is_asked_at_each_step():
    param = torch.nn.Parameter(torch.zeros(2))
    optimizer, found = counting(by_chance)([param]), [1.0]
    for _ in range(4):
        param.grad = torch.zeros(2)
        optimizer.step()
        found.append(optimizer.param_groups[0]["most"])
    assert len({round(after - before, 9) for before, after in pairwise(found)}) == 4
