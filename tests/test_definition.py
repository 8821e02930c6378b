"""What a class may define: names that mean something already are refused, and marks are found in any spelling."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY
from typing import TYPE_CHECKING, Annotated, ClassVar

import pytest
import torch

from thalweg import SGD, Adam, Optimizer
from thalweg.formula import Copy as StartsAsParameter
from thalweg.formula import Scalar, Unsigned, total
from thalweg.hyper import NonNegative, Positive
from thalweg.optimizer import registry

if TYPE_CHECKING:
    from torch import Tensor

    from thalweg.formula import Copy


def of_states(*names):
    """Define an optimizer with these states."""
    space = {}
    exec(f"def update(self, param, grad, {', '.join(names)}): return param, {', '.join(names)}", space)
    return type("Mine", (Optimizer,), {"update": space["update"]})


def of_option(name, hint=NonNegative):
    fields = {"__annotations__": {name: hint}, name: 0.5, "update": lambda self, param, grad: param}
    return type("Mine", (Optimizer,), fields)


STATES = {
    "step": "counts a parameter's steps in checkpoints",
    "ema": "is the mean that ema_decay keeps",
    "accumulated": "is the sum that accumulate keeps",
    "compensation": "is what rounding keeps beside a parameter",
    "low_bits": "is what rounding keeps beside a parameter",
    "numel": "is a number that formulas are given",
    "grad_norm": "is a number that formulas are given",
    "param_index": "is a number that formulas are given",
    "element_index": "is an element's place",
    "grad_square": "is measured by track",
    "seed": "is an option of it too",
    "max_grad_norm": "is an option of it too",
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_whose_name_is_taken(name):
    with pytest.raises(
        TypeError, match=f"^Mine cannot have a state called '{name}', as '{name}' {STATES[name]}: choose"
    ):
        of_states(name)
    assert "Mine" not in registry


def test_states_that_would_be_kept_under_one_name():
    with pytest.raises(TypeError, match="'mean_scale' is where 8-bit formats keep the scales of 'mean'"):
        of_states("mean", "mean_scale")
    of_states("mean_scale")


OPTIONS = {
    "param": "is the parameter",
    "grad": "is the gradient",
    "step_count": "is a number that formulas are given",
    "params": "is what every optimizer has",
    "engine": "is what every optimizer has",
    "initial_lr": "is what every optimizer has",
    "gathered": "is what every optimizer has",
    "state": "is what every optimizer has",
    "param_groups": "is what every optimizer has",
    "defaults": "is what every optimizer has",
    "update": "is what every optimizer has",
    "metrics": "is what every optimizer has",
    "seed": "is an option of every optimizer, with another range",
    "_owner": "is a name that classes keep to themselves",
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_whose_name_is_taken(name):
    with pytest.raises(TypeError, match=f"^Mine cannot have an option called '{name}', as '{name}' {OPTIONS[name]}"):
        of_option(name)


def test_a_state_and_an_option_of_one_name():
    class Base(Optimizer):
        mean: NonNegative = 0.5

    with pytest.raises(TypeError, match="cannot have a state called 'mean', as 'mean' is an option of it too"):
        type("Mine", (Base,), {"update": lambda self, param, grad, mean: (param, mean)})


def test_what_every_optimizer_has_may_be_given_another_default():
    class Mine(SGD):
        _: KW_ONLY
        max_grad_norm: Positive | None = 1.0
        accumulate: Annotated[int, Optimizer.around["accumulate"].rule] = 2

    assert (Mine.max_grad_norm, Mine.accumulate) == (1.0, 2)


def test_a_first_value_of_no_state():
    with pytest.raises(
        TypeError, match=r"initial_maen gives the first value of a state 'maen', .*: did you mean 'mean'"
    ):

        class Mine(Optimizer):
            lr: NonNegative = 0.1

            def update(self, param, grad, mean):
                return param - self.lr * grad, mean

            def initial_maen(self):
                return 1


@pytest.mark.parametrize(("text", "what"), [("*states", "*states"), ("*, mean", "mean"), ("**states", "**states")])
def test_each_state_has_its_name(text, what):
    space = {}
    exec(f"def update(self, param, grad, {text}): return param", space)
    with pytest.raises(TypeError, match=f"^Mine.update must name each state, but takes {re.escape(what)}: write it by"):
        type("Mine", (Optimizer,), {"update": space["update"]})


class Marked(Optimizer):
    """All annotations of this module are text."""

    lr: NonNegative = 0.1

    def update(self, param: Tensor, grad: Tensor, a: Copy, b: StartsAsParameter, c: Scalar, d: Unsigned, e: Tensor):
        return param - self.lr * grad, a, b, c + total(grad), abs(d) + abs(grad), e + grad


def test_marks_are_found_where_annotations_are_text():
    rule = Marked.rule
    assert rule.copies - {"ema", "slow_param"} == {"a", "b"}
    assert (rule.scalars - {"radius"}, rule.unsigned) == ({"c"}, {"d"})


def test_marks_of_a_class_within_a_function():
    from thalweg.formula import Unsigned as Positive  # noqa: F401
    from thalweg.hyper import Fraction as Share

    class Inner(Optimizer):
        lr: NonNegative = 0.1
        share: Share = 0.5
        fixed: ClassVar[int] = 2

        def update(self, param, grad, mean: Positive, more: Annotated[Unsigned, "noted"]):
            return param - self.lr * self.share * grad, mean + self.fixed * abs(grad), more + mean

    assert Inner.rule.unsigned == {"mean", "more"}
    assert (list(Inner.options)[-2:], Inner.options["share"].rule.high) == (["lr", "share"], 1)


def test_a_field_whose_type_is_nowhere():
    with pytest.raises(
        TypeError, match=r"Mine\.lr is declared as Nowhere, but 'Nowhere' is not defined where the class"
    ):

        class Mine(Optimizer):
            lr: Nowhere = 0.1  # noqa: F821


def test_a_copy_starts_as_the_parameter_and_steps_are_right():
    """The numbers of the report: text annotations had made it 2.485."""

    class Anchored(Optimizer):
        lr: NonNegative = 0.5

        def update(self, param, grad, anchor: Copy):
            return param - self.lr * (grad + 0.001 * (param - anchor)), anchor

    param = torch.tensor([10.0])
    param.grad = torch.tensor([0.03])
    Anchored([param]).step()
    assert param.item() == pytest.approx(9.985, rel=1e-6)


def test_the_catalogue_is_as_it_was():
    assert {"Adam", "SGD", "Prodigy"} <= registry.keys()
    assert Adam.rule.unsigned == {"exp_avg_sq", "max_exp_avg_sq"}


def test_phases_need_a_count_of_steps():
    with pytest.raises(TypeError, match=r"Turning has phases, which go by the count of steps: leave counts_steps"):

        class Turning(Optimizer):
            phases = ("first", "later")
            counts_steps = False

            def update(self, param, grad):
                return param - grad


def test_a_default_that_optimizers_would_share():
    with pytest.raises(TypeError, match=r"^Mine cannot have \[1, 2\] as the default of 'sizes', as .* make it a tuple"):
        type("Mine", (Optimizer,), {"__annotations__": {"sizes": list}, "sizes": [1, 2], "update": sgd})
    assert "Mine" not in registry


def sgd(self, param, grad):
    return param - 0.1 * grad


def test_an_init_that_does_not_call_its_parents():
    def init(self, params, lr=0.1):
        self.lr = lr

    forgetful = type("Mine", (Optimizer,), {"__annotations__": {"lr": float}, "__init__": init, "update": sgd})
    registry.pop("Mine")
    with pytest.raises(AttributeError, match=r"^Mine has no parameters yet: let its __init__ begin with super"):
        forgetful([torch.ones(2, requires_grad=True)])


def test_what_init_sets_is_no_option():
    def init(self, params):
        super(mine, self).__init__(params)
        self.factor = 3.0

    mine = type(
        "Mine", (Optimizer,), {"__init__": init, "update": lambda self, param, grad: param - self.factor * grad}
    )
    registry.pop("Mine")
    weight = torch.ones(2, requires_grad=True)
    weight.grad = torch.ones(2)
    with pytest.raises(AttributeError, match=r"what __init__ sets is unknown to formulas, so declare it .* as factor"):
        mine([weight]).step()
