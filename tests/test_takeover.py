"""from_torch: the same training goes on here, or nothing is made and all that stands in the way is listed."""

import copy
import re

import pytest
import torch
from torch import nn

import thalweg

KINDS = [
    kind
    for kind in vars(torch.optim).values()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and hasattr(thalweg, kind.__name__)
]
KINDS.remove(torch.optim.Optimizer)
MADE = {torch.optim.SparseAdam: {}, torch.optim.SGD: {"lr": 0.1, "momentum": 0.9}}


def training(kind, named=False, **options):
    """An optimizer of torch in the middle of training, with groups of their own."""
    torch.manual_seed(0)
    layers = [nn.Linear(3, 2, kind is not torch.optim.Muon), nn.Linear(2, 1, kind is not torch.optim.Muon)]
    groups = [
        list(layer.named_parameters(prefix=str(i)) if named else layer.parameters()) for i, layer in enumerate(layers)
    ]
    chosen = MADE.get(kind, {}) | options
    optimizer = kind([{"params": groups[0]}, {"params": groups[1], "lr": 0.01}], **chosen)
    for _ in range(3):
        stepped(optimizer)
    return optimizer


def stepped(optimizer):
    for group in optimizer.param_groups:
        for param in group["params"]:
            gradient = torch.linspace(-1, 1, param.numel()).reshape(param.shape)
            param.grad = gradient.to_sparse() if "Sparse" in type(optimizer).__name__ else gradient
    optimizer.step()


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind is not torch.optim.LBFGS], ids=lambda kind: kind.__name__
)
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_goes_on_as_before(kind, named):
    theirs = training(kind, named)
    twin = copy.deepcopy(theirs)
    ours = thalweg.from_torch(twin)
    assert type(ours).__name__.lower() == kind.__name__.lower()
    assert [group["lr"] for group in ours.param_groups] == [group["lr"] for group in theirs.param_groups]
    assert all(a is b for a, b in zip(weights(ours), weights(twin), strict=True))
    assert ("param_names" in ours.param_groups[0]) == named
    for optimizer in (theirs, ours):
        for _ in range(3):
            stepped(optimizer)
    torch.testing.assert_close(weights(ours), weights(theirs))
    saved = [optimizer.state_dict()["param_groups"] for optimizer in (ours, theirs)]
    assert all(its.items() <= mine.items() for mine, its in zip(*saved, strict=True))


def weights(optimizer):
    return [param for group in optimizer.param_groups for param in group["params"]]


def test_lbfgs():
    start = torch.tensor([1.5, -1.0], requires_grad=True)

    def closure():
        optimizer.zero_grad()
        loss = (start**4).sum() + start.prod()
        loss.backward()
        return loss

    optimizer = torch.optim.LBFGS([start], max_iter=2, line_search_fn="strong_wolfe")
    before = optimizer.step(closure)
    optimizer = thalweg.from_torch(optimizer)
    optimizer.step(closure)
    assert isinstance(optimizer, thalweg.LBFGS)
    assert closure() < before


def scheduled():
    optimizer = training(torch.optim.SGD)
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    return optimizer


def hooked():
    optimizer = training(torch.optim.Adam)
    optimizer.register_step_post_hook(lambda *_: None)
    optimizer.register_load_state_dict_pre_hook(lambda *_: None)
    return optimizer


class Own(torch.optim.SGD):
    pass


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: Own([torch.zeros(1)], lr=0.1),
            "cannot take over this Own: test_takeover.Own is a class whose steps this library does not know",
        ),
        (scheduled, "SGD: a scheduler drives it, and would go on driving the old one: take over first"),
        (hooked, "Adam: it has step_post hooks: take over first, then register them; it has load_state_dict_pre hooks"),
    ],
)
def test_refused_with_the_list_of_what_would_be_lost(make, sentence):
    with pytest.raises(TypeError, match=re.escape(sentence).replace(r"this\ Own:\ ", r"this Own: \S*")):
        thalweg.from_torch(make())
