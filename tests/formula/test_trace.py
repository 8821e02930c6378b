"""Tracing: options decide structure and are remembered as guards, numbers stay symbols, dead states go."""

import sys
from functools import partial

import pytest
import torch

import thalweg as optim
from thalweg.formula import Scalar, maximum, where
from thalweg.formula.graph.expr import Symbol
from thalweg.formula.rule.rule import Group, initial_value, rule_of
from thalweg.formula.tracing.trace import evaluate, formula_of, trace


def toy(update, *options):
    """A rule that is no optimizer of the library."""
    return rule_of(
        type(
            "Toy",
            (),
            {
                "update": update,
                "counts_steps": True,
                "measures": (),
                "surveys": (),
                "learned": (),
                "options": {"maximize", *options},
            },
        )
    )


def options_of(cls, **options):
    return cls([torch.zeros(1)], lr=0.1, **options).defaults


def formula(cls, **options):
    return formula_of(cls.rule, options_of(cls, **options))


@pytest.mark.parametrize(
    ("cls", "options", "states"),
    [
        (optim.SGD, {}, []),
        (optim.SGD, {"momentum": 0.9}, ["momentum_buffer"]),
        (optim.SGD, {"momentum": 0.9, "nesterov": True}, ["momentum_buffer"]),
        (optim.Adam, {}, ["exp_avg", "exp_avg_sq"]),
        (optim.Adam, {"amsgrad": True}, ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"]),
        (optim.RMSProp, {}, ["square_avg"]),
        (optim.RMSProp, {"centered": True, "momentum": 0.9}, ["square_avg", "grad_avg", "momentum_buffer"]),
        (optim.ASGD, {}, ["eta", "mu", "ax"]),
    ],
)
def test_states_that_these_options_do_not_need_are_left_out(cls, options, states):
    assert formula(cls, **options).states == states


def test_a_state_that_is_read_but_never_changed_is_kept():
    rule = toy(lambda self, param, grad, anchor: (param - grad * anchor, anchor))
    assert trace(rule, {"maximize": False}).states == ["anchor"]


def test_a_state_that_only_feeds_itself_is_kept():
    rule = toy(lambda self, param, grad, mean: (param - grad, mean + grad))
    assert trace(rule, {"maximize": False}).states == ["mean"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"weight_decay": 0.0}, {"weight_decay": 0.1}),
        ({"amsgrad": False}, {"amsgrad": True}),
        ({"maximize": False}, {"maximize": True}),
    ],
)
def test_an_option_that_decides_is_traced_anew(before, after):
    first, second = formula(optim.Adam, **before), formula(optim.Adam, **after)
    assert first is not second
    assert formula(optim.Adam, **before) is first
    assert formula(optim.Adam, **after) is second


@pytest.mark.parametrize(
    "change",
    [
        {"betas": (0.5, 0.6)},
        {"eps": 1},
        {"weight_decay": 0.2},
        {"weight_decay": torch.tensor(0.2)},
        {"foreach": True},
        {"capturable": True},
        {"betas": (torch.tensor(0.5), torch.tensor(0.6))},
    ],
    ids=str,
)
def test_a_number_that_changes_is_not_traced_anew(change):
    assert formula(optim.Adam, weight_decay=0.1) is formula(optim.Adam, **{"weight_decay": 0.1} | change)


def test_a_learning_rate_is_never_traced_anew():
    options = options_of(optim.Adam)
    assert formula_of(optim.Adam.rule, options) is formula_of(optim.Adam.rule, options | {"lr": 0.0})


def test_each_decision_is_a_guard():
    def update(self, param, grad):
        return param - (2 * grad if self.power > 0.5 else grad)

    rule = toy(update, "power")
    small, large = ({"power": power, "maximize": False} for power in (0.25, 0.75))
    assert trace(rule, small).fits({"power": 0.5, "maximize": False})
    assert not trace(rule, small).fits(large)
    assert trace(rule, large).fits({"power": 9.0, "maximize": False})
    assert not trace(rule, large).fits(small)


