"""Every optimizer, every way to keep numbers: stopped and resumed, converted, handed to torch.optim, cut up."""

import copy
import io

import pytest
import torch

from thalweg import AdamW, Fromage
from thalweg.engine.launches import launch
from thalweg.engine.pieces import chunks
from thalweg.formula.rule.rule import rule_of
from thalweg.state.formats.blocks import FEWEST

from ..traits import in_turn
from .conftest import CATALOGUE

SHAPES = [(70, 70), (13,), (4, 2500)]
KEPT = {
    "stochastic": {"rounding": "stochastic"},
    "kahan": {"rounding": "kahan"},
    "master": {"rounding": "master"},
    "8bit": {"state_dtype": "8bit"},
    "4bit": {"state_dtype": "4bit"},
    "8bit-stochastic": {"state_dtype": "8bit", "rounding": "stochastic"},
    "bfloat16": {"state_dtype": torch.bfloat16},
    "float16-stochastic": {"state_dtype": torch.float16, "rounding": "stochastic"},
    "float32-kahan": {"state_dtype": torch.float32, "rounding": "kahan"},
}


@pytest.fixture(params=KEPT.values(), ids=KEPT)
def kept(request):
    return request.param


def made(cls, required, dtype=torch.bfloat16, **options):
    torch.manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in SHAPES]
    return cls(params, **required, **options)


def trained(optimizer, steps, first=0):
    for step in range(first, first + steps):
        generator = torch.Generator().manual_seed(step)
        for param in optimizer.param_groups[0]["params"]:
            param.grad = torch.randn(param.shape, generator=generator).to(param.dtype)
        optimizer.step()
    return optimizer


def params(optimizer):
    return [param.detach().clone() for param in optimizer.param_groups[0]["params"]]


def states(optimizer):
    return [optimizer.state.get(param, {}) for param in optimizer.param_groups[0]["params"]]


def bits(value):
    return value.view(torch.uint8) if isinstance(value, torch.Tensor) and value.dim() else value


def assert_same(one, other):
    assert all(map(torch.equal, params(one), params(other)))
    for mine, its in zip(one.state.values(), other.state.values(), strict=True):
        assert mine.keys() == its.keys()
        assert all(torch.equal(bits(mine[name]), bits(its[name])) for name in mine)


@pytest.mark.parametrize(
    ("name", "way"), [*((name, "file") for name in KEPT), ("8bit-stochastic", "deepcopy"), ("master", "dict")]
)
def test_stopped_and_resumed_is_never_stopped(cls, required, name, way):
    kept = KEPT[name]
    straight = trained(made(cls, required, **kept), 5)
    stopped = trained(made(cls, required, **kept), 3)
    if way == "deepcopy":
        resumed = copy.deepcopy(stopped)
    else:
        saved = stopped.state_dict()
        if way == "file":
            buffer = io.BytesIO()
            torch.save(saved, buffer)
            buffer.seek(0)
            saved = torch.load(buffer, weights_only=True)
        resumed = made(cls, required, **kept)
        with torch.no_grad():
            for param, value in zip(resumed.param_groups[0]["params"], params(stopped), strict=True):
                param.copy_(value)
        resumed.load_state_dict(saved)
    assert_same(straight, trained(resumed, 2, first=3))


def test_any_number_of_threads_and_any_pieces(cls, required, kept, monkeypatch):
    once = trained(made(cls, required, **kept), 3)
    monkeypatch.setattr(launch, "ALONE", 0)
    for length, threads in ((256, 1), (512, 2), (1792, 2)):
        monkeypatch.setattr(chunks, "CHUNK_LENGTHS", (length, length))
        torch.set_num_threads(threads)
        assert_same(once, trained(made(cls, required, **kept), 3))


@pytest.mark.every
def test_the_eager_engine_gives_the_same_numbers_for_every_rule(cls, required):
    check_eager(cls, required, KEPT["8bit-stochastic"], torch.bfloat16)


