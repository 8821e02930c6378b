"""Plans that take turns are made once each: a state that one of them adds is no change to the others."""

import pytest
import torch

from thalweg import Adam, AdaShift, SophiaG
from thalweg.engine.plans import watch
from thalweg.optimizer import registry

OWN = [cls for cls in registry.values() if cls.phases and cls.__module__.startswith("thalweg.")]
WITH_PHASES = list({cls.phases: cls for cls in reversed(OWN)}.values())
"""One rule for each way of going through phases."""


@pytest.fixture
def planned(monkeypatch):
    """Note what each plan was made for: which parameters have gradients, and in which phase each is."""
    made, plan = [], watch.plan

    def noted(optimizer, items):
        made.append((optimizer._observes, tuple((item.index, item.phase) for item in items)))
        return plan(optimizer, items)

    monkeypatch.setattr(watch, "plan", noted)
    return made


def parameters(*shapes):
    return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]


def step(optimizer, params, whose=None, value=None):
    """Take a step in which some parameters have gradients."""
    for index, param in enumerate(params):
        has_grad = whose is None or index in whose
        param.grad = (torch.randn_like(param) if value is None else torch.full_like(param, value)) if has_grad else None
    optimizer.step()


@pytest.mark.parametrize("owner", WITH_PHASES, ids=lambda cls: cls.__name__)
def test_phases(owner, planned):
    params = parameters((4, 3), (3, 2))
    optimizer = owner(params)
    for _ in range(22):
        step(optimizer, params)
    assert len(planned) == len(set(planned)) <= len(owner.phases)


def test_sets_of_parameters(planned):
    params = parameters((3,), (2,), (2, 2))
    optimizer = Adam(params)
    for whose in [(0,), (1,), (0, 1, 2)] * 3:
        step(optimizer, params, whose)
    assert len(planned) == 3


def test_gathering(planned):
    params = parameters((3,), (2,))
    optimizer = Adam(params, accumulate=3)
    for _ in range(9):
        step(optimizer, params)
    assert len(planned) == 2


def test_observing(planned):
    params = parameters((3,), (2,))
    optimizer = SophiaG(params)
    for _ in range(4):
        for param in params:
            param.grad = torch.randn_like(param)
        optimizer.update_hessian()
        optimizer.step()
    assert len(planned) == 2


def test_a_state_that_somebody_puts_in_is_used_by_all_of_them(planned):
    params = parameters((3,))
    optimizer = AdaShift(params, keep_num=3)
    for _ in range(6):
        step(optimizer, params)
    (state,) = optimizer.state.values()
    others = {name: state[name].clone() for name in ("exp_avg", "kept_1")}
    state.update(others)
    known = {name: other.clone() for name, other in others.items()}
    for _ in range(3):
        step(optimizer, params)
    assert len(planned) == 6
    assert not any(torch.equal(other, known[name]) for name, other in others.items())


def test_a_plan_whose_first_step_was_left_out_brings_no_states_of_its_own_later():
    start = torch.randn(3)
    runs = []
    for is_disturbed in (True, False):
        params = [torch.nn.Parameter(start.clone()) for _ in range(2)]
        optimizer = Adam(params, lr=0.1, skip_nonfinite=True)
        turns = [((0,), float("nan"))] * is_disturbed + [((0, 1), 1.0), ((0,), -2.0), ((0, 1), 3.0)]
        for whose, value in turns:
            step(optimizer, params, whose, value)
        runs.append(params)
    assert all(map(torch.equal, *runs))