def test_options_that_are_no_numbers_are_decided_while_tracing():
    def update(self, param, grad):
        return param - (grad if self.mode == "plain" else -grad)

    rule = toy(update, "mode")
    plain = trace(rule, {"mode": "plain", "maximize": False})
    assert plain.outputs["param"].operands[1].name == "grad"
    assert not plain.fits({"mode": "other", "maximize": False})


def test_locals_name_the_nodes():
    adam = formula(optim.Adam, amsgrad=True)
    names = {name: node for node, name in adam.names.items()}
    assert names["exp_avg"] is adam.outputs["exp_avg"]
    assert names["m_hat"].operands[0] is names["exp_avg"]
    assert names["v_hat"].operands[0] is adam.outputs["max_exp_avg_sq"]
    assert names["beta1"].label == "betas[0]"


@pytest.mark.parametrize("fails", [False, True])
def test_a_profiler_that_was_there_is_there_again(fails):
    def profiler(frame, event, argument):
        pass

    def update(self, param, grad):
        return (param, 1) if fails else param

    sys.setprofile(profiler)
    try:
        if fails:
            with pytest.raises(TypeError, match="returned 2 values, but must return 1: param"):
                trace(toy(update), {"maximize": False})
        else:
            trace(toy(update), {"maximize": False})
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


def test_counting_is_noticed():
    assert formula(optim.Adam).counts
    assert not formula(optim.AdaDelta).counts


BETAS, STEP = (Symbol("betas", "group", index) for index in (0, 1)), Symbol("step_count", "parameter")
BETA1, BETA2 = BETAS


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (1 - BETA1**STEP, 1 - 0.9**3),
        (where(BETA1 < BETA2, BETA1, 7), 0.9),
        (where(STEP > 5, BETA1, 7), 7.0),
        (maximum(1, STEP - 10), 1.0),
        (BETA1 / (STEP - 3), float("inf")),
        ((BETA1 * 1e200) ** (STEP * 1e5), float("inf")),
        (BETA1 < BETA2, True),
    ],
)
@pytest.mark.parametrize("kind", [float, partial(torch.tensor, dtype=torch.float64)])
def test_evaluate(expr, expected, kind):
    assert evaluate(expr, {"betas": (kind(0.9), kind(0.99))}, step_count=3.0) == expected


def test_initial_values():
    assert (
        initial_value(optim.Adagrad.rule, "sum", options_of(optim.Adagrad, initial_accumulator_value=0.5).__getitem__)
        == 0.5
    )
    assert initial_value(optim.RProp.rule, "step_size", options_of(optim.RProp).__getitem__) == 0.1
    assert initial_value(optim.Adam.rule, "exp_avg", options_of(optim.Adam).__getitem__) == 0


def test_a_state_may_be_one_number_a_parameter():
    def update(self, param, grad, rate: Scalar, mean):
        return param - rate * grad, rate * 2, mean

    rule = toy(update)
    assert (rule.states, rule.scalars) == (("rate", "mean"), {"rate"})
    assert not trace(rule, {"maximize": False}).outputs["rate"].varies


def test_inside_update_self_is_the_group():
    """Options are its numbers, methods and constants the class's own."""

    class Toy:
        options = {"lr": None}  # noqa: RUF012
        learned = ()
        constant = 3

        def method(self):
            return self.lr * self.constant

        @staticmethod
        def static():
            return 4

        @classmethod
        def of_class(cls):
            return cls.constant

    group = Group(Toy, {"lr": 0.5}.__getitem__, step_count=7)
    assert (group.lr, group.step_count, group.constant) == (0.5, 7, 3)
    assert (group.method(), group.static(), group.of_class()) == (1.5, 4, 3)
    with pytest.raises(AttributeError):
        _ = group.nothing
