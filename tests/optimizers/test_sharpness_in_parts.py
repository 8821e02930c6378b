"""m-sharpness: a worst point for each part of a batch, and the mean of the gradients there."""

from functools import partial

import pytest
import torch
from torch import nn

import thalweg as optim

PARTS = [[0.5, 2.0], [3.0, 0.1]]
RHO, RATE, STEPS = 0.1, 0.01, 4


def plainly(w):
    """Foret et al. 2021, section 4.1, in plain floats: losses are sum(a * w**4) / 4, with each part's own a."""
    losses = []
    for _ in range(STEPS):
        means = [0.0, 0.0]
        losses.append(sum(sum(a * x**4 for a, x in zip(part, w, strict=True)) / 4 for part in PARTS) / 2)
        for part in PARTS:
            g = [a * x**3 for a, x in zip(part, w, strict=True)]
            size = sum(a * a for a in g) ** 0.5 + 1e-12
            worst = [x + RHO * a / size for x, a in zip(w, g, strict=True)]
            means = [mean + a * x**3 / 2 for mean, a, x in zip(means, part, worst, strict=True)]
        w = [x - RATE * mean for x, mean in zip(w, means, strict=True)]
    return w, losses


@pytest.mark.parametrize("kind", [optim.SGD, torch.optim.SGD], ids=["ours", "torch's"])
def test_each_part_has_a_worst_point(kind):
    param = nn.Parameter(torch.tensor([1.0, -0.5], dtype=torch.float64))
    optimizer = kind([param], lr=RATE)
    sam = optim.SAM(optimizer, rho=RHO)

    def closure(part):
        optimizer.zero_grad()
        loss = (torch.tensor(part, dtype=torch.float64) * param**4).sum() / 4
        loss.backward()
        return loss.detach()

    closures = [partial(closure, part) for part in PARTS]
    losses = [float(optimizer.step(sam.in_parts(closures))) for _ in range(STEPS)]
    wanted, theirs = plainly([1.0, -0.5])
    # four steps of some thirty roundings
    torch.testing.assert_close(param.tolist(), wanted, rtol=1e-13, atol=0)
    torch.testing.assert_close(losses, theirs, rtol=1e-13, atol=0)


def test_options_of_others_sam_say_how_it_is_made_here():
    params = [nn.Parameter(torch.ones(2))]
    with pytest.raises(
        TypeError, match=r"^SAM has no option 'base_optimizer': make the optimizer before it, with its opt"
    ):
        optim.SAM(params, base_optimizer=torch.optim.SGD, lr=0.1)
    with pytest.raises(TypeError, match=r"^SAM has no option 'adaptive': thalweg.ASAM is what is adaptive"):
        optim.SAM(optim.SGD(params, lr=0.1), adaptive=True)
    with pytest.raises(TypeError, match=r"^LookSAM has no option 'sigma': it has rho, k, alpha, eps"):
        optim.LookSAM(optim.SGD(params, lr=0.1), sigma=1)


def test_what_is_no_batch_in_parts_is_told():
    sam = optim.SAM(optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1))
    for wrong, got in ((3, "int"), ([], "none"), ([None], "NoneType"), (int, "the class int")):
        with pytest.raises(TypeError, match=rf"^SAM.in_parts needs a list of closures.* the batch, but got {got}: "):
            sam.in_parts(wrong)
    with pytest.raises(TypeError, match="a batch in parts is for the step of an optimizer"):
        sam.in_parts([int])()
    for kind in (optim.LookSAM, optim.FriendlySAM, optim.WSAM):
        with pytest.raises(
            TypeError, match=f"^{kind.__name__} takes no batch in parts, since it .*: take SAM, ASAM or"
        ):
            kind(optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1)).in_parts([int])
