"""Rules of low rank against their papers' boxes, around other rules, and what they do not take."""

import copy
import importlib
import re
from functools import partial

import pytest
import torch
from torch import nn

import thalweg
from thalweg.optimizers.wrappers.projections import random_directions, singular_vectors

from ...catalogue.authorities import stand_in
from ...papers.low_rank import low_rank, q_galore
from ..matrix.beside import compare, walk

TUNED = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "rank": 2, "gap": 5, "scale": 0.5}
APOLLO = [{}, {"scale_type": "tensor", "rank": 1}, {"projection": "svd", "growth": 1.5}]


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5)])
@pytest.mark.parametrize("name", ["GaLore", "Fira"])
def test_the_papers_boxes(name, shape):
    compare(getattr(thalweg, name), partial(low_rank, name), shape, TUNED)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4)])
@pytest.mark.parametrize("options", APOLLO, ids=str)
def test_apollos_box(options, shape):
    drawn, like = TUNED | {"seed": 7} | options, torch.zeros(shape, dtype=torch.float64)
    found = {t: random_directions(like, drawn["rank"], 7, 0, t).numpy() for t in range(0, 12, 5)}
    known = None if options.get("projection") == "svd" else found
    compare(thalweg.APOLLO, partial(low_rank, "APOLLO"), shape, drawn, directions=known)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5)])
@pytest.mark.parametrize("group_size", [4, 3, 256])
def test_q_galores_box(shape, group_size):
    """Gaps grow soon: any direction is near enough."""
    options = TUNED | {"cos_threshold": -1.0, "gap_growth": 3.0, "queue_size": 2, "gap": 2, "group_size": group_size}
    # codes are read in float32
    optimizer = compare(thalweg.QGaLore, q_galore, shape, options, steps=20, tolerance=1e-5)
    (kept,) = optimizer.state.values()
    assert kept["interval"] == 2 * 3**3
    assert kept["direction_codes"].dtype is torch.uint8


def test_q_galores_directions_are_half_a_byte_each():
    param = nn.Parameter(torch.ones(64, 128))
    optimizer = thalweg.QGaLore([param], rank=32)
    walk(optimizer, [param], [0])
    kept = optimizer.state[param]
    assert kept["direction_codes"].nbytes == 64 * 32 / 2
    assert kept["direction_scales"].numel() == kept["direction_zeros"].numel() == 64 * 32 / 256


def ours_for_theirs(grad, rank, type):  # noqa: A002, their name
    found = singular_vectors(grad, rank, None)
    return (found.mT if type == "right" else found).contiguous()


def test_the_same_codes_and_gaps_as_the_authors(monkeypatch):
    """From the same singular vectors, whose signs are free."""
    try:
        stand_in("q_galore_torch")  # the package itself wants bitsandbytes
        kind = importlib.import_module("q_galore_torch.q_galore_projector").GaLoreProjector
    except ImportError:
        pytest.skip("q_galore_torch is not installed")
    for shape in ((32, 64), (64, 32)):
        param = nn.Parameter(torch.zeros(shape))
        optimizer = thalweg.QGaLore([param], thalweg.SGD, rank=16, gap=1, lr=1.0, cos_threshold=0.0, queue_size=3)
        theirs = kind(16, update_proj_gap=1, quant=True, group_size=256, n_bit=4, cos_threshold=0.0, queue_size=3)
        monkeypatch.setattr(theirs, "get_orthogonal_matrix", ours_for_theirs)
        for step in range(12):
            walk(optimizer, [param], [step])
            theirs.project(param.grad, step)
            kept = optimizer.state[param]
            assert torch.equal(kept["direction_codes"] & 15, theirs.ortho_matrix.flatten()[::2])
            assert torch.equal(kept["direction_scales"], theirs.ortho_matrix_scales.flatten())
            assert theirs.update_proj_gap == kept["interval"]


@pytest.mark.parametrize("name", ["GaLore", "Fira", "APOLLO", "QGaLore", "Alice"])
def test_what_is_no_matrix_is_the_rules_own(name):
    params, others = (
        [nn.Parameter(torch.ones(shape)) for shape in ((6, 4), (5,), (4, 4), (2, 3, 4))] for _ in range(2)
    )
    groups = [{"params": params[:2]}, {"params": params[2:], "rank": None, "lr": 0.3}]
    optimizer = getattr(thalweg, name)(groups, thalweg.SGD, rank=2, lr=0.1, momentum=0.9, weight_decay=0.01)
    plain = thalweg.SGD([{"params": others[:2]}, {"params": others[2:], "lr": 0.3}], lr=0.1, momentum=0.9)
    plain.param_groups[0]["weight_decay"] = plain.param_groups[1]["weight_decay"] = 0.01
    for one, given in ((optimizer, params), (plain, others)):
        walk(one, given, range(3))
    assert all(map(torch.equal, params[1:], others[1:]))
    assert not torch.equal(params[0], others[0])


