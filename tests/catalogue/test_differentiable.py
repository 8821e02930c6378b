"""differentiable=True: gradients flow through a step to gradients, parameters, states and options that are tensors."""

from math import isfinite

import pytest
import torch
from torch.autograd import gradcheck

from thalweg.hyper import Range, Several, Whole

STEPS = 2


@pytest.fixture(autouse=True)
def _double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def filled_states(cls, options):
    """States in the middle of training, away from zero: where roots have a slope and signs do not turn."""
    param = torch.ones(4)
    optimizer = cls([param], **options)
    param.grad = torch.ones(4)
    optimizer.step()
    states = dict(optimizer.state.get(param, {}))
    return {name: 0.5 + 0.1 * torch.rand_like(value) if name != "step" else value for name, value in states.items()}


def stepped(cls, options, start, gradients, states=None):
    """Take steps in the graph; return the parameter and its states."""
    param = start.clone()
    optimizer = cls([param], **options, differentiable=True)
    if states:
        optimizer.state[param].update({name: value.clone() for name, value in states.items()})
    for gradient in gradients:
        param.grad = gradient
        optimizer.step()
    return param, optimizer.state.get(param, {})


def test_through_a_step_to_everything_it_reads(cls, options):
    if cls.starts_from_parameters:
        pytest.skip("it begins with a plain number, which is taken of the parameters when it is made")
    states = filled_states(cls, options)
    names = [name for name in states if name != "step"]

    def step(param, gradient, *values):
        given = states | dict(zip(names, values, strict=True))
        end, after = stepped(cls, options, param, [gradient] * STEPS, given)
        return end, *(after[name] for name in names if after[name].requires_grad)

    torch.manual_seed(1)
    inputs = [torch.rand(4) + 0.5, torch.rand(4) + 0.5, *(states[name] for name in names)]
    assert gradcheck(step, [value.detach().clone().requires_grad_() for value in inputs])


def numeric(cls, options):
    """The options that are numbers, away from the edges of their ranges: no difference can be taken across one."""
    defaults = {name: options.get(name, option.default) for name, option in cls.options.items()}
    for name, option in cls.options.items():
        is_number = isinstance(option.rule, Range) and not isinstance(option.rule, Whole) and defaults[name]
        if is_number and isfinite(defaults[name]):
            yield name, (max(float(defaults[name]), 0.01),)
        elif isinstance(option.rule, Several):
            yield name, tuple(max(float(value), 0.01) for value in defaults[name])


@pytest.mark.parametrize("shape", [(), (1,)])
def test_to_options_that_are_tensors(cls, options, shape):
    if cls.starts_from_parameters:
        pytest.skip("it begins with a plain number, which is taken of the parameters when it is made")
    found = dict(numeric(cls, options))
    counts = {name: len(values) for name, values in found.items()}

    def step(*values):
        given, left = {}, list(values)
        for name, count in counts.items():
            mine, left = left[:count], left[count:]
            given[name] = mine[0] if count == 1 else tuple(mine)
        gradients = torch.rand(STEPS, 4, generator=torch.Generator().manual_seed(3)) + 0.5
        return stepped(cls, options | given, torch.ones(4), gradients)[0]

    inputs = [torch.full(shape, value, requires_grad=True) for values in found.values() for value in values]
    assert gradcheck(step, inputs)


def test_the_same_numbers_as_without(cls, options):
    torch.manual_seed(2)
    start, gradients = torch.randn(5), torch.randn(4, 5)
    end, states = stepped(cls, options, start, gradients)
    param = start.clone()
    optimizer = cls([param], **options, engine="eager")
    for gradient in gradients:
        param.grad = gradient
        optimizer.step()
    torch.testing.assert_close(end, param, rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(dict(states), dict(optimizer.state.get(param, {})), rtol=1e-14, atol=1e-15)


def test_complex_parameters(cls, options):
    start = torch.rand(3, dtype=torch.complex128, requires_grad=True)
    gradient = torch.rand(3, dtype=torch.complex128, requires_grad=True)
    end, _ = stepped(cls, options, start, [gradient] * STEPS)
    assert torch.autograd.grad(end.abs().sum(), [start, gradient])[0].isfinite().all()


def test_a_leaf_cannot_be_changed_in_the_graph(cls, required):
    param = torch.ones(2, requires_grad=True)
    optimizer = cls([("weight", param)], **required, differentiable=True)
    param.grad = torch.ones(2)
    with pytest.raises(RuntimeError, match=r"step parameter 'weight': .* a leaf Variable that requires grad"):
        optimizer.step()
    assert torch.equal(param, torch.ones(2))
