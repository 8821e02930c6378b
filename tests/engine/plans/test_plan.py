"""One launch for all that share a formula; plans last as long as what they were made for, and not longer."""

import pytest
import torch

from thalweg import SGD, Adam
from thalweg.engine.launches import launch
from thalweg.engine.llvm.kernels import kernel
from thalweg.engine.llvm.machine_code import load
from thalweg.engine.plans import watch

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler")


def params(*shapes):
    return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes or [(3, 3), (5,), (2, 2)]]


def backward(optimizer):
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad = torch.randn_like(param)


@pytest.fixture
def launches(counted, monkeypatch):
    # A small launch is run in one breath with the look at its tensors.
    monkeypatch.setattr(launch, "ALONE", 0)
    return counted(launch.Launch, "stages")


@pytest.fixture
def plans(counted):
    return counted(watch, "plan")


@pytest.fixture
def compilations(counted):
    return counted(load, "build")


def test_groups_with_other_numbers_share_a_launch(launches):
    one, other, third = params()
    groups = [{"params": [one]}, {"params": [other, third], "lr": 0.5, "betas": (0.5, 0.75)}]
    optimizer = Adam(groups)
    backward(optimizer)
    optimizer.step()
    assert len(launches) == 1


def test_step_counts_share_a_launch(launches):
    one, other = params((3,), (3,))
    optimizer = Adam([one, other])
    one.grad = torch.ones(3)
    optimizer.step()
    backward(optimizer)
    launches.clear()
    optimizer.step()
    assert [optimizer.state[param]["step"].item() for param in (one, other)] == [2, 1]
    assert len(launches) == 1


def test_an_option_that_changes_the_formula_has_a_launch_of_its_own(launches):
    one, other = params((3,), (3,))
    optimizer = SGD([{"params": [one]}, {"params": [other], "nesterov": True}], lr=0.1, momentum=0.5)
    backward(optimizer)
    optimizer.step()
    assert len(launches) == 2


def test_dtypes_have_launches_of_their_own(launches):
    optimizer = Adam([*params((3,), (3,)), torch.nn.Parameter(torch.randn(3).double())])
    backward(optimizer)
    optimizer.step()
    assert len(launches) == 2


def test_a_schedule_makes_no_plan_and_compiles_nothing(plans, compilations):
    optimizer = Adam(params())
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=9)
    backward(optimizer)
    optimizer.step()
    scheduler.step()
    plans.clear(), compilations.clear()
    for _ in range(5):
        backward(optimizer)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    assert (plans, compilations) == ([], [])


def test_layers_frozen_in_turns_keep_their_plans(plans):
    optimizer = Adam(params())
    turns = [(0,), (1,), (0, 1, 2)]
    for round_ in range(4):
        if round_ == 2:
            plans.clear()
        for turn in turns:
            optimizer.zero_grad()
            for index in turn:
                param = optimizer.param_groups[0]["params"][index]
                param.grad = torch.randn_like(param)
            optimizer.step()
    assert plans == []


def test_sets_that_never_come_back_are_forgotten():
    optimizer = Adam(params(*[(1,)] * 40))
    for param in optimizer.param_groups[0]["params"]:
        optimizer.zero_grad()
        param.grad = torch.ones(1)
        optimizer.step()
    assert len(optimizer._plans) <= 32


def test_loading_compiles_nothing(compilations):
    optimizer = Adam(params())
    backward(optimizer)
    optimizer.step()
    compilations.clear()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.step()
    assert compilations == []


def test_another_optimizer_of_the_same_kind_builds_nothing(counted):
    for lr in (0.1, 0.2):
        built = counted(kernel, "Kernel")
        optimizer = Adam(params(), lr=lr)
        backward(optimizer)
        optimizer.step()
    assert built == []


def test_gradients_are_not_kept_alive():
    """Memory that zero_grad has freed is there for the next forward pass."""
    (param,) = params((3,))
    optimizer, freed = Adam([param]), []
    for _ in range(3):
        grad = torch.ones(3)
        param.grad = grad
        freed.append(torch.multiprocessing.reductions.StorageWeakRef(grad.untyped_storage()))
        del grad
        optimizer.step()
        optimizer.zero_grad()
    assert all(storage.expired() for storage in freed)