@pytest.mark.parametrize("name", KEPT)
def test_the_eager_engine_gives_the_same_numbers(cls, required, name):
    dtype = in_turn((torch.float32, torch.bfloat16), CATALOGUE.index(cls) + [*KEPT].index(name))
    check_eager(cls, required, KEPT[name], dtype)


def check_eager(cls, required, kept, dtype):
    """It draws the same bits; a formula regrouped by a last place now and then rounds to the other neighbour."""
    one, other = (trained(made(cls, required, dtype, engine=engine, **kept), 1) for engine in ("auto", "eager"))
    for mine, its in zip(params(one), params(other), strict=True):
        # one in a thousand may be next to a half; float32 differs in its last place
        assert (mine != its).float().mean() <= (0.002 if dtype is torch.bfloat16 else 1)
        torch.testing.assert_close(mine.float(), its.float(), rtol=2**-7, atol=1e-5)
    for mine, its in zip(states(one), states(other), strict=True):
        for name, value in mine.items():
            if value.dtype in (torch.uint8, torch.bfloat16, torch.float16):
                # Fromage divides elements by a number, which kernels multiply by its reciprocal: last places differ
                assert (value != its[name]).float().mean() <= (0.03 if cls is Fromage else 0.002), name
    # with what it is short of, a parameter has 16 bits: the last of them may differ
    torch.testing.assert_close(completed(one), completed(other), rtol=2**-15, atol=1e-6)


def completed(optimizer):
    """Give parameters with what they are short of, where that is kept."""
    pairs = zip(params(optimizer), states(optimizer), strict=True)
    return [value.float() + state["compensation"].float() for value, state in pairs if "compensation" in state]


def test_another_seed_rounds_otherwise(cls, required):
    # steps that are not lost, whatever a rule believes that a first one should be
    options = required | {"lr": 100.0}
    one, other = (trained(made(cls, options, rounding="stochastic", seed=seed), 2) for seed in (0, 1))
    assert not all(map(torch.equal, params(one), params(other)))


@pytest.mark.every
def test_master_is_float32_to_the_bit(cls, required):
    """With its low bits a bfloat16 parameter is what a float32 one would be, given the same gradients."""
    torch.manual_seed(0)
    start = [torch.randn(shape).bfloat16() for shape in SHAPES]
    narrow = cls([torch.nn.Parameter(value.clone()) for value in start], **required, rounding="master")
    wide = cls([torch.nn.Parameter(value.float()) for value in start], **required)
    for _ in range(8):
        for mine, its in zip(narrow.param_groups[0]["params"], wide.param_groups[0]["params"], strict=True):
            mine.grad = torch.randn(mine.shape).bfloat16()
            its.grad = mine.grad.float()
        narrow.step()
        wide.step()
    for mine, its in zip(narrow.param_groups[0]["params"], wide.param_groups[0]["params"], strict=True):
        high = mine.detach().view(torch.int16).int() << 16
        assert torch.equal((high + narrow.state[mine]["low_bits"]).view(torch.float32), its)
        for name, value in wide.state[its].items():
            assert torch.equal(narrow.state[mine][name], value)


def moments(optimizer):
    """All states as float32, by parameter and name."""
    return [
        {name: value for name, value in state.items() if name != "step"}
        for state in optimizer.state_dict(state_dtype=torch.float32)["state"].values()
    ]


into_any = pytest.mark.parametrize("target", [torch.float32, torch.bfloat16, torch.float16, "8bit", "4bit"], ids=str)


@into_any
def test_loading_converts_the_states_of_every_rule(cls, required, target):
    check_conversion(cls, required, KEPT["8bit-stochastic"], target)


@into_any
def test_loading_converts_from_any_format(kept, target):
    check_conversion(AdamW, {"amsgrad": True}, kept, target)


