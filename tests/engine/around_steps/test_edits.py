"""Options that are edited in a group between two steps: held to their range, to each other, or what they ask for."""

from fractions import Fraction

import numpy as np
import pytest
import torch

import thalweg
from thalweg import Adam, AdamW

ENGINES = pytest.mark.parametrize("engine", ["auto", "eager"])


def make(engine, **options):
    param = torch.nn.Parameter(torch.ones(100, 64))
    param.grad = torch.ones_like(param)
    optimizer = AdamW([("weight", param)], engine=engine, **options)
    optimizer.step()
    optimizer.step()
    return optimizer, param


@ENGINES
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clip_value", -1.0),
        ("lr", -1.0),
        ("lr", float("nan")),
        ("lr", torch.tensor(-1.0)),
        ("betas", (2.0, 3.0)),
        ("amsgrad", "maybe"),
        ("weight_decay", None),
        ("max_grad_norm", 0.0),
        ("state_dtype", "3bit"),
        ("state_dtype", torch.float64),
        ("rounding", "up"),
        ("accumulate", 0),
        ("fused", "x"),
        ("differentiable", True),
    ],
)
def test_refused_before_anything_changes(engine, name, value):
    optimizer, param = make(engine)
    before, kept = param.detach().clone(), optimizer.param_groups[0][name]
    optimizer.param_groups[0][name] = value
    with pytest.raises((ValueError, TypeError, RuntimeError), match=name if name != "lr" else "learning rate"):
        optimizer.step()
    assert torch.equal(param, before)
    assert optimizer.state[param]["step"] == 2
    optimizer.param_groups[0][name] = kept
    optimizer.step()
    assert optimizer.state[param]["step"] == 3


@ENGINES
def test_a_number_that_changes_in_place_is_looked_at_too(engine):
    optimizer, param = make(engine, lr=torch.tensor(0.1))
    optimizer.lr.fill_(-1)
    before = param.detach().clone()
    with pytest.raises(ValueError, match="learning rate: -1"):
        optimizer.step()
    assert torch.equal(param, before)


@ENGINES
def test_a_schedule_may_end_a_rounding_error_below_zero(engine):
    optimizer, _ = make(engine)
    optimizer.param_groups[0]["lr"] = -1e-19
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())


@ENGINES
def test_states_are_converted_to_what_is_asked_for(engine):
    optimizer, param = make(engine, state_dtype="8bit")
    for choice, dtype, shape in [
        ("4bit", torch.uint8, (3200,)),
        (torch.bfloat16, torch.bfloat16, (100, 64)),
        (torch.float32, torch.float32, (100, 64)),
        ("8bit", torch.uint8, (100, 64)),
    ]:
        optimizer.param_groups[0]["state_dtype"] = choice
        optimizer.step()
        moment = optimizer.state[param]["exp_avg"]
        assert (moment.dtype, tuple(moment.shape)) == (dtype, shape)
        assert ("exp_avg_scale" in optimizer.state[param]) == (dtype is torch.uint8)
    assert optimizer.state[param]["step"] == 6
    # Six steps of lr, as the gradient never changes; blocks.py says that codes of 4 bits make steps up to 15% longer.
    assert param.mean().item() == pytest.approx(1 - 6e-3, abs=0.15 * 6e-3)


@pytest.mark.parametrize("options", [{"state_dtype": "8bit"}, {"state_dtype": "4bit"}])
def test_a_model_made_double_is_held_to_its_formats(options):
    optimizer, param = make("auto", **options)
    param.data, param.grad = param.data.double(), None
    param.grad = torch.ones_like(param)
    before = param.detach().clone()
    with pytest.raises(RuntimeError, match=r"is for parameters that are computed with in float32, but it is torch\.f"):
        optimizer.step()
    assert torch.equal(param, before)


