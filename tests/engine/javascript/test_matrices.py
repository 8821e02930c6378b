"""Formulas of whole matrices in node are those of the eager engine, but for the last digits, which nobody promises."""

import numpy as np
import pytest
import torch

import thalweg
from thalweg.engine.javascript.matrices import matrix_rule, operations
from thalweg.engine.javascript.render import render, why_not
from thalweg.engine.javascript.text import JAVASCRIPT
from thalweg.engine.javascript.variants import in_phases, variants
from thalweg.formula.matrices.matrix import MATRIX_FUNCTIONS, ON_LINES
from thalweg.formula.matrices.triangular import normal
from thalweg.formula.rule.facts import FACTS, SHAPE

from .node import needs_node, packed, run, unpacked

SHAPE_OF_IT, STEPS = (4, 3), 12

ITERATED = {"Muon", "NorMuon", "AdaMuon", "Muown", "Scion", "SOAPMuon", "Dion2", "SPEL"}
"""Those whose matrices torch makes orthogonal in bfloat16, which has 8 bits."""

CLASSES = [
    *("SOAP", "Shampoo", "KLShampoo", "KLSOAP", "MUD", "Dion", "MOP"),
    *("Adafactor", "CAME", "AdamMini", "SM3", "SinkGD", "SGDP"),
    *sorted(ITERATED),
]

STEP = """
const results = given.map(({ rule, options, known, phases, param, grads, drawn }) => {
  // Random numbers are torch's.
  matrices.normal = like => new Matrix(like.rows, like.columns, unpacked(drawn, Float64Array))
  const it = new MatrixTraining(eval(`(${rule})`), options, unpacked(param, Float64Array), known)
  const gradients = unpacked(grads, Float64Array), size = it.param.length
  phases.forEach((phase, step) => it.step(gradients.subarray(step * size, (step + 1) * size), phase))
  return packed(it.param)
})
console.log(JSON.stringify(results))
"""


def case(name):
    """Make an optimizer of one matrix in float64, and what node is told of it."""
    cls = getattr(thalweg, name)
    torch.manual_seed(0)
    param = torch.nn.Parameter(torch.randn(SHAPE_OF_IT, dtype=torch.float64))
    [variant] = variants(cls, param, {}, {}, 1)
    group, facts = variant.choice.item.group, variant.choice.item.options
    grads = torch.randn(STEPS, *SHAPE_OF_IT, dtype=torch.float64)
    known = {fact: facts[fact] for fact in (*FACTS, SHAPE)} | {"directions": cls.directions(*SHAPE_OF_IT, group)}
    phases = [cls.phase_of(group, step) if cls.phases else "step" for step in range(1, STEPS + 1)]
    options = {key: value for key, value in group.items() if isinstance(value, int | float | tuple | None)}
    given = {"rule": matrix_rule(in_phases(variant)), "options": options, "known": known, "phases": phases}
    arrays = {"param": param.detach(), "grads": grads, "drawn": normal(torch.zeros(3, 3, dtype=torch.float64), 0, 0, 0)}
    return cls([param], engine="eager"), grads, given | {key: packed(array.numpy()) for key, array in arrays.items()}


@needs_node
def test_steps_are_those_of_the_eager_engine():
    cases = {name: case(name) for name in CLASSES}
    matrices = f"{(JAVASCRIPT / 'matrices.js').read_text()}\n{operations()}\n"
    results = run(matrices + STEP, [given for *_, given in cases.values()])
    for (name, (optimizer, grads, _)), text in zip(cases.items(), results, strict=True):
        [param] = optimizer.param_groups[0]["params"]
        start = param.detach().clone()
        for grad in grads:
            param.grad = grad.clone()
            optimizer.step()
        found = unpacked(text, np.float64).reshape(SHAPE_OF_IT)
        way = float((param.detach() - start).abs().max())
        allowed = 0.05 if name in ITERATED else 1e-6
        assert way > 0
        assert np.abs(found - param.detach().numpy()).max() <= allowed * way, name


@needs_node
def test_every_function_of_matrices_is_there():
    matrices = f"{(JAVASCRIPT / 'matrices.js').read_text()}\n{operations()}\n"
    assert {*ON_LINES, *MATRIX_FUNCTIONS} <= {
        *run(f"{matrices}console.log(JSON.stringify(Object.keys(matrices)))", None)
    }


@needs_node
def test_a_wrong_step_would_be_seen():
    """The comparison can fail: of another rate, the way is another one."""
    *_, given = case("SOAP")
    matrices = f"{(JAVASCRIPT / 'matrices.js').read_text()}\n{operations()}\n"
    right, wrong = run(matrices + STEP, [given, given | {"options": given["options"] | {"lr": 0.02}}])
    assert not np.allclose(unpacked(right, np.float64), unpacked(wrong, np.float64), rtol=1e-2)


@pytest.mark.parametrize("name", ["Muon", "SOAP", "Adafactor"])
def test_what_cannot_be_promised_is_said(name):
    cls = getattr(thalweg, name)
    [variant] = variants(cls, torch.zeros(SHAPE_OF_IT), {}, {}, 1)
    dtypes = dict(variant.choice.dtypes)
    assert why_not(variant.choice.program, dtypes)
    with pytest.raises(ValueError, match=f"{name} has no JavaScript with the kernel's bits: its formula "):
        render(variant.choice.program, dtypes)
