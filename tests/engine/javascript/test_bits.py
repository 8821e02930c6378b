"""A hundred steps in node are a hundred steps of the CPU kernel, bit for bit, for every rule that has its bits."""

import json

import numpy as np
import pytest
import torch

from thalweg.beyond_gradients.with_loss import WithLoss
from thalweg.engine.decisions.choice import choose
from thalweg.engine.decisions.gradients import Ready
from thalweg.engine.javascript.render import why_not
from thalweg.engine.javascript.rule import rule_object
from thalweg.engine.javascript.variants import Variant, in_phases, phases_of
from thalweg.formula.rule.facts import FACTS, SHAPE
from thalweg.hyper import REQUIRED
from thalweg.optimizer import Optimizer, registry

from ..conftest import choices
from .node import needs_node, packed, run, unpacked

STEPS = 100
CATALOGUE = [cls for cls in registry.values() if torch.strided in cls.layouts and cls.__module__.startswith("thalweg.")]

STEP = """
const results = given.map(({ rule, options, known, phases, param, grads, seen }) => {
  const it = new Training(eval(`(${rule})`), options, unpacked(param, Float32Array), known)
  const gradients = unpacked(grads, Float32Array), size = it.param.length, params = []
  for (let step = 0; step * size < gradients.length; step++) {
    if (it.rule.observe && step % 10 === 0) it.observe(unpacked(seen, Float32Array))
    it.step(gradients.subarray(step * size, (step + 1) * size), phases[step])
    params.push(...it.param)
  }
  const { param: _, grad, ...states } = it.tensors
  const tensors = Object.fromEntries(Object.entries(states).map(([name, state]) => [name, packed(state)]))
  const kept = Object.entries(it.state).map(([name, value]) => [name, packed(Float64Array.of(value))])
  const [numbers, result] = [Object.fromEntries(kept), packed(it.result())]
  return { params: packed(Float32Array.from(params)), tensors, numbers, result }
})
console.log(JSON.stringify(results))
"""


def numbers(*shape, has_odd_ones):
    """Draw gradients of many sizes; some are denormal, infinite or none, or one of both zeros."""
    drawn = torch.randn(shape) * 2.0 ** torch.randint(-12, 4, shape)
    if has_odd_ones:
        finfo = torch.finfo(torch.float32)
        odd = [0.0, -0.0, finfo.tiny / 3, -finfo.tiny / 1e4, torch.inf, -torch.inf, torch.nan, finfo.max, -finfo.tiny]
        drawn.view(-1, shape[-1])[::5, : len(odd)] = torch.tensor(odd)
    return drawn


def case(cls, options, has_odd_ones):
    """Make an optimizer of one parameter, and what node is told of it; None where no bits are promised."""
    required = {name: 0.1 for name, option in cls.options.items() if option.default is REQUIRED}
    param = torch.nn.Parameter(numbers(21, has_odd_ones=has_odd_ones))
    try:
        optimizer = cls([param], **required | options)
    except ValueError:
        return None
    group = optimizer.param_groups[0]
    choice = choose(optimizer, [Ready(group, param, torch.zeros_like(param), 0, cls)])[0]
    if choice.compiler != "llvm" or choice.why_eager or why_not(choice.program, dict(choice.dtypes)):
        return None
    grads = numbers(STEPS, 21, has_odd_ones=has_odd_ones)
    seen = numbers(21, has_odd_ones=has_odd_ones)
    told = {name: value for name, value in group.items() if name in (*cls.options, *cls.learned) and is_plain(value)}
    known = {name: choice.item.options[name] for name in (*FACTS, SHAPE)}
    phases = in_phases(Variant(required | options, choice))
    given = {"rule": rule_object(phases), "options": told, "known": known, "phases": phases_of(cls, group, STEPS)}
    arrays = {"param": param.detach(), "grads": grads, "seen": seen}
    return optimizer, grads, seen, given | {name: packed(array.numpy()) for name, array in arrays.items()}


def is_plain(value):
    """Tell if JSON has a word for a value: it has none for infinity, which no formula computes with, and for dtypes."""
    try:
        return bool(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return False


def stepped(optimizer, grads, seen):
    """Step with the CPU kernel; give the parameter after each step."""
    [param] = optimizer.param_groups[0]["params"]
    params = []
    for step, grad in enumerate(grads):
        if hasattr(type(optimizer), "observe") and step % 10 == 0:
            optimizer.update_hessian([seen])
        param.grad = grad.clone()
        optimizer.step(**({"loss": optimizer.loss} if isinstance(optimizer, WithLoss) else {}))
        params.append(param.detach().clone())
    return torch.stack(params)


def assert_same(found, wanted, what):
    """Compare bits; NaN is NaN."""
    wanted = wanted.detach().numpy().reshape(-1)
    found = unpacked(found, wanted.dtype)
    bits = f"i{wanted.dtype.itemsize}"
    wrong = np.flatnonzero((found.view(bits) != wanted.view(bits)) & ~(np.isnan(found) & np.isnan(wanted)))
    assert not wrong.size, f"{what}[{wrong[0]}] is {found[wrong[0]]!r}, not {wanted[wrong[0]]!r}"


def defaults_and_others(cls):
    """Give the default options, and others: what is off on, and what is zero not."""
    own = [option for name, option in cls.options.items() if name not in {*Optimizer.options, *Optimizer.around}]
    return [
        {},
        {option.name: choices(option)[not option.default] for option in own if option.rule is bool}
        | {option.name: choices(option)[0] for option in own if option.default == 0 and option.rule is not bool},
    ]


def sums(optimizer):
    """Tell if a rule knows more than its own element: then one that is no number makes all others none."""
    return type(optimizer).__module__.split(".")[2] not in ("elementwise", "second_order")


@needs_node
@pytest.mark.slow
@pytest.mark.usefixtures("_compiled_only")
def test_a_hundred_steps():
    """All rules in one process of node: under their default options, and with all of their own switched on."""
    cases = [
        (f"{cls.__name__}({', '.join(f'{key}={value}' for key, value in options.items())})", found)
        for cls in CATALOGUE
        for options in defaults_and_others(cls)
        for has_odd_ones in (True, False)
        if (found := case(cls, options, has_odd_ones)) and (has_odd_ones or sums(found[0]))
    ]
    assert len({name.partition("(")[0] for name, _ in cases}) >= 60
    assert any(len({*given["phases"]}) > 1 for _, (*_, given) in cases)
    results = run(STEP, [given for *_, given in (found for _, found in cases)])
    for (name, (optimizer, grads, seen, _)), result in zip(cases, results, strict=True):
        assert_same(result["params"], stepped(optimizer, grads, seen), f"{name}: param")
        [state] = [*optimizer.state.values()] or [{}]
        for state_name, value in state.items():
            if state_name in result["tensors"]:
                assert_same(result["tensors"][state_name], value, f"{name}: {state_name}")
            elif state_name in result["numbers"]:
                kept = torch.as_tensor(unpacked(result["numbers"][state_name], np.float64)[0], dtype=value.dtype)
                assert torch.equal(kept.nan_to_num(7), value.nan_to_num(7)), f"{name}: {state_name}"
        if hasattr(optimizer, "eval"):
            optimizer.eval()
            assert_same(result["result"], optimizer.param_groups[0]["params"][0], f"{name}: average")
