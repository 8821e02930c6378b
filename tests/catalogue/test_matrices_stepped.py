"""What surrounds a step of rules that want matrices: groups, hooks, schedules, scalers, and what options put around."""

import copy

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from thalweg.beyond_gradients.with_hessian import WithHessian

from ..traits import skip_where_refused
from .small_matrices import SHAPES, assert_same, eager, everything, params_of, rules, run, step, weights

pytestmark = rules


def test_each_group_follows_its_own_options(rule):
    own = {"lr": 0.5, "maximize": True}
    first, second, _ = weights()
    together = rule([{"params": [first]}, {"params": [second], **own}])
    run(together)
    for index, options in enumerate(({}, own)):
        # A rule that draws by a parameter's place sees the same place: the others have no gradients.
        alone = rule(
            [{"params": [param]} | (options if index == place else {}) for place, param in enumerate(weights()[:2])]
        )
        generator = torch.Generator().manual_seed(0)
        for _ in range(2):
            drawn = [torch.randn(shape, generator=generator) for shape in SHAPES[:2]]
            params_of(alone)[index].grad = drawn[index]
            step(alone)
        assert torch.equal(params_of(alone)[index], params_of(together)[index])


def test_no_gradient_no_step(rule):
    optimizer = rule(weights())
    run(optimizer, 2)
    before = copy.deepcopy(optimizer.state_dict()["state"][0])
    run(optimizer, 2, without=(0, 2))
    assert_same(optimizer.state_dict()["state"][0], before)
    assert not torch.equal(params_of(optimizer)[1], weights()[1])
    run(optimizer, 1, without=range(3))


def test_a_parameter_that_missed_steps_goes_on_as_if_they_had_not_been(rule):
    late, straight = rule(weights()), rule(weights())
    run(late, 1)
    run(late, 2, seed=7, without=(0,))
    run(late, 2, seed=1)
    run(straight, 1)
    run(straight, 2, seed=1)
    assert torch.equal(params_of(late)[0], params_of(straight)[0])


def test_maximize_is_the_negative_gradient(rule):
    assert_same(run(eager(rule, maximize=True), scale=-1.0), run(eager(rule)))


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_codes_have_shapes_of_their_own(rule, engine):
    """Two codes of 4 bits share a byte; a matrix is large enough for them, and the first step knows no old state."""
    skip_where_refused(rule, {"state_dtype": "4bit"})
    steps = []
    for options in ({}, {"state_dtype": "4bit"}):
        torch.manual_seed(0)
        param = nn.Parameter(torch.randn(64, 96))
        optimizer = rule([param], engine=engine, **options)
        param.grad = torch.randn(64, 96)
        step(optimizer)
        param.grad = torch.zeros(64, 96)
        steps.append(param.detach().clone())
        step(optimizer)
        assert param.isfinite().all()
    # what a rule reads back in its first step is rounded to 4 bits, that is to an eighth of the largest of its block
    torch.testing.assert_close(*steps, rtol=0.1, atol=0.05)


def test_gradients_are_left_as_they_are(rule):
    optimizer = rule(weights())
    gradients = [torch.randn_like(param) for param in params_of(optimizer)]
    for param, gradient in zip(params_of(optimizer), gradients, strict=True):
        param.grad = gradient.clone()
    for _ in range(2):
        step(optimizer)
    assert all(
        torch.equal(param.grad, gradient) for param, gradient in zip(params_of(optimizer), gradients, strict=True)
    )


def test_what_lies_around_a_view_stays(rule):
    whole = torch.zeros(6, 8)
    view = nn.Parameter(whole[1:5, 1:7].detach())
    optimizer = rule([view])
    view.grad = torch.randn(4, 6)
    step(optimizer)
    step(optimizer)
    assert view.any()
    assert not torch.cat([whole[0], whole[5], whole[1:5, 0], whole[1:5, 7]]).any()


def test_a_closure_is_called_once_with_gradients_enabled(rule):
    optimizer, calls = rule(weights()), []
    run(optimizer, 1)
    before = [param.detach().clone() for param in params_of(optimizer)]

    def closure():
        calls.append(torch.is_grad_enabled())
        optimizer.zero_grad()
        loss = sum(param.square().sum() for param in params_of(optimizer))
        loss.backward()
        return loss

    with torch.no_grad():
        loss = step(optimizer, closure)
    assert calls == [True]
    assert loss.item() == pytest.approx(sum(float(value.square().sum()) for value in before), rel=1e-6)
    assert not any(map(torch.equal, before, params_of(optimizer)))


def test_it_goes_downhill(rule):
    net, losses = weights(), []
    optimizer = rule(net)
    for _ in range(20):
        optimizer.zero_grad()
        loss = sum(param.square().sum() for param in net)
        loss.backward()
        step(optimizer)
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_hooks_run_around_a_step(rule):
    optimizer, calls = rule(weights()), []
    optimizer.register_step_pre_hook(lambda *_: calls.append("before"))
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    run(optimizer, 1)
    assert calls == ["before", "after"]


def test_a_schedule_counts_from_the_next_step(rule):
    scheduled, by_hand = rule(weights(), lr=0.1), rule(weights(), lr=0.1)
    schedule = lr_scheduler.LambdaLR(scheduled, lambda count: 0.5**count)
    for count in range(3):
        run(scheduled, 1, seed=count)
        schedule.step()
        by_hand.param_groups[0]["lr"] = 0.1 * 0.5**count
        run(by_hand, 1, seed=count)
    assert_same(params_of(scheduled), params_of(by_hand))


def test_a_rate_may_be_a_tensor(rule):
    rate = torch.tensor(0.125)
    by_tensor, by_float = rule(weights(), lr=rate), rule(weights(), lr=0.125)
    assert_same(run(by_tensor, 2), run(by_float, 2))
    rate.fill_(0.5)
    by_float.param_groups[0]["lr"] = 0.5
    assert_same(run(by_tensor, 2, seed=1), run(by_float, 2, seed=1))


