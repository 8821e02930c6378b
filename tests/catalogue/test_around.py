"""What is put around a formula does what a training loop does by hand around a plain step, for each optimizer."""

import math

import pytest
import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from thalweg.hyper import Fixed
from thalweg.optimizer import Optimizer

from ..traits import in_turn, skip_where_refused
from .conftest import CATALOGUE

SHAPES = [(5, 7), (13,), (), (3, 300)]
STEPS = 6


@pytest.fixture(params=["auto", "eager"])
def engine(request):
    return request.param


def is_on(own, other):
    """Tell if a class has an option on that is off elsewhere, and may be put off."""
    return own.default != other.default and not isinstance(own.rule, Fixed)


class Loop:
    """Two trainings from one start with the same gradients: an option here, the same by hand there."""

    def __init__(self, cls, required, engine, dtype=torch.float64, **options):
        start = [torch.randn(shape, dtype=dtype) for shape in SHAPES]
        self.params, self.others = ([torch.nn.Parameter(value.clone()) for value in start] for _ in range(2))
        # What a class has on by default is off where the same is done by hand.
        self.off = {name: other.default for name, other in Optimizer.around.items() if is_on(cls.options[name], other)}
        self.optimizer = cls(self.params, **(self.off | required | options), engine=engine)
        self.common = common = {name: value for name, value in required.items() if name not in options}
        common |= {name: value for name, value in options.items() if name == "weight_decay"}
        self.plain = cls(self.others, **(self.off | common), engine=engine)

    def gradients(self, scale=1.0):
        for param, other in zip(self.params, self.others, strict=True):
            param.grad = scale * torch.randn_like(param)
            other.grad = param.grad.clone()

    def check(self):
        # sums and products in another order: a few units of the last place, a few times over
        torch.testing.assert_close(self.params, self.others, rtol=1e-11, atol=1e-12)


@pytest.fixture
def loop(cls, required, engine):
    return making(cls, required, engine)


@pytest.fixture
def loop_in_turn(cls, required):
    """For tests of every rule: each runs on one of the engines, which other tests hold to each other."""
    return making(cls, required, in_turn(("auto", "eager"), CATALOGUE.index(cls)))


def making(cls, required, engine):
    torch.manual_seed(0)

    def make(**options):
        skip_where_refused(cls, options)
        return Loop(cls, required, engine, **options)

    return make


def test_max_grad_norm_is_torchs(cls, engine, loop):
    limit = in_turn((1e-3, 10.0, 1e6), CATALOGUE.index(cls) + (engine == "eager"))
    it = loop(max_grad_norm=limit)
    clipped = 0
    for step in range(STEPS):
        it.gradients(10.0 ** (step % 3))
        norm = clip_grad_norm_(it.others, limit)
        clipped += bool(norm > limit)
        it.optimizer.step()
        it.plain.step()
        assert it.optimizer.metrics["grad_norm"] == pytest.approx(norm.item(), rel=1e-12)
    it.check()
    assert it.optimizer.metrics["clipped"] == clipped


def test_max_tensor_norm_clips_each_by_itself(loop):
    it = loop(max_tensor_norm=1.5)
    for _ in range(STEPS):
        it.gradients()
        for other in it.others:
            clip_grad_norm_([other], 1.5)
        it.optimizer.step()
        it.plain.step()
    it.check()


def test_clip_value_is_torchs(loop):
    it = loop(clip_value=0.5)
    for _ in range(STEPS):
        it.gradients()
        clip_grad_value_(it.others, 0.5)
        it.optimizer.step()
        it.plain.step()
    it.check()


def test_accumulate_steps_along_the_mean(loop):
    it = loop(accumulate=3)
    for _ in range(STEPS):
        means = [torch.zeros_like(other) for other in it.others]
        for micro in range(3):
            it.gradients()
            before = [param.detach().clone() for param in it.params]
            it.optimizer.step()
            assert micro == 2 or all(map(torch.equal, before, it.params))
            for mean, other in zip(means, it.others, strict=True):
                mean += other.grad / 3
        for mean, other in zip(means, it.others, strict=True):
            other.grad = mean
        it.plain.step()
    it.check()


