"""An optimizer prints its rate and what differs from the defaults, in torch.optim's form; a notebook shows more."""

import abc
import copy
import pydoc
from unittest.mock import create_autospec

import pytest
import torch
from torch import nn

import thalweg
from thalweg.formula.tracing.latex import latex
from thalweg.hyper import NonNegative
from thalweg.tools.showing.show import _choice


def params():
    return [nn.Parameter(torch.ones(4, 4))]


def test_the_defaults_are_left_out():
    assert repr(thalweg.Adam(params())) == "Adam (\nParameter Group 0\n    lr: 0.01\n)"
    groups = [{"params": params()}, {"params": params(), "lr": 0.5, "mine": "a label", "maximize": True}]
    assert str(thalweg.Adam(groups, betas=[0.8, 0.99], weight_decay=0.1, state_dtype="8bit")) == (
        "Adam (\nParameter Group 0\n    betas: (0.8, 0.99)\n    lr: 0.01\n    state_dtype: 8bit\n"
        "    weight_decay: 0.1\n"
        "Parameter Group 1\n    betas: (0.8, 0.99)\n    lr: 0.5\n    maximize: True\n    state_dtype: 8bit\n"
        "    weight_decay: 0.1\n    mine: a label\n)"
    )


def test_what_is_required_schedules_and_tensors_are_told():
    optimizer = thalweg.SGD(params(), lr=torch.tensor(0.25))
    thalweg.lr_scheduler.StepLR(optimizer, 1)
    lines = [line.strip() for line in repr(optimizer).splitlines()]
    assert lines == ["SGD (", "Parameter Group 0", "lr: 0.25", "initial_lr: 0.25", ")"]


def test_one_and_true_differ():
    class Numbers(thalweg.Optimizer):
        lr: NonNegative = 0.1
        power: NonNegative = 1

        def update(self, param, grad):
            return param - self.lr * grad**self.power

    assert "power" not in repr(Numbers(params(), power=1.0))
    assert "    power: 2\n" in repr(Numbers(params(), power=2))


@pytest.mark.parametrize("made", [thalweg.Muon, thalweg.Prodigy, thalweg.LBFGS, thalweg.ScheduleFreeAdamW])
def test_every_kind_prints(made):
    optimizer = made([("name", params()[0])])
    assert repr(optimizer).startswith(f"{made.__name__} (\nParameter Group 0\n")
    assert "name" not in repr(optimizer).replace("adamw_names", "")
    assert f"<b>{made.__name__}</b>" in optimizer._repr_html_()


def test_a_notebook_sees_groups_and_formula():
    optimizer = thalweg.AdamW(params(), weight_decay=0.5)
    assert "<td>0</td><td>1 (16 numbers)</td><td>lr: 0.001, weight_decay: 0.5</td>" in optimizer._repr_html_()
    shown = optimizer._repr_latex_()
    assert shown.startswith("$$\\begin{gathered}")
    assert all(line in shown for line in latex(_choice(thalweg.AdamW, {"weight_decay": 0.5}).program.formula))
    assert thalweg.LBFGS(params())._repr_latex_() is None


@pytest.mark.parametrize("cls", [thalweg.Adam, thalweg.Muon, thalweg.LBFGS, thalweg.Shampoo])
def test_help_is_short_and_nothing_is_gone(cls):
    """The options stand in the signature, and what they mean in the docstring."""
    text = pydoc.plain(pydoc.render_doc(cls))
    assert len(text.splitlines()) <= 60
    told = ("`result`",) if cls is thalweg.LBFGS else ("`explain()`", "`memory()`", "`metrics`")
    assert all(name in text for name in told)
    assert "step(self" in text
    optimizer = cls(params())
    assert {"step", "register_step_post_hook", "lr", "options"} <= set(dir(optimizer))
    assert {"zero_grad", "state_dict", "register_step_post_hook"} <= set(dir(cls))
    assert create_autospec(cls).zero_grad


def test_a_class_may_have_an_abstract_base_too():
    class Mine(thalweg.Adam, abc.ABC):
        pass

    assert isinstance(Mine(params()), thalweg.Adam)
    assert copy.deepcopy(Mine(params())).lr == 0.01