def test_a_full_rank_is_the_rule_itself_in_other_axes():
    """SGD does not know its axes: with as many directions as there are, nothing is left out."""
    params = [nn.Parameter(torch.ones(4, 6, dtype=torch.float64)) for _ in range(2)]
    walk(thalweg.GaLore(params[:1], thalweg.SGD, rank=4, scale=1.0, lr=0.1, gap=3), params[:1], range(5))
    walk(thalweg.SGD(params[1:], lr=0.1), params[1:], range(5))
    torch.testing.assert_close(*params)


@pytest.mark.parametrize("rule", ["Lion", "Muon", "SOAP", "Adafactor", "CAME", "AdEMAMix", "Shampoo", "SGD"])
def test_around_any_rule(rule):
    options = {"Adafactor": {"scale_parameter": False, "relative_step": False}}.get(rule, {})
    param = nn.Parameter(torch.ones(8, 16))
    optimizer = thalweg.GaLore([param], getattr(thalweg, rule), rank=4, lr=0.01, **options)
    walk(optimizer, [param], range(3))
    assert torch.isfinite(param).all()
    assert not torch.equal(param, torch.ones(8, 16))
    states = [state for kept in optimizer.inner.state.values() for name, state in kept.items() if name != "step"]
    assert all(state.numel() <= 4 * 16 or rule in ("SOAP", "Shampoo") for state in states)


def test_its_memory_is_the_papers():
    """Zhao et al. 2024, table 1: two states of n x r, and m x r for the directions."""
    param = nn.Parameter(torch.ones(32, 96))
    optimizer = thalweg.GaLore([param], rank=8)
    walk(optimizer, [param], [0])
    own = sum(kept.numel() for kept in optimizer.state[param].values() if isinstance(kept, torch.Tensor))
    assert own == 32 * 8
    assert optimizer.inner.memory().all.states == 4 * (2 * 96 * 8)
    param = nn.Parameter(torch.ones(64, 128))
    coded = thalweg.GaLore([param], rank=32, state_dtype="8bit")
    walk(coded, [param], [0])
    (kept,) = coded.inner.state.values()
    assert kept["exp_avg"].dtype is torch.uint8


def test_options_are_followed_as_they_change():
    params = [nn.Parameter(torch.ones(4, 6)), nn.Parameter(torch.ones(3))]
    optimizer = thalweg.GaLore(params, rank=2, lr=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0 if step else 1.0)
    walk(optimizer, params, [0])
    schedule.step()
    before = [param.detach().clone() for param in params]
    walk(optimizer, params, [1])
    assert all(map(torch.equal, before, params))