def test_ema_is_a_running_mean_from_the_start_on(loop):
    it = loop(ema_decay=0.75)
    means = [param.detach().clone() for param in it.params]
    for _ in range(STEPS):
        it.gradients()
        it.optimizer.step()
        means = [0.75 * mean + 0.25 * param.detach() for mean, param in zip(means, it.params, strict=True)]
        it.plain.step()
    it.check()
    current = [param.detach().clone() for param in it.params]
    with it.optimizer.averaged():
        torch.testing.assert_close([param.detach() for param in it.params], means, rtol=1e-12, atol=1e-13)
    assert all(map(torch.equal, current, it.params))


def test_lookahead_goes_half_the_way_of_every_third_walk(loop):
    it = loop(lookahead=3)
    slow = [other.detach().clone() for other in it.others]
    for step in range(1, 2 * STEPS):
        it.gradients()
        it.optimizer.step()
        it.plain.step()
        if step % 3 == 0:
            with torch.no_grad():
                for start, other in zip(slow, it.others, strict=True):
                    other.copy_(start.lerp_(other, 0.5))
    it.check()


def test_grokfast_adds_the_slow_gradient(loop):
    it = loop(grokfast=2.0, grokfast_decay=0.75)
    means = [None] * len(SHAPES)
    for _ in range(STEPS):
        it.gradients()
        for place, other in enumerate(it.others):
            mean = other.grad.clone() if means[place] is None else 0.75 * means[place] + 0.25 * other.grad
            means[place] = mean
            other.grad += 2.0 * mean
        it.optimizer.step()
        it.plain.step()
    it.check()


def shrinks(cls, options):
    """Tell if a step moves a parameter that has a gradient of zero: that much of it is decay."""
    param = torch.nn.Parameter(torch.ones(3))
    param.grad = torch.zeros(3)
    cls([param], **options).step()
    return not torch.equal(param.detach(), torch.ones(3))


@pytest.mark.every
def test_cautious_is_one_line_of_code(cls, required, loop_in_turn):
    """`mask = (u * g > 0); u *= mask / mask.mean().clamp(min=1e-3)`, as the paper's authors have it."""
    # decay that stands apart from the gradient is not masked
    off = {"weight_decay": 0.0} if "weight_decay" in cls.options else {}
    if shrinks(cls, required | off):
        pytest.skip("its decay cannot be left out")
    if cls.options["hyperball"].default:
        pytest.skip("its steps are masked before they are turned along a sphere")
    it = loop_in_turn(cautious=True, **off)
    for _ in range(STEPS):
        it.gradients()
        it.optimizer.step()
        before = [other.detach().clone() for other in it.others]
        it.plain.step()
        with torch.no_grad():
            for old, other in zip(before, it.others, strict=True):
                step = old - other
                mask = (step * other.grad > 0).to(step.dtype)
                other.copy_(old - step * mask / mask.mean().clamp(min=1e-3))
    it.check()


@pytest.mark.every
def test_decoupled_weight_decay_shrinks_before_the_step(cls, loop_in_turn):
    if "weight_decay" not in cls.options or "decoupled_weight_decay" in cls.refuses:
        pytest.skip("it decays no weights, or in its own way")
    if cls.options["hyperball"].default:
        pytest.skip("its matrices keep their norms")
    it = loop_in_turn(weight_decay=0.1, decoupled_weight_decay=True)
    options = it.common | it.off | {"lr": it.optimizer.lr, "weight_decay": 0.0}
    plain = type(it.plain)(it.others, **options, engine=it.plain.engine)
    for step in range(STEPS):
        # In the first step states start that are copies of the parameter, before any decay or after it.
        it.optimizer.param_groups[0]["weight_decay"] = decay = 0.1 if step else 0.0
        it.gradients()
        it.optimizer.step()
        with torch.no_grad():
            for other in it.others:
                other.mul_(1 - it.optimizer.lr * decay)
        plain.step()
    it.check()


