"""Work that is done every few steps: each phase is a formula of its own, with a plan of its own, made once."""

import copy

import pytest
import torch

from thalweg import AdaShift, engine
from thalweg.engine.launches import launch
from thalweg.engine.plans import watch
from thalweg.formula import Copy
from thalweg.hyper import Count, NonNegative
from thalweg.optimizer import Optimizer


def seldom():
    """Make a rule that adds up gradients, starts with a step of another kind, and looks at the sum now and then."""

    class Seldom(Optimizer):
        lr: NonNegative = 0.5
        every: Count = 3

        phases = ("first", "due", "between")

        @classmethod
        def phase_of(cls, options, step):
            return "first" if step == 1 else "due" if step % options["every"] == 0 else "between"

        def update(self, param, grad, sum_of_grads, last_sum):
            if self.phase == "first":
                return param, sum_of_grads + grad, last_sum
            if self.phase == "due":
                last_sum = sum_of_grads
            return param - self.lr * (grad + last_sum), sum_of_grads + grad, last_sum

    return Seldom


class Floats:
    """The same, in plain floats."""

    def __init__(self, value, every):
        self.value, self.every, self.steps, self.sum, self.last = value, every, 0, 0.0, 0.0

    def step(self, grad):
        self.steps += 1
        if self.steps > 1:
            self.last = self.sum if self.steps % self.every == 0 else self.last
            self.value -= 0.5 * (grad + self.last)
        self.sum += grad


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("every", [1, 3])
def test_each_parameter_is_in_its_own_phase(engine, every):
    params = [torch.nn.Parameter(torch.full((2,), value)) for value in (1.0, 2.0, 3.0)]
    optimizer = seldom()([{"params": params[:2]}, {"params": params[2:], "every": 2}], every=every, engine=engine)
    twins = [Floats(param[0].item(), every) for param in params[:2]] + [Floats(3.0, 2)]
    for step in range(10):
        for index, (param, twin) in enumerate(zip(params, twins, strict=True)):
            rests = index == 1 and step in (0, 4)
            param.grad = None if rests else torch.full((2,), 0.25 * (step + index))
            if not rests:
                twin.step(0.25 * (step + index))
        optimizer.step()
        # quarters and halves are exact
        assert [param[0].item() for param in params] == [twin.value for twin in twins]


def test_a_phase_that_comes_again_has_its_plan(monkeypatch):
    param = torch.nn.Parameter(torch.ones(4))
    optimizer = seldom()([param])
    planned, plan = [], watch.plan
    monkeypatch.setattr(watch, "plan", lambda *given: planned.append(1) or plan(*given))
    for step in range(12):
        param.grad = torch.ones(4)
        optimizer.step()
        assert len(planned) <= 3 or step < 3
    assert len(planned) == 3
    optimizer.every = 2
    optimizer.step()
    assert len(planned) == 3


def test_phases_that_go_round_follow_one_another_at_once(monkeypatch):
    params = [torch.nn.Parameter(torch.ones(4)) for _ in range(2)]
    optimizers = [
        AdaShift([param], keep_num=3, engine=name) for param, name in zip(params, ("auto", "eager"), strict=True)
    ]
    looked_up, step = [], engine._step
    monkeypatch.setattr(engine, "_step", lambda one: (looked_up.append((optimizers.index(one), index)), step(one)))
    for index in range(12):
        for param, optimizer in zip(params, optimizers, strict=True):
            param.grad = torch.full((4,), 0.5 * (1 + index))
            # An edited count is another phase than the one that is next in turn.
            optimizer.state[param].get("step", torch.zeros(())).add_(index == 8)
            optimizer.step()
        torch.testing.assert_close(*params)
    assert [index for place, index in looked_up if place == 0] == [0, 1, 2, 3, 8, 10]


def test_large_parameters_need_not_be_asked_one_by_one_as_phases_go_round(counted, monkeypatch):
    monkeypatch.setattr(launch, "ALONE", 0)
    param = torch.nn.Parameter(torch.ones(4))
    optimizer = AdaShift([param], keep_num=3)
    asked = counted(engine, "phases")
    for step in range(12):
        param.grad = torch.full((4,), 0.5 * (1 + step))
        optimizer.step()
        if step == 3:
            asked.clear()
    assert not asked


def test_all_states_are_there_from_the_first_phase_on():
    param = torch.nn.Parameter(torch.ones(4))
    optimizer = seldom()([param])
    assert optimizer.memory().all.states == 2 * 16
    param.grad = torch.ones(4)
    optimizer.step()
    assert set(optimizer.state[param]) == {"step", "sum_of_grads", "last_sum"}
    assert optimizer.memory().all.states == 2 * 16


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_copy_that_one_phase_alone_needs_is_of_the_first_parameter(engine):
    class Returning(Optimizer):
        lr: NonNegative = 0.5

        phases = ("back", "usual")

        @classmethod
        def phase_of(cls, options, step):
            return "back" if step == 3 else "usual"

        def update(self, param, grad, start: Copy):
            return (start if self.phase == "back" else param - self.lr * grad), start

    param = torch.nn.Parameter(torch.full((4,), 2.0))
    optimizer = Returning([param], engine=engine)
    assert optimizer.memory().all.states == 16
    values = []
    for _ in range(3):
        param.grad = torch.ones(4)
        optimizer.step()
        values.append(param[0].item())
    assert values == [1.5, 1.0, 2.0]


def test_the_memory_of_all_phases_is_counted():
    param = torch.nn.Parameter(torch.ones(4))
    optimizer = AdaShift([param], keep_num=5)
    # five gradients, the mean and the mean of squares
    assert optimizer.memory().all.states == 7 * 16
    param.grad = torch.ones(4)
    optimizer.step()
    assert optimizer.memory().all.states == 7 * 16


@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_a_checkpoint_goes_on_in_its_phase(after):
    cls, params = seldom(), [torch.nn.Parameter(torch.ones(4)) for _ in range(2)]
    optimizers = [cls([param]) for param in params]
    for step in range(9):
        if step == after:
            optimizers[1] = cls([params[1]])
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for param, optimizer in zip(params, optimizers, strict=True):
            param.grad = torch.full((4,), 0.5 * step)
            optimizer.step()
    assert torch.equal(*params)


def test_gathered_gradients_are_one_step():
    params = [torch.nn.Parameter(torch.ones(4)) for _ in range(2)]
    optimizers = [seldom()([params[0]], accumulate=2), seldom()([params[1]])]
    for step in range(12):
        for param in params:
            param.grad = torch.full((4,), 0.5 * (step // 2))
        optimizers[0].step()
        if step % 2:
            optimizers[1].step()
    assert torch.equal(*params)


def test_a_phase_comes_every_one_step_at_least():
    with pytest.raises(ValueError, match="needs every a whole number, at least 1"):
        seldom()([torch.ones(2)], every=0)
