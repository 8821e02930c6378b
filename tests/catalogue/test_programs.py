"""What a kernel will compute: the formula again, with all numbers taken out and no division left that needs none."""

import numpy as np
import pytest
import torch

from tests.formula.test_ops import NUMPY
from thalweg.formula.graph.expr import Constant, Operation, Symbol, walk
from thalweg.formula.rule.facts import known
from thalweg.formula.tracing.passes import program_of
from thalweg.formula.tracing.program import Slot
from thalweg.formula.tracing.trace import evaluate, formula_of

pytestmark = pytest.mark.every


@pytest.fixture
def defaults(cls, options):
    return cls([torch.zeros(1)], **options).param_groups[0]


@pytest.fixture
def formula(cls, defaults):
    return formula_of(cls.rule, known(cls, torch.zeros(1), defaults))


def value_of(expr, tensors, numbers):
    """Compute a graph with NumPy, in float64."""
    values = {}
    for node in walk(expr):
        if isinstance(node, Constant):
            values[node] = np.int32(node.value) if node.kind == "bits" else node.value
        elif isinstance(node, Slot):
            values[node] = np.int32(numbers[node.index]) if node.kind == "bits" else numbers[node.index]
        elif isinstance(node, Symbol):
            values[node] = tensors[node.name]
        elif isinstance(node, Operation):
            values[node] = NUMPY[node.op.name](*(values[operand] for operand in node.operands))
    return values[expr]


@pytest.mark.elementwise
@pytest.mark.parametrize("step", [1, 2, 7])
# Both sides of a choice are computed: a logarithm has some for what is no number. Bits wrap around.
@np.errstate(invalid="ignore", over="ignore")
def test_the_passes_keep_the_formula(cls, formula, defaults, step):
    rng, program = np.random.default_rng(step), program_of(formula)
    singles = {name: float(rng.random()) for name in cls.rule.scalars}
    tensors = {name: rng.random(50) for name in program.tensors} | {"element_index": np.arange(50, dtype=np.int32)}
    of_param = singles | {"step_count": float(step), "param_index": 3.0}
    numbers = [evaluate(number, defaults, **of_param) for number in program.numbers]
    new = {name: value_of(expr, tensors, numbers) for name, expr in program.stores.items()}
    new |= {name: evaluate(expr, defaults, **of_param) for name, expr in program.updates.items()}
    read = {name: tensors.get(name, singles.get(name)) for name in ("param", "grad", *cls.rule.states)} | of_param
    for name, expr in formula.outputs.items():
        expected = whole(expr, tensors | read, defaults)
        # regrouped products round a few times more
        np.testing.assert_allclose(new.get(name, read[name]), expected, rtol=1e-13, atol=1e-15)


def whole(expr, inputs, options):
    """Compute the formula's own graph, numbers and all."""
    values = {}
    for node in walk(expr):
        if isinstance(node, Symbol) and node.scope == "group":
            values[node] = np.float64(options[node.name] if node.index is None else options[node.name][node.index])
        elif isinstance(node, Symbol):
            values[node] = np.float64(inputs[node.name]) if node.scope == "parameter" else inputs[node.name]
        elif isinstance(node, Constant):
            values[node] = np.int32(node.value) if node.kind == "bits" else node.value
        else:
            values[node] = NUMPY[node.op.name](*(values[operand] for operand in node.operands))
    return values[expr]


def operations(program):
    return [node for node in walk(*program.stores.values()) if isinstance(node, Operation)]


def test_every_operation_of_the_pass_needs_its_tensor(formula):
    """Numbers alone are computed before, once."""
    for node in operations(program_of(formula)):
        assert any(operand.varies for operand in node.operands)
        assert all(operand.varies or isinstance(operand, Slot | Constant) for operand in node.operands)


def test_no_tensor_is_divided_by_a_number(formula):
    assert all(node.operands[1].varies for node in operations(program_of(formula)) if node.op.name == "divide")


def test_no_operation_is_done_twice(formula):
    nodes = [(node.op.name, *map(id, node.operands)) for node in operations(program_of(formula))]
    assert len(nodes) == len(set(nodes))


def test_the_program_is_made_once(cls, formula, defaults):
    assert program_of(formula) is program_of(formula_of(cls.rule, known(cls, torch.zeros(1), {**defaults, "lr": 0.7})))


def test_only_what_is_needed_is_read_and_written(cls, formula):
    """Each tensor at most once; states that these options do not need, not at all."""
    program = program_of(formula)
    assert len(set(program.tensors)) == len(program.tensors)
    assert set(program.loads) <= set(program.tensors)
    assert set(program.stores) <= {"param", *formula.states}
    assert "grad" in program.loads
    assert "param" in program.stores