def check_conversion(cls, given, kept, target):
    saved = trained(made(cls, given, **kept), 2)
    loading = made(cls, given, state_dtype=target)
    loading.load_state_dict(saved.state_dict())
    assert loading.param_groups[0]["state_dtype"] == target
    # three bits after the point: 1/16, and an absolute floor 2**-15 of the block's largest; with none, 1/2 and 2**-6
    is_coded = target in ("8bit", "4bit")
    tolerance = {"4bit": 1 / 2, "8bit": 1 / 16, torch.bfloat16: 2**-8, torch.float16: 2**-11, torch.float32: 0}[target]
    for mine, its in zip(moments(loading), moments(saved), strict=True):
        for name, value in its.items():
            floor = value.abs().max() * (2.0**-6 if target == "4bit" else 2.0**-15) if value.numel() else 0
            torch.testing.assert_close(mine[name], value, rtol=tolerance, atol=float(max(floor, 2**-24)))
    for state in loading.state.values():
        for name, value in state.items():
            large = value.dim() and value.numel() >= FEWEST
            if name in cls.rule.wide:
                assert value.dtype is torch.float32
            elif is_coded and large and not name.endswith("_scale"):
                assert value.dtype is torch.uint8
            elif not is_coded and value.dim():
                assert value.dtype is target
    trained(loading, 1)


def test_torch_loads_what_is_written_in_float32(cls, required, kept, torchs):
    ours = trained(made(cls, required, dtype=torch.float32, **kept), 3)
    theirs = torchs([value.requires_grad_() for value in params(ours)], **required)
    theirs.load_state_dict(ours.state_dict(state_dtype=torch.float32))
    for state, mine in zip(theirs.state.values(), moments(ours), strict=True):
        for name, value in mine.items():
            torch.testing.assert_close(state[name], value, rtol=0, atol=0)
    for param in theirs.param_groups[0]["params"]:
        param.grad = torch.randn_like(param)
    theirs.step()


@pytest.mark.every
def test_means_of_every_rule_are_never_driven_to_zero_in_few_bits(cls, required):
    check_means(cls, required, {"state_dtype": in_turn(("8bit", "4bit"), CATALOGUE.index(cls))})


def test_means_are_never_driven_to_zero_where_steps_are_divided_by_them(cls, required, kept):
    check_means(cls, required, kept)


def check_means(cls, required, kept):
    """Tiny gradients in a block with a huge one: no step explodes."""
    # even gradients, less their mean, would be none
    plainly = {"lr": 1e-3, "gradient_centralization": False}
    optimizer = made(cls, required | plainly, dtype=torch.float32, **kept)
    for _ in range(4):
        for param in optimizer.param_groups[0]["params"]:
            param.grad = torch.full_like(param, 1e-5)
            param.grad.view(-1)[0] = 1e4
        before = params(optimizer)
        optimizer.step()
        for old, new in zip(before, params(optimizer), strict=True):
            # the largest step of any rule here, from an even gradient, is some 30 times lr; momentum adds up
            assert (new - old).view(-1)[1:].abs().max() < 0.2, cls
    for state in moments(optimizer):
        for name in optimizer.rule.unsigned & state.keys():
            assert state[name].view(-1)[1:].count_nonzero() == state[name].numel() - 1, name


@pytest.mark.slow
@pytest.mark.parametrize("rounding", ["stochastic", "kahan", "master"])
def test_weight_decay_does_not_round_away(cls, required, rounding):
    """A thousand shrinkings by 1e-4 are one by 0.9, also in bfloat16, whose last place is 4e-3."""
    if "weight_decay" not in cls.options or "decoupled_weight_decay" in cls.refuses or rule_of(cls).copies:
        pytest.skip("it decays no weights, or in its own way, or comes back to where it started")
    param = torch.nn.Parameter(torch.full((4096,), 1.0).bfloat16())
    options = required | {"lr": 1e-3, "weight_decay": 0.1, "decoupled_weight_decay": True, "rounding": rounding}
    optimizer = cls([param], **options)
    param.grad = torch.zeros_like(param)
    for _ in range(1000):
        optimizer.step()
    # the mean of 4,096 weights, each a bfloat16: 4 standard errors of a walk of 100 half places are 4e-4
    mean = param.detach().float().mean().item()
    wanted = (1 - 1e-4) ** 1000 * (0.9999 if cls.__name__ == "ASGD" else 1)
    assert mean == pytest.approx(wanted, abs=3e-3)