@ENGINES
@pytest.mark.parametrize(
    ("option", "value", "kept"),
    [
        ("lr", np.float32(0.5), 0.5),
        ("lr", Fraction(1, 2), 0.5),
        ("betas", (np.float32(0.5), 0.75), (0.5, 0.75)),
        ("betas", torch.tensor([0.5, 0.75]), (0.5, 0.75)),
    ],
    ids=str,
)
def test_numbers_of_other_kinds_are_numbers(option, value, kept, engine):
    """Schedules computed by NumPy write its numbers, which are no floats of Python's."""
    params = [torch.ones(3, requires_grad=True) for _ in range(2)]
    for param, new in zip(params, (value, kept), strict=True):
        param.grad = torch.full((3,), 2.0)
        optimizer = Adam([param], lr=0.1, engine=engine)
        optimizer.step()
        optimizer.param_groups[0][option] = new
        param.grad = torch.ones(3)
        optimizer.step()
    assert torch.equal(*params)


@ENGINES
@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda group: group.pop("lr"), "Adam needs lr in parameter group 0, but it was taken out: put it back"),
        (lambda group: group.update(betas=np.array([0.5, 0.5])), "Adam needs betas to be two numbers in"),
        (lambda group: group.update(lr=torch.tensor(0.5, device="meta")), "Adam needs lr to be a number in"),
        (lambda group: group.update(lr=torch.tensor(1j)), "Adam needs lr to be a number in"),
        (lambda group: group.update(lr=10**400), "Invalid learning rate: 1000000"),
        (
            lambda group: group.update(betas=(0.5, torch.tensor(0.5))),
            "betas must be either both floats or both Tensors",
        ),
    ],
)
def test_what_is_no_number_is_refused_alike_on_both_engines(edit, sentence, engine):
    param = torch.ones(3, requires_grad=True)
    param.grad = torch.ones(3)
    optimizer = Adam([param], engine=engine)
    optimizer.step()
    before = param.detach().clone()
    edit(optimizer.param_groups[0])
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}"):
        optimizer.step()
    assert torch.equal(param, before)


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize(("rule", "period"), [("SOAP", "precondition_frequency"), ("SPAM", "interval")])
def test_a_period_of_zero_that_was_written_into_a_group_is_refused_by_name(rule, period, steps):
    param = torch.nn.Parameter(torch.ones(4, 3))
    optimizer = getattr(thalweg, rule)([param])
    param.grad = torch.ones(4, 3)
    for _ in range(steps):
        optimizer.step()
    optimizer.param_groups[0][period] = 0
    before = param.detach().clone()
    with pytest.raises(
        ValueError, match=f"^Invalid {period} value: 0 in parameter group 0, but {rule} needs {period} a"
    ):
        optimizer.step()
    assert torch.equal(param, before)
    optimizer.param_groups[0][period] = 2
    # SOAP's first step finds bases alone.
    optimizer.step()
    optimizer.step()
    assert not torch.equal(param, before)


OF_METHODS = {
    "history_size": (thalweg.LBFGS, -3, "LBFGS needs history_size to be at least 0 in parameter group 0, but got -3"),
    "max_iter": (thalweg.BFGS, 2.5, "BFGS needs max_iter to be a whole number in parameter group 0, but got 2.5"),
    "tolerance_grad": (thalweg.CG, "a", "CG needs tolerance_grad to be a number in parameter group 0, but got str 'a'"),
    "beta": (thalweg.CG, ["hz"], "CG needs beta to be one of 'auto', .* in parameter group 0, but got ['hz']"),
    "lr": (
        thalweg.TrustRegion,
        -1,
        "Invalid learning rate: -1 in parameter group 0, but TrustRegion needs lr at least",
    ),
}


@pytest.mark.parametrize("name", OF_METHODS)
def test_edits_of_closure_methods_are_held_to_their_ranges_too(name):
    cls, value, sentence = OF_METHODS[name]
    param = torch.nn.Parameter(torch.ones(2))
    optimizer = cls([param])

    def closure():
        optimizer.zero_grad()
        loss = param.square().sum()
        loss.backward()
        return loss

    optimizer.param_groups[0][name] = value
    with pytest.raises((TypeError, ValueError)) as caught:
        optimizer.step(closure)
    start, _, end = sentence.partition(".*")
    assert start in str(caught.value)
    assert end in str(caught.value)
    assert torch.equal(param, torch.ones(2))
    optimizer.param_groups[0][name] = optimizer.defaults[name]
    optimizer.step(closure)
    assert param.abs().max() < 1e-3
