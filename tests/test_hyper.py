"""A hyper-parameter out of range: one sentence with its name, the rule, the value and the group, and nothing made."""

import math
import re

import numpy as np
import pytest
import torch

import thalweg as optim
from thalweg.hyper import NonNegative, Range, nearest


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: optim.Adam(p, lr=-1), "Invalid learning rate: -1, but Adam needs lr at least 0"),
        (lambda p: optim.Adam(p, lr=math.nan), "Invalid learning rate: nan, but Adam needs lr at least 0"),
        (lambda p: optim.Adam(p, torch.tensor(-0.5)), "Invalid learning rate: -0.5, but Adam needs lr at least 0"),
        (lambda p: optim.Adam(p, eps=-1e-8), "Invalid epsilon value: -1e-08, but Adam needs eps at least 0"),
        (
            lambda p: optim.Adam(p, betas=(1.0, 0.9)),
            "Invalid beta parameter at index 0: 1.0, but Adam needs betas[0] in [0, 1)",
        ),
        (
            lambda p: optim.AdaMax(p, betas=(0.9, 1.0)),
            "Invalid beta parameter at index 1: 1.0, but AdaMax needs betas[1] in [0, 1)",
        ),
        (
            lambda p: optim.Adam(p, weight_decay=-1),
            "Invalid weight_decay value: -1, but Adam needs weight_decay at least 0",
        ),
        (lambda p: optim.AdaDelta(p, rho=1.1), "Invalid rho value: 1.1, but AdaDelta needs rho in [0, 1]"),
        (lambda p: optim.RMSProp(p, alpha=-0.1), "Invalid alpha value: -0.1, but RMSProp needs alpha in [0, 1]"),
        (
            lambda p: optim.RMSprop(p, momentum=-1.0),
            "Invalid momentum value: -1.0, but RMSProp needs momentum at least 0",
        ),
        (lambda p: optim.SGD(p, 1e-2, -0.5), "Invalid momentum value: -0.5, but SGD needs momentum at least 0"),
        (
            lambda p: optim.Adagrad(p, lr_decay=-0.5),
            "Invalid lr_decay value: -0.5, but Adagrad needs lr_decay at least 0",
        ),
        (
            lambda p: optim.ASGD(p, weight_decay=-0.5),
            "Invalid weight_decay value: -0.5, but ASGD needs weight_decay at least 0",
        ),
        (lambda p: optim.ASGD(p, lambd=-0.5), "Invalid lambd value: -0.5, but ASGD needs lambd at least 0"),
        (lambda p: optim.ASGD(p, alpha=-0.5), "Invalid alpha value: -0.5, but ASGD needs alpha at least 0"),
        (lambda p: optim.ASGD(p, t0=math.nan), "Invalid t0 value: nan, but ASGD needs t0 a number"),
        (lambda p: optim.Rprop(p, etas=(1.0, 0.5)), "Invalid eta values: 1.0, 0.5, but RProp needs etas[0] in [0, 1)"),
        (lambda p: optim.RProp(p, etas=(0.5, 0.9)), "Invalid eta values: 0.5, 0.9, but RProp needs etas[1] at least 1"),
        (
            lambda p: optim.RProp(p, step_sizes=(1, 0.5)),
            "Invalid step_sizes values: 1, 0.5, but RProp needs step_sizes[0] to be at most step_sizes[1]",
        ),
        (
            lambda p: optim.Adam(p, lr=torch.tensor([1e-3, 1e-3])),
            "Tensor lr must be 1-element, but Adam got one of shape (2,)",
        ),
        (
            lambda p: optim.SGD(p, 0.1, nesterov=True),
            "Nesterov momentum requires a momentum and zero dampening, but SGD got momentum=0, dampening=0: "
            "set momentum=0.9, say",
        ),
        (
            lambda p: optim.SGD(p, 0.1, 0.9, 0.5, nesterov=True),
            "Nesterov momentum requires a momentum and zero dampening, but SGD got momentum=0.9, dampening=0.5: "
            "set momentum=0.9, say",
        ),
        (
            lambda p: optim.Adam(p, betas=(0.9, torch.tensor(0.999))),
            "betas must be either both floats or both Tensors, but betas[1] alone is one",
        ),
        (
            lambda p: optim.Adam(p, lr=torch.tensor(0.1), foreach=True),
            "lr as a Tensor is not supported for capturable=False and foreach=True: pass Adam a float, or leave "
            "foreach out",
        ),
        (
            lambda p: optim.Adam(p, betas=(torch.tensor(0.9), torch.tensor(0.9)), foreach=True),
            "betas[0] as a Tensor is not supported for capturable=False and foreach=True: pass Adam a float, or leave "
            "foreach out",
        ),
    ],
)
def test_out_of_range(make, sentence):
    """As in torch.optim, the options are looked at before the parameters, which may be anything."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        make(None)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: optim.Adam(p, lr="fast"), "Adam needs lr to be a number, but got str 'fast'"),
        (lambda p: optim.Adam(p, lr=None), "Adam needs lr to be a number, but got NoneType None"),
        (lambda p: optim.Adam(p, lr=True), "Adam needs lr to be a number, but got bool True"),
        (lambda p: optim.Adam(p, betas=0.9), "Adam needs betas to be two numbers, but got 0.9"),
        (lambda p: optim.Adam(p, betas=(0.9,)), "Adam needs betas to be two numbers, but got (0.9,)"),
        (lambda p: optim.Adam(p, betas=(0.9, "x")), "Adam needs betas[1] to be a number, but got str 'x'"),
        (lambda p: optim.Adam(p, amsgrad="yes"), "Adam needs amsgrad to be True or False, but got 'yes'"),
        (lambda p: optim.Adam(p, wieght_decay=1), "Adam has no option 'wieght_decay': did you mean 'weight_decay'?"),
        (
            lambda p: optim.RProp(p, xyz=1),
            "RProp has no option 'xyz': it has lr, etas, step_sizes",
        ),
        (lambda p: optim.SGD(p, 0.1, lr=0.2), "SGD got lr twice, by position and by name: pass it once"),
        (lambda p: optim.Adam(p, eps=1, epsilon=2), "Adam got eps twice, also as epsilon: pass it once"),
        (
            lambda p: optim.SGD(p, 0.1, 0.9, 0, 0, False, True),
            "SGD takes at most 5 positional options (lr, momentum, dampening, weight_decay, nesterov), but got 6: "
            "pass the rest by name",
        ),
    ],
)
def test_no_such_thing(make, sentence):
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        make(None)


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("foreach", "`fused` and `foreach` cannot be `True` together, but Adam got both: leave one out"),
        ("differentiable", "`fused` does not support `differentiable`, but Adam got both: leave one out"),
    ],
)
def test_flags_that_exclude_each_other(flag, sentence):
    with pytest.raises(RuntimeError, match=f"^{re.escape(sentence)}$"):
        optim.Adam([torch.zeros(1)], fused=True, **{flag: True})


@pytest.mark.parametrize("lr", [0, 1, np.float32(0.5), np.int64(2), math.inf, torch.tensor(0.5), torch.tensor([[0.5]])])
def test_what_counts_as_a_number(lr):
    assert optim.SGD([torch.zeros(1)], lr).param_groups[0]["lr"] == lr


def test_numbers_are_kept_as_plain_ones():
    """So that checkpoints load with weights_only=True."""
    group = optim.Adam([torch.zeros(1)], np.float32(0.5), [np.float64(0.5), 0]).param_groups[0]
    assert (type(group["lr"]), group["betas"], type(group["betas"][0])) == (float, (0.5, 0), float)


@pytest.mark.parametrize(
    ("allowed", "inside", "outside", "words"),
    [
        (Range(), [-math.inf, 0, math.inf], [math.nan], "a number"),
        (Range(0), [0, 5, math.inf], [-1e-300, math.nan], "at least 0"),
        (Range(0, 1), [0, 0.5, 1], [-0.1, 1.1, math.nan], "in [0, 1]"),
        (Range(0, 1, below=True), [0, 0.999], [1, -0.1, math.nan], "in [0, 1)"),
    ],
)
def test_ranges(allowed, inside, outside, words):
    assert [value in allowed for value in (*inside, *outside)] == [True] * len(inside) + [False] * len(outside)
    assert str(allowed) == words


def test_nearest():
    assert nearest("betta", ["lr", "betas"]) == ": did you mean 'betas'?"
    assert nearest("zzz", ["lr", "betas"]) == ": it has lr, betas"


def test_a_class_may_be_made_where_there_is_no_module():
    space = {"__name__": "nowhere", "Optimizer": optim.Optimizer, "NonNegative": NonNegative}
    exec("class Mine(Optimizer):\n    lr: NonNegative = 0.5\n\n    def update(self, param, grad): return param", space)
    assert space["Mine"].options["lr"].default == 0.5


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: optim.Adam(p, lr=[0.1] * 999), f"Adam needs lr to be a number, but got list [{'0.1, ' * 15}0.1,..."),
        (lambda p: optim.Adam(p, lr=10**5000), "Invalid learning rate: something of type int, but Adam needs lr at"),
        (
            lambda p: optim.Adam(p, betas=torch.ones(50)),
            "Adam needs betas to be two numbers, but got a tensor of shape (50,) (torch.float32, on cpu)",
        ),
        (lambda p: optim.Adam([p]), "optimizer can only optimize Tensors, but item 0 of group 0 is list [Parameter"),
        (lambda p: optim.SAM(optim.Adam(p), rho="x"), "SAM needs rho to be a number, but got str 'x'"),
        (lambda p: optim.EMANesterov(optim.Adam(p), None), "EMANesterov needs lookahead to be a number, but got None"),
        (lambda p: optim.QKClip(optim.Adam(p), {}, alpha=[1]), "QKClip needs alpha to be a number, but got list [1]"),
    ],
)
def test_whatever_was_got_the_sentence_stays_one(make, sentence):
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(sentence)}") as raised:
        make([torch.nn.Parameter(torch.ones(9, 9))])
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 200