@pytest.mark.parametrize("how", ["checkpoint", "copy"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["GaLore", "Fira", "APOLLO", "QGaLore", "Alice"])
def test_training_goes_on(name, dtype, how):
    def made(params):
        return getattr(thalweg, name)(params, rank=2, gap=3, lr=0.1)

    params = [[nn.Parameter(torch.ones(shape, dtype=dtype)) for shape in ((6, 4), (3,), (4, 8))] for _ in range(2)]
    optimizers = [made(each) for each in params]
    for step in range(7):
        if step in (1, 3, 5):
            if how == "checkpoint":
                optimizers[1] = made(params[1])
                optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
            else:
                optimizers[1] = copy.deepcopy(optimizers[1])
                params[1] = [param for group in optimizers[1].param_groups for param in group["params"]]
        for optimizer, each in zip(optimizers, params, strict=True):
            walk(optimizer, each, [step])
    assert all(map(torch.equal, *params))


def test_a_checkpoint_that_does_not_fit_changes_nothing():
    param = nn.Parameter(torch.ones(6, 4))
    optimizer = thalweg.GaLore([param], rank=2)
    walk(optimizer, [param], [0])
    other = nn.Parameter(torch.ones(6, 4))
    wrong = thalweg.GaLore([other], rank=3)
    walk(wrong, [other], [0, 1])
    kept = optimizer.state[param]["directions"].clone()
    with pytest.raises(
        ValueError, match="GaLore needs rank=2 in group 0, as its states have so many directions, but got"
    ):
        optimizer.load_state_dict(wrong.state_dict())
    with pytest.raises(ValueError, match=re.escape("GaLore needs directions of shape (4, 2) for a parameter of shape")):
        optimizer.load_state_dict(wrong.state_dict() | {"param_groups": optimizer.state_dict()["param_groups"]})
    with pytest.raises(ValueError, match="GaLore needs a state_dict with a 'rule'"):
        optimizer.load_state_dict(thalweg.AdamW([other]).state_dict())
    assert torch.equal(optimizer.state[param]["directions"], kept)


def test_codes_of_another_rank_are_refused_and_nothing_changes():
    params = [nn.Parameter(torch.ones(6, 4)) for _ in range(2)]
    optimizer, other = thalweg.QGaLore(params[:1], rank=2), thalweg.QGaLore(params[1:], rank=3)
    walk(optimizer, params[:1], [0])
    walk(other, params[1:], [0])
    kept = optimizer.state[params[0]]
    with pytest.raises(ValueError, match=r"QGaLore needs direction_codes, direction_scales, direction_zeros of"):
        optimizer.load_state_dict(other.state_dict() | {"param_groups": optimizer.state_dict()["param_groups"]})
    assert optimizer.state[params[0]] is kept


def test_where_there_are_no_singular_vectors_the_last_ones_stay_and_are_counted(monkeypatch):
    param = nn.Parameter(torch.ones(6, 4))
    optimizer = thalweg.GaLore([param], rank=2, gap=1)
    walk(optimizer, [param], [0])
    kept = optimizer.state[param]["directions"].clone()
    monkeypatch.setattr(torch.linalg, "eigh", lambda _: (_ for _ in ()).throw(RuntimeError("no")))
    walk(optimizer, [param], [1, 2])
    assert torch.equal(optimizer.state[param]["directions"], kept)
    assert optimizer.metrics["failed_decompositions"] == 2
    param.grad = torch.full((6, 4), torch.nan)
    optimizer.step()
    assert torch.equal(optimizer.state[param]["directions"], kept)


WRONG = [
    (
        {"rank": 5},
        ValueError,
        "a rank of at most the smaller side of a matrix in parameter group 0, but parameter 'w' has",
    ),
    ({"rank": 0}, ValueError, "GaLore needs rank a whole number, at least 1"),
    ({"gap": 0}, ValueError, "GaLore needs gap a whole number, at least 1"),
    ({"scale": 0}, ValueError, "GaLore needs scale above 0"),
    ({"rule": thalweg.LAMB}, ValueError, "needs a rule whose step does not depend on the parameter, but LAMB's does"),
    ({"rule": thalweg.AdaGC}, ValueError, "looks at each parameter alone, but AdaGC asks for the norm"),
    ({"rule": thalweg.Prodigy}, ValueError, "needs a rule whose step does not depend on the parameter, but Prodigy's"),
    ({"clip_value": 1.0}, ValueError, "GaLore does not take clip_value=1.0 in parameter group 0, since gradients are"),
    ({"accumulate": 2}, ValueError, "GaLore does not take accumulate=2"),
    (
        {"rule": "adamw"},
        TypeError,
        "GaLore needs the class of a rule of this library, such as thalweg.AdamW, but got 'adamw'",
    ),
    ({"lrr": 1}, TypeError, "AdamW has no option 'lrr': did you mean 'lr'?"),
]


@pytest.mark.parametrize(("options", "error", "sentence"), WRONG, ids=str)
def test_what_it_does_not_take(options, error, sentence):
    with pytest.raises(error, match=re.escape(sentence)):
        thalweg.GaLore([("w", nn.Parameter(torch.zeros(4, 9)))], **{"rank": 2} | options)


def test_a_group_that_is_refused_is_not_added():
    optimizer = thalweg.GaLore([nn.Parameter(torch.zeros(4, 9))], rank=2)
    with pytest.raises(ValueError, match="but parameter 1 has shape"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(1, 9))]})
    assert len(optimizer.param_groups) == len(optimizer.inner.param_groups) == len(optimizer.inner_groups) == 1


def test_gradients_that_do_not_fit_change_nothing():
    params = [nn.Parameter(torch.ones(4, 6)) for _ in range(2)]
    optimizer = thalweg.GaLore(params, rank=2)
    params[0].grad, params[1].grad = torch.ones(4, 6), torch.ones(4, 6).to_sparse()
    with pytest.raises(RuntimeError, match="GaLore needs dense gradients, but a parameter of shape"):
        optimizer.step()
    assert torch.equal(params[0], torch.ones(4, 6))
    assert not optimizer.state