def test_an_overflow_changes_nothing(rule):
    if issubclass(rule, WithHessian):
        pytest.skip("a scaler passes no estimate of the Hessian on")
    optimizer, scaler = eager(rule, fused=True), torch.amp.GradScaler("cpu", init_scale=4.0)
    run(optimizer, 1)
    before = everything(optimizer)
    optimizer.zero_grad()
    scaler.scale(sum(param.sum() for param in params_of(optimizer)) * torch.inf).backward()
    scaler.step(optimizer)
    scaler.update()
    assert_same(everything(optimizer), before)
    assert scaler.get_scale() == 2.0


def test_scaled_and_unscaled_are_the_same_training(rule):
    if issubclass(rule, WithHessian):
        pytest.skip("a scaler passes no estimate of the Hessian on")
    ends = []
    for scaler in (torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2), None):
        optimizer = eager(rule, fused=True)
        for _ in range(2):
            optimizer.zero_grad()
            loss = sum((param**3 + param).sum() for param in params_of(optimizer))
            (loss if scaler is None else scaler.scale(loss)).backward()
            optimizer.step() if scaler is None else scaler.step(optimizer)
            if scaler is not None:
                scaler.update()
        ends.append([param.detach() for param in params_of(optimizer)])
    assert_same(*ends)


def test_accumulate_steps_along_the_mean(rule):
    """Of two gradients, so that halves are exact."""
    skip_where_refused(rule, {"accumulate": 2})
    ours, plain = eager(rule, accumulate=2), eager(rule)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        drawn = [[torch.randn(shape, generator=generator) for shape in SHAPES] for _ in range(2)]
        for gradients in drawn:
            for param, gradient in zip(params_of(ours), gradients, strict=True):
                param.grad = gradient.clone()
            step(ours)
        for param, one, other in zip(params_of(plain), *drawn, strict=True):
            param.grad = (one + other) / 2
        if isinstance(plain, WithHessian):
            plain.step(hessian=[gradient.abs() for gradient in drawn[1]])
        else:
            plain.step()
    # what is regrouped differs by last places, and where products are rounded to bfloat16 by one of theirs
    torch.testing.assert_close(params_of(ours), params_of(plain), rtol=0.02, atol=1e-4)


def test_an_average_is_kept_beside(rule):
    skip_where_refused(rule, {"ema_decay": 0.75})
    ours, plain = eager(rule, ema_decay=0.75), eager(rule)
    means = [param.detach().clone() for param in params_of(ours)]
    for seed in range(3):
        run(ours, 1, seed=seed)
        means = [0.75 * mean + 0.25 * param.detach() for mean, param in zip(means, params_of(ours), strict=True)]
    current = [run(plain, 1, seed=seed) for seed in range(3)][-1]
    torch.testing.assert_close([param.detach() for param in params_of(ours)], current, rtol=1e-5, atol=1e-6)
    with ours.averaged():
        torch.testing.assert_close([param.detach() for param in params_of(ours)], means, rtol=1e-5, atol=1e-6)


def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(rule):
    optimizer = eager(rule, skip_nonfinite=True)
    run(optimizer, 2)
    before = everything(optimizer)
    for param in params_of(optimizer):
        param.grad = torch.ones_like(param)
    params_of(optimizer)[1].grad[2, 1] = torch.nan
    optimizer.step()
    assert_same(everything(optimizer), before)
    assert optimizer.metrics["skipped"] == 1


def test_gradients_are_clipped_to_torchs_norm(rule):
    ours, plain = eager(rule, max_grad_norm=0.5), eager(rule)
    for seed in range(2):
        generator = torch.Generator().manual_seed(seed)
        for param, other in zip(params_of(ours), params_of(plain), strict=True):
            param.grad = torch.randn(param.shape, generator=generator)
            other.grad = param.grad.clone()
        norm = nn.utils.clip_grad_norm_(params_of(plain), 0.5)
        for optimizer in (ours, plain):
            if isinstance(optimizer, WithHessian):
                optimizer.update_hessian([torch.ones(shape) for shape in SHAPES])
            optimizer.step()
        assert ours.metrics["grad_norm"] == pytest.approx(norm.item(), rel=1e-5)
        assert ours.metrics["clipped"] == seed + 1
    # gradients differ by last places, and products that are rounded to bfloat16 by one of theirs
    torch.testing.assert_close(params_of(ours), params_of(plain), rtol=0.02, atol=1e-4)


def test_memory_counts_what_is_kept(rule):
    optimizer = rule(weights())
    told = optimizer.memory()
    run(optimizer, 2)
    kept = sum(
        value.numel() * value.element_size()
        for state in optimizer.state.values()
        for name, value in state.items()
        if name != "step" and value.dim()
    )
    assert told.all.states == pytest.approx(kept, abs=64)


def test_unknown_options_and_values_are_refused(rule):
    with pytest.raises(TypeError, match="no_such"):
        rule(weights(), no_such=1)
    with pytest.raises(ValueError, match="learning rate"):
        rule(weights(), lr=-1.0)
    optimizer = rule(weights())
    with pytest.raises(ValueError, match="learning rate"):
        optimizer.add_param_group({"params": weights()[:1], "lr": -1.0})
    assert len(optimizer.param_groups) == 1


def test_repr_and_explain_name_the_class(rule):
    optimizer = rule(weights(), maximize=True)
    run(optimizer, 1)
    assert repr(optimizer).startswith(f"{rule.__name__} (\nParameter Group 0\n")
    assert "    maximize: True\n" in repr(optimizer)
    assert optimizer.explain()
