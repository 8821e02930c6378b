"""Low rank when something is wrong: a step, an edit or a checkpoint that is left out changes nothing."""

import re

import pytest
import torch
from torch import nn

import thalweg

KINDS = [thalweg.GaLore, thalweg.Fira, thalweg.APOLLO, thalweg.QGaLore]


def trained(kind, **options):
    params = [nn.Parameter(torch.ones(8, 6)), nn.Parameter(torch.ones(3))]
    optimizer = kind(params, rank=2, lr=0.1, **options)
    stepped(optimizer, params)
    return optimizer, params


def stepped(optimizer, params):
    for param in params:
        param.grad = torch.arange(1.0, 1 + param.numel()).view_as(param)
    optimizer.step()


def everything(optimizer, params):
    return str(optimizer.state_dict()["state"]), str(optimizer.inner.state_dict()["state"]), str(params)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_that_are_not_finite_are_left_out(kind):
    optimizer, params = trained(kind, skip_nonfinite=True)
    before = everything(optimizer, params)
    params[0].grad.fill_(torch.nan)
    optimizer.step()
    assert everything(optimizer, params) == before


def test_a_step_that_failed_leaves_nothing_for_the_next_one():
    optimizer, params = trained(thalweg.GaLore)
    params[1].grad = torch.ones(3).to_sparse()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        optimizer.step()
    kept = params[0].detach().clone()
    params[0].grad, params[1].grad = None, torch.ones(3)
    optimizer.step()
    assert torch.equal(params[0], kept)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("rank", 3, "GaLore needs rank=2 in parameter group 0, as its states have so many directions, but got 3"),
        ("rank", None, "GaLore needs rank=2 in parameter group 0"),
        ("gap", 0, "Invalid gap value: 0 in parameter group 0"),
        ("max_grad_norm", 1.0, "GaLore does not take max_grad_norm=1.0 in parameter group 0"),
    ],
)
def test_edits_of_options_are_held_to_what_the_constructor_takes(option, value, sentence):
    optimizer, params = trained(thalweg.GaLore)
    before = everything(optimizer, params)
    optimizer.param_groups[0][option] = value
    with pytest.raises(ValueError, match=re.escape(sentence)):
        optimizer.step()
    assert everything(optimizer, params) == before


def test_a_matrix_of_another_dtype_is_refused():
    optimizer, params = trained(thalweg.GaLore)
    params[0].grad, params[0].data = None, params[0].data.double()
    params[0].grad = torch.ones_like(params[0])
    with pytest.raises(RuntimeError, match=r"that was torch.float32 on cpu, but it is torch.float64 on cpu"):
        optimizer.step()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda saved: saved["rule"]["state"][1].update(exp_avg="x"),
        lambda saved: saved["state"][0].update(step="x"),
        lambda saved: saved["param_groups"][0].update(gap=-1),
        lambda saved: saved["param_groups"][0].update(lookahead=2),
        lambda saved: saved.update(state=3),
    ],
)
def test_a_checkpoint_with_a_fault_is_refused_and_nothing_changes(spoil, kind):
    optimizer, params = trained(kind)
    saved, before = trained(kind)[0].state_dict(), everything(optimizer, params)
    spoil(saved)
    with pytest.raises(ValueError, match=r"^(cannot load this state_dict into|\w+ needs the step)"):
        optimizer.load_state_dict(saved)
    assert everything(optimizer, params) == before
    stepped(optimizer, params)