def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(cls, engine, loop):
    poison = in_turn((math.nan, math.inf, -math.inf), CATALOGUE.index(cls) + (engine == "eager"))
    it = loop(skip_nonfinite=True, max_grad_norm=5.0)
    for step in range(STEPS):
        it.gradients()
        if step % 2:
            it.params[3].grad[1, 17] = poison
            before = [param.detach().clone() for param in it.params]
            states = [{n: s.clone() for n, s in it.optimizer.state[p].items()} for p in it.params]
            it.optimizer.step()
            assert all(map(torch.equal, before, it.params))
            for param, state in zip(it.params, states, strict=True):
                assert all(torch.equal(it.optimizer.state[param][name], value) for name, value in state.items())
        else:
            it.optimizer.step()
            clip_grad_norm_(it.others, 5.0)
            it.plain.step()
    it.check()
    assert it.optimizer.metrics["skipped"] == STEPS // 2


def test_huge_gradients_of_double_precision_are_finite(loop):
    it = loop(skip_nonfinite=True)
    it.gradients(1e300)
    it.optimizer.step()
    assert it.optimizer.metrics["skipped"] == 0
    it.params[0].grad[0, 0] = math.inf
    it.optimizer.step()
    assert it.optimizer.metrics["skipped"] == 1


def test_what_is_tracked_is_what_torch_computes(loop):
    it = loop(track=True)
    for _ in range(2):
        it.gradients()
        old = torch.cat([param.detach().flatten() for param in it.params])
        grad = torch.cat([param.grad.flatten() for param in it.params])
        it.optimizer.step()
        it.plain.step()
    it.check()
    new = torch.cat([param.detach().flatten() for param in it.params])
    wanted = {"grad_norm": grad.norm(), "update_to_weight": (new - old).norm() / old.norm(), "clipped": 0, "skipped": 0}
    assert it.optimizer.metrics == pytest.approx({name: float(value) for name, value in wanted.items()}, rel=1e-11)


def test_all_together_with_groups_and_missing_gradients(cls, required, engine):
    """Two groups with options of their own, one parameter that rests: the engines agree."""
    skip_where_refused(cls, {"cautious": True, "ema_decay": 0.9})
    torch.manual_seed(0)
    start = [torch.randn(shape) for shape in SHAPES]
    ends = []
    for engine in ("auto", "eager"):
        torch.manual_seed(1)
        params = [torch.nn.Parameter(value.clone()) for value in start]
        groups = [{"params": params[:2], "max_grad_norm": 0.5}, {"params": params[2:], "cautious": True, "track": True}]
        optimizer = cls(groups, **required, ema_decay=0.9, skip_nonfinite=True, engine=engine)
        for step in range(STEPS):
            for index, param in enumerate(params):
                param.grad = None if (step + index) % 3 == 0 else torch.randn_like(param)
            optimizer.step()
        ends.append([param.detach() for param in params])
    # float32: a few roundings a step
    torch.testing.assert_close(*ends, rtol=1e-5, atol=1e-6)


def test_none_of_it_leaves_anything_behind(cls, required):
    """Options that are off cost no state, and no option of torch.optim's group changes its meaning."""
    optimizer = cls([torch.nn.Parameter(torch.ones(3))], **required)
    optimizer.param_groups[0]["params"][0].grad = torch.ones(3)
    optimizer.step()
    for state in optimizer.state.values():
        assert not {"ema", "accumulated", "slow_param", "slow_grad", "compensation", "low_bits"} & state.keys()
    assert all(
        optimizer.param_groups[0][name] == option.default
        for name, option in Optimizer.around.items()
        if name not in vars(cls).get("__annotations__", {})
    )
