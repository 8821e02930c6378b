"""The recipe of the language model: deterministic by seed, for each of the twelve rules."""

import math

import pytest
import torch
from tasks.language_model import LAST, RULES, WARM_UP, Size, batches, loss_after, rule_named, share_of_rate

TINY = Size(width=16, layers=1, heads=2, context=16, batch=2, judged=4)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_trains_and_a_seed_gives_one_loss(rule):
    """Whatever the process has drawn before."""
    first = loss_after(rule, 1e-3, 0, 11, TINY)
    assert first == loss_after(rule, 1e-3, 0, 11, TINY)
    assert 1 < first < 6


def test_another_seed_gives_another_loss():
    assert loss_after(rule_named("AdamW"), 1e-3, 0, 2, TINY) != loss_after(rule_named("AdamW"), 1e-3, 1, 2, TINY)


def test_rules_see_the_same_batches():
    """Sophia draws labels of its own."""
    seen = [next(batches(3, 1, TINY))[0]]
    torch.rand(7)
    assert torch.equal(next(batches(3, 1, TINY))[0], seen[0])


def test_what_diverges_is_no_number():
    assert math.isnan(loss_after(rule_named("Lion"), 1e30, 0, 12, TINY))


def test_the_schedule_warms_up_and_falls_along_a_cosine():
    adam, steps = rule_named("AdamW"), 200
    shares = [share_of_rate(adam, step, steps) for step in range(steps + 1)]
    top = round(WARM_UP * steps)
    assert shares[top - 1] == shares[top] == 1
    assert shares[: top - 1] == sorted(shares[: top - 1])
    assert shares[top:] == sorted(shares[top:], reverse=True)
    assert shares[-1] == pytest.approx(LAST, rel=1e-12)
    assert {share_of_rate(rule_named("SF-AdamW"), step, steps) for step in range(steps)} == {1.0}
