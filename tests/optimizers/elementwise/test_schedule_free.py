"""Two points: where gradients are taken, and what is judged; `train()` and `eval()` go from one to the other."""

import copy
import re

import pytest
import torch

import thalweg

KINDS = [thalweg.ScheduleFreeSGD, thalweg.ScheduleFreeAdamW, thalweg.ScheduleFreeRAdam, thalweg.GPAAdamW]
each = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def trained(kind, steps=12, dtype=torch.float32, **options):
    torch.manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in [(5, 7), (), (300,)]]
    optimizer = kind(params, lr=0.05, **options)
    walk(optimizer, range(steps))
    return optimizer, params


def walk(optimizer, steps):
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for param in optimizer.param_groups[0]["params"]:
            param.grad = torch.randn(param.shape, generator=generator).to(param.dtype)
        optimizer.step()


def values(params):
    return [param.detach().clone() for param in params]


@each
@pytest.mark.parametrize("options", [{}, {"rounding": "kahan"}, {"rounding": "master"}], ids=str)
def test_going_to_the_mean_and_back_changes_nothing(kind, options):
    dtype = torch.bfloat16 if options else torch.float32
    (straight, wanted), (optimizer, params) = (trained(kind, dtype=dtype, **options) for _ in range(2))
    before = values(params)
    optimizer.eval()
    mean = values(params)
    assert not all(map(torch.equal, before, mean))
    optimizer.eval()
    assert all(map(torch.equal, mean, params))
    optimizer.train()
    optimizer.train()
    assert all(map(torch.equal, before, params))
    with optimizer.averaged():
        assert all(map(torch.equal, mean, params))
    for one in (straight, optimizer):
        walk(one, range(12, 20))
    assert all(map(torch.equal, wanted, params))


@each
def test_the_mean_is_that_of_the_fast_points(kind):
    """Where all steps count alike: x is the mean of z, and of what was there before for a mean that forgets."""
    options = {"weight_lr_power": 0} if "weight_lr_power" in kind.options else {"mu_x": 0.75}
    optimizer, params = trained(kind, steps=0, **options)
    start, points = values(params), []
    for step in range(6):
        walk(optimizer, [step])
        points.append([optimizer.state[param]["z"].clone() for param in params])
    optimizer.eval()
    for place, param in enumerate(params):
        path = [point[place] for point in points]
        mean = sum(path) / len(path)
        if kind is thalweg.GPAAdamW:
            mean = 0.75**6 * start[place] + sum(0.25 * 0.75 ** (5 - t) * z for t, z in enumerate(path))
        # a few roundings in float32, divided by the momentum
        torch.testing.assert_close(param.detach(), mean, rtol=1e-5, atol=1e-6)


@each
def test_a_step_at_the_wrong_point_is_refused(kind):
    optimizer, params = trained(kind)
    optimizer.eval()
    at_mean, state = values(params), copy.deepcopy(optimizer.state_dict()["state"])
    sentence = f"{kind.__name__} cannot do a step: the averaged parameters stand in for the parameters, which come back"
    with pytest.raises(RuntimeError, match=re.escape(sentence + " with optimizer.train()")):
        optimizer.step()
    for what in (lambda: optimizer.averaged().__enter__(), lambda: optimizer.load_state_dict(optimizer.state_dict())):
        with pytest.raises(RuntimeError, match="come back with optimizer"):
            what()
    assert all(map(torch.equal, at_mean, params))
    for one, other in zip(state.values(), optimizer.state_dict()["state"].values(), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    optimizer.train()
    with optimizer.averaged(), pytest.raises(RuntimeError, match="cannot do eval"):
        optimizer.eval()


@each
def test_what_is_saved_at_the_mean_goes_on_from_the_training_point(kind):
    """As its users do: eval(), save model and optimizer, load both, train()."""
    optimizer, params = trained(kind)
    point = values(params)
    optimizer.eval()
    saved = copy.deepcopy(optimizer.state_dict())
    resumed, others = trained(kind, steps=0)
    with torch.no_grad():
        for other, param in zip(others, params, strict=True):
            other.copy_(param)
    resumed.load_state_dict(saved)
    with pytest.raises(RuntimeError, match="cannot do a step"):
        resumed.step()
    resumed.train()
    # it is computed anew: a rounding or two
    torch.testing.assert_close(values(others), point, rtol=1e-5, atol=1e-6)
    walk(resumed, range(12, 14))


@each
def test_a_model_that_is_loaded_at_the_mean_is_not_overwritten(kind):
    optimizer, params = trained(kind)
    optimizer.eval()
    with torch.no_grad():
        params[0].fill_(3.0)
    optimizer.train()
    z = optimizer.state[params[0]]["z"]
    share = optimizer.param_groups[0].get("mu_y", optimizer.param_groups[0].get("momentum"))
    share = optimizer.param_groups[0]["betas"][0] if share is None else share
    torch.testing.assert_close(params[0].detach(), 3.0 + (1 - share) * (z - 3.0))


@each
def test_a_copy_of_what_is_at_the_mean_is_there_too(kind):
    optimizer, _ = trained(kind)
    optimizer.eval()
    copied = copy.deepcopy(optimizer)
    with pytest.raises(RuntimeError, match="cannot do a step"):
        copied.step()
    copied.train()
    walk(copied, range(2))


@each
@pytest.mark.parametrize(
    "option", [{"decoupled_weight_decay": True}, {"cautious": True}, {"ema_decay": 0.9}, {"lookahead": 5}], ids=str
)
def test_what_would_make_it_another_method_is_refused(kind, option):
    (name,) = option
    with pytest.raises(ValueError, match=f"{kind.__name__} does not take {name}=.*, since .*: leave it out"):
        kind([torch.zeros(3)], **option)


def test_a_momentum_of_zero_has_no_mean():
    with pytest.raises(ValueError, match="needs momentum above 0 and below 1"):
        thalweg.ScheduleFreeSGD([torch.zeros(3)], momentum=0)
    with pytest.raises(ValueError, match="Invalid beta parameter at index 0"):
        thalweg.ScheduleFreeAdamW([torch.zeros(3)], betas=(0.0, 0.9))


def test_before_the_first_step_both_points_are_the_same():
    optimizer, params = trained(thalweg.ScheduleFreeAdamW, steps=0)
    before = values(params)
    optimizer.eval()
    assert all(map(torch.equal, before, params))
    optimizer.train()
    walk(optimizer, range(1))
