"""Counts of steps that lie on a device: the host counts along, so that a rule with phases waits for nobody.

Tensors of the CPU stand for those of a device, and what would be waited for is noted.
"""

import pytest
import torch

import thalweg
from thalweg.engine.decisions import counts

RULES = {"AdaShift": {"keep_num": 3}, "SGDSaI": {}, "Nero": {}, "Shampoo": {"precondition_frequency": 2}}


@pytest.fixture
def waits(monkeypatch):
    """Note each time that the host would have waited, once `elsewhere` is called."""
    noted, read = [], counts.waited_for
    monkeypatch.setattr(counts, "waited_for", lambda count: noted.append(count) or read(count))
    return noted


@pytest.fixture
def elsewhere(monkeypatch):
    return lambda: monkeypatch.setattr(counts, "lies_elsewhere", lambda tensor: True)


def made(name, **options):
    torch.manual_seed(0)
    params = [torch.randn(shape).requires_grad_() for shape in ((4, 3), (3, 5))]
    return getattr(thalweg, name)(params, engine="eager", **RULES[name], **options)


def stepped(optimizer, steps, rests=(), poison=()):
    """Step; in some steps the first parameter has no gradient, in others one that is not finite."""
    params = optimizer.param_groups[0]["params"]
    for step in steps:
        for index, param in enumerate(params):
            torch.manual_seed(10 * step + index)
            grad = torch.randn(param.shape)
            param.grad = None if step in rests and not index else grad * (torch.nan if step in poison else 1)
        optimizer.step()
    return [param.detach().clone() for param in params]


def agree(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


@pytest.mark.parametrize("name", RULES)
def test_nobody_is_waited_for(name, waits, elsewhere):
    wanted = stepped(made(name), range(8), rests=(2, 5))
    elsewhere()
    agree(stepped(made(name), range(8), rests=(2, 5)), wanted)
    assert not waits


def test_gathering_gradients_is_no_step(waits, elsewhere):
    wanted = stepped(made("AdaShift", accumulate=2), range(12))
    elsewhere()
    agree(stepped(made("AdaShift", accumulate=2), range(12)), wanted)
    assert not waits


def test_where_a_device_may_leave_a_step_out_it_is_asked(waits, elsewhere):
    wanted = stepped(made("AdaShift", skip_nonfinite=True), range(8), poison=(1, 4))
    elsewhere()
    agree(stepped(made("AdaShift", skip_nonfinite=True), range(8), poison=(1, 4)), wanted)
    assert waits


def test_a_count_that_somebody_writes_is_read_again(waits, elsewhere):
    def trained():
        optimizer = made("AdaShift")
        stepped(optimizer, range(4))
        for state in optimizer.state.values():
            state["step"].fill_(2)
        return stepped(optimizer, range(4, 8))

    wanted = trained()
    elsewhere()
    agree(trained(), wanted)
    assert len(waits) == 2


def test_counts_that_are_loaded_are_read_again(waits, elsewhere):
    def trained():
        optimizer, other = made("AdaShift"), made("AdaShift")
        stepped(optimizer, range(4))
        stepped(other, range(2))
        other.load_state_dict(optimizer.state_dict())
        return stepped(other, range(4, 8))

    wanted = trained()
    elsewhere()
    agree(trained(), wanted)
    assert len(waits) == 2


def test_after_a_step_that_failed_nothing_is_known(waits, elsewhere, monkeypatch):
    elsewhere()
    optimizer = made("AdaShift")
    stepped(optimizer, range(2))
    with monkeypatch.context() as patch:
        patch.setattr(type(optimizer._watch.plan), "_run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            stepped(optimizer, [0])
    agree(stepped(optimizer, range(2, 8)), stepped(made("AdaShift"), range(8)))
    assert len(waits) == 2
