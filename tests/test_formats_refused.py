"""Formats and options that cannot be: one sentence each, and nothing changed."""

import re

import pytest
import torch

import thalweg as optim

DOUBLE = [("weight", torch.ones(3, dtype=torch.float64, requires_grad=True))]
COMPLEX = [("weight", torch.ones(3, dtype=torch.complex64, requires_grad=True))]
SINGLE = [("weight", torch.ones(3, requires_grad=True))]
HALF = [("weight", torch.ones(3, dtype=torch.float16, requires_grad=True))]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: optim.AdamW(DOUBLE, state_dtype="8bit"),
            "state_dtype='8bit' is for parameters that are computed with in float32, but parameter 'weight' is "
            "torch.float64: choose None, torch.float32 or torch.float64",
        ),
        (
            lambda: optim.AdamW(COMPLEX, state_dtype="4bit"),
            "state_dtype='4bit' is for real numbers, but parameter 'weight' is torch.complex64: choose None, "
            "torch.float32 or torch.float64",
        ),
        (
            lambda: optim.AdamW(DOUBLE, state_dtype="4bit"),
            "state_dtype='4bit' is for parameters that are computed with in float32, but parameter 'weight' is "
            "torch.float64: choose None, torch.float32 or torch.float64",
        ),
        (
            lambda: optim.AdamW(COMPLEX, state_dtype=torch.bfloat16),
            "state_dtype=torch.bfloat16 is for real numbers, but parameter 'weight' is torch.complex64: choose None, "
            "torch.float32 or torch.float64",
        ),
        (
            lambda: optim.AdamW(SINGLE, state_dtype=torch.float64),
            "state_dtype=torch.float64 is for parameters that are computed with in float64, but parameter 'weight' is "
            "torch.float32: choose None, torch.float32, torch.bfloat16, torch.float16, '8bit' or '4bit'",
        ),
        (
            lambda: optim.AdamW(HALF, rounding="master"),
            "rounding='master' needs bfloat16, whose exponents are float32's, but parameter 'weight' is torch.float16: "
            "choose 'stochastic' or 'kahan'",
        ),
        (
            lambda: optim.AdamW(SINGLE, rounding="up"),
            "AdamW needs rounding to be one of None, 'nearest', 'stochastic', 'kahan', 'master', but got 'up'",
        ),
        (
            lambda: optim.AdamW(SINGLE, state_dtype="2bit"),
            "AdamW needs state_dtype to be one of None, torch.float32, torch.float64, torch.bfloat16, torch.float16, "
            "'8bit', '4bit', but got '2bit'",
        ),
        (
            lambda: optim.AdamW(SINGLE, accumulate=0),
            "Invalid accumulate value: 0, but AdamW needs accumulate a whole number, at least 1",
        ),
        (
            lambda: optim.AdamW(SINGLE, accumulate=1.5),
            "Invalid accumulate value: 1.5, but AdamW needs accumulate a whole number, at least 1",
        ),
        (
            lambda: optim.AdamW(SINGLE, ema_decay=1.5),
            "Invalid ema_decay value: 1.5, but AdamW needs ema_decay in [0, 1]",
        ),
        (
            lambda: optim.AdamW(SINGLE, max_grad_norm=0.0),
            "Invalid max_grad_norm value: 0.0, but AdamW needs max_grad_norm above 0",
        ),
        (
            lambda: optim.RProp(SINGLE, decoupled_weight_decay=True),
            "RProp has no weight_decay, so it cannot be decoupled: leave it out",
        ),
        (
            lambda: optim.Adam([{"params": torch.ones(1), "accumulate": 2}, {"params": torch.ones(2)}]),
            "accumulate must be the same in all parameter groups, but group 1 has 1 and group 0 has 2: pass one value "
            "for all",
        ),
        (
            lambda: optim.Adam(SINGLE, differentiable=True, state_dtype="8bit"),
            "differentiable=True needs a derivative of every operation, but Adam got state_dtype='8bit': leave one out",
        ),
    ],
)
def test_refused(make, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        make()


@pytest.mark.parametrize(
    "options",
    [{"accumulate": 2}, {"ema_decay": 0.9}, {"cautious": True}, {"state_dtype": "8bit"}, {"state_dtype": "4bit"}],
    ids=str,
)
def test_what_concerns_all_elements_needs_dense_gradients(options):
    param = torch.nn.Parameter(torch.ones(5000, 2))
    optimizer = optim.SparseAdam([("table", param)], **options)
    param.grad = torch.sparse_coo_tensor([[1]], [[1.0, 1.0]], (5000, 2), check_invariants=True)
    with pytest.raises(RuntimeError, match=r"^SparseAdam cannot step parameter 'table': .* needs dense gradients"):
        optimizer.step()
    assert param.eq(1).all()
    assert not optimizer.state


def test_no_mean_no_swap():
    optimizer = optim.AdamW(SINGLE)
    with (
        pytest.raises(RuntimeError, match=r"^AdamW has no averaged parameters yet: give it ema_decay"),
        optimizer.averaged(),
    ):
        pass


def test_closure_methods_have_no_such_options():
    with pytest.raises(TypeError, match="LBFGS has no option 'state_dtype'"):
        optim.LBFGS(SINGLE, state_dtype="8bit")


def test_sparse_rows_are_rounded_at_random_too():
    """Only the rows that a gradient names are read, also where chance rounds."""
    param = torch.nn.Parameter(torch.ones(50, 64).bfloat16())
    optimizer = optim.SparseAdam([param], lr=1e-3, rounding="stochastic")
    for _ in range(20):
        param.grad = torch.sparse_coo_tensor([[7]], torch.ones(1, 64).bfloat16(), (50, 64), check_invariants=True)
        optimizer.step()
    assert param[:7].eq(1).all()
    assert param[8:].eq(1).all()
    # 20 steps of lr, where a bfloat16 below 1 has a last place of 2**-8
    assert param[7].float().mean().item() == pytest.approx(1 - 20e-3, abs=2e-3)
