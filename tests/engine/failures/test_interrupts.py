"""Interrupted anywhere, or out of memory: a step is taken as a whole, or it is as if it had never begun."""

import linecache
import signal
import sys
from functools import partial
from itertools import count
from pathlib import Path

import pytest
import torch

import thalweg
from thalweg import LBFGS, SGD, Adam, Muon, Prodigy, ScheduleFreeSGD
from thalweg.engine import commit
from thalweg.engine.eager import reference
from thalweg.engine.matrices import between_passes
from thalweg.state.interrupts import without_gradients

ROOT = str(Path(thalweg.__file__).parent)
ENGINES = ("auto", "eager")


def optimizer_of(engine, cls=SGD, **options):
    params = [torch.nn.Parameter(torch.zeros(size)) for size in (4, 3)]
    for param in params:
        param.grad = torch.ones_like(param)
    return cls(params, lr=1.0, **({} if cls is LBFGS else {"engine": engine}), **options), params


def interrupted(step, at, counts=lambda frame: True):
    """Raise KeyboardInterrupt before a line of this library, of those that count; False if there are not so many."""
    left = [at]

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.startswith(ROOT) or "/formula/" in frame.f_code.co_filename:
            return None
        left[0] -= event == "line" and counts(frame)
        if not left[0]:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        step()
    except KeyboardInterrupt:
        assert torch.is_grad_enabled()
        return True
    finally:
        sys.settrace(None)
    return False


def evaluated(optimizer):
    optimizer.eval()
    optimizer.train()


def averaged(optimizer):
    with optimizer.averaged():
        pass


@pytest.mark.parametrize(
    ("rule", "options", "does"),
    [
        (Prodigy, {}, Prodigy.step),
        (Adam, {"skip_nonfinite": True, "max_grad_norm": 1.0}, Adam.step),
        (Adam, {"accumulate": 2, "track": True}, Adam.step),
        (Adam, {"ema_decay": 0.5}, averaged),
        (ScheduleFreeSGD, {}, evaluated),
        (LBFGS, {}, lambda optimizer: optimizer.step(lambda: half_square(optimizer))),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_gradients_stay_switched_on(rule, options, does):
    """A block within which they are off may be interrupted on its way in and on its way out."""
    for at in count(1):
        optimizer, params = optimizer_of("eager", rule, **options)
        if rule is not LBFGS:
            optimizer.step()
        for param in params:
            param.grad = torch.ones_like(param)
        if not interrupted(partial(does, optimizer), at, switches_gradients):
            break


def switches_gradients(frame):
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return "with" in text and "grad" in text


def half_square(optimizer):
    loss = sum((param - 1).square().sum() for param in optimizer.param_groups[0]["params"]) / 2
    optimizer.zero_grad()
    loss.backward()
    return loss


@pytest.mark.parametrize("engine", ENGINES)
def test_a_first_step_that_is_interrupted_is_whole_or_was_not(engine):
    """Dampening tells the first step from all others: states alone must not be left behind."""
    at = 1
    while True:
        optimizer, params = optimizer_of(engine, momentum=0.9, dampening=0.5)
        if not interrupted(optimizer.step, at):
            break
        after = {param[0].item() for param in params}
        kept = {bool(optimizer.state.get(param)) for param in params}
        optimizer.step()
        moved = [param[0].item() for param in params]
        wanted = [-1.0, -1.0] if after == {0.0} else [pytest.approx(-2.4), pytest.approx(-2.4)]
        assert (after, kept) in (({0.0}, {False}), ({-1.0}, {True})), f"line {at}"
        assert moved == wanted, f"line {at}"
        at += 61
    assert at > 61


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fails", range(1, 9))  # three states each, one of them a copy
def test_out_of_memory_leaves_all_as_it_was(engine, fails, monkeypatch):
    optimizer, params = optimizer_of(engine, Adam, rounding="kahan", ema_decay=0.9)
    made, working = [], torch.zeros_like

    def zeros_like(*arguments, **keywords):
        made.append(1)
        if len(made) == fails:
            raise torch.OutOfMemoryError("no memory left")
        return working(*arguments, **keywords)

    monkeypatch.setattr(torch, "zeros_like", zeros_like)
    with pytest.raises(torch.OutOfMemoryError):
        optimizer.step()
    assert not optimizer.state
    assert all(param.eq(0).all() for param in params)
    optimizer.step()
    assert all(param.eq(params[0][0]).all() for param in params)
    assert optimizer.state[params[0]]["step"] == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_the_last_parameter_alone_is_wrong(engine):
    optimizer, params = optimizer_of(engine, Adam)
    optimizer.step()
    before = [param.detach().clone() for param in params]
    params[1].data, params[1].grad = torch.ones(2, 3), torch.ones(2, 3)
    with pytest.raises(RuntimeError, match=r"parameter 1 of group 0 .* has shape \(2, 3\), but its exp_avg has \(3,\)"):
        optimizer.step()
    assert torch.equal(params[0], before[0])
    assert optimizer.state[params[0]]["step"] == 1


def test_a_failure_while_computing_changes_no_parameter_before(monkeypatch):
    """The eager engine computes all before it writes any."""
    optimizer, params = optimizer_of("eager", Adam)
    working, seen = reference.Update.group, []

    def broken(self, *numbers):
        seen.append(1)
        if len(seen) == 2:
            raise torch.OutOfMemoryError("no memory left")
        return working(self, *numbers)

    monkeypatch.setattr(reference.Update, "group", broken)
    with pytest.raises(torch.OutOfMemoryError):
        optimizer.step()
    assert all(param.eq(0).all() for param in params)
    assert not optimizer.state


def test_an_interrupt_waits_while_python_takes_part():
    """Between the passes of a function of whole matrices, say."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    done = []
    changes = [lambda: signal.raise_signal(signal.SIGINT), lambda: done.append("the second change")]
    with pytest.raises(KeyboardInterrupt):
        commit.commit(changes, needs_python=True)
    assert done == ["the second change"]


def test_matrices_that_are_interrupted_are_done(monkeypatch):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    param = torch.nn.Parameter(torch.zeros(4, 6))
    optimizer = Muon([param], lr=1.0)
    param.grad = torch.randn(4, 6)
    made = between_passes.Matrices.make

    def interrupting(*arguments):
        signal.raise_signal(signal.SIGINT)
        made(*arguments)

    monkeypatch.setattr(between_passes.Matrices, "make", interrupting)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    assert param.ne(0).any()
    assert "momentum_buffer" in optimizer.state[param]


@pytest.mark.parametrize("is_on", [True, False])
def test_gradients_are_off_during_a_call_and_afterwards_as_before(is_on):
    seen = []

    def failing():
        seen.append(torch.is_grad_enabled())
        raise KeyError

    with torch.set_grad_enabled(is_on):
        with pytest.raises(KeyError):
            without_gradients(failing)()
        assert torch.is_grad_enabled() is is_on
    assert seen == [False]
