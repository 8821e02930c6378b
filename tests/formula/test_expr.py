"""Arithmetic on symbols builds the graph; what no kernel could compute is refused where it is written."""

import operator
import re

import pytest
import torch

from thalweg.formula import clamp, lerp, maximum, minimum, sign, sqrt, where
from thalweg.formula.graph.expr import Constant, Operation, Symbol, as_expr, symbols, walk

X, Y = Symbol("x", "element"), Symbol("y", "element")
INSTEAD = "& and | for `and` and `or`, maximum and minimum for max and min"
POWER = "power works on numbers only (its result on tensors depends on the machine): write "
KEEP = "keep it in a state, or declare an option"
LR, STEP = Symbol("lr", "group"), Symbol("step_count", "parameter")


def text(expr):
    """A graph on one line."""
    if isinstance(expr, Operation):
        return f"{expr.op.name}({', '.join(map(text, expr.operands))})"
    return expr.label if isinstance(expr, Symbol) else f"{expr.value:g}"


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (X + 1, "add(x, 1)"),
        (1 + X, "add(1, x)"),
        (X - Y, "subtract(x, y)"),
        (1 - X, "subtract(1, x)"),
        (2 * X, "multiply(2, x)"),
        (X * 2, "multiply(x, 2)"),
        (X / 2, "divide(x, 2)"),
        (2 / X, "divide(2, x)"),
        (-X, "negate(x)"),
        (abs(X), "absolute(x)"),
        (X**2, "multiply(x, x)"),
        (LR**2, "power(lr, 2)"),
        (LR**STEP, "power(lr, step_count)"),
        (2**LR, "power(2, lr)"),
        (X > 0, "greater(x, 0)"),
        (0 > X, "less(x, 0)"),  # noqa: SIM300
        (X >= Y, "greater_equal(x, y)"),
        (X < Y, "less(x, y)"),
        (X <= Y, "less_equal(x, y)"),
        (X == Y, "equal(x, y)"),
        (X != Y, "not_equal(x, y)"),
        (sqrt(X), "sqrt(x)"),
        (sign(X), "sign(x)"),
        (maximum(X, 0), "maximum(x, 0)"),
        (minimum(1, X), "minimum(1, x)"),
        (clamp(X, 0, LR), "minimum(maximum(x, 0), lr)"),
        (lerp(X, Y, LR), "add(x, multiply(lr, subtract(y, x)))"),
        (where(X > 0, X, 0), "where(greater(x, 0), x, 0)"),
        (where(LR > 0, 2, 1), "where(greater(lr, 0), 2, 1)"),
        (Symbol("betas", "group", 1) * X, "multiply(betas[1], x)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arithmetic_builds_the_graph(built, expected):
    assert text(built) == expected


@pytest.mark.parametrize(
    ("expr", "varies"),
    [(X, True), (LR, False), (STEP, False), (LR * STEP, False), (LR * X, True), (Constant(1), False)],
)
def test_what_meets_a_tensor_varies(expr, varies):
    assert expr.varies == varies


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (
            lambda: X**3,
            f"{POWER}x * x, sqrt(x), or power_of_element(x, p) with p above zero, and 1 divided by it for the power -p",
        ),
        (lambda: 2**X, f"{POWER}exp(y * log(a)) for a number a and an element y"),
        (lambda: X**X, f"{POWER}power_of_element(x, y), with y above zero"),
        (
            lambda: where(X > 0, 2, 1),
            "where(condition, a, b) with two numbers has no dtype: let a tensor take part, as in "
            "where(condition, 2 * x, x) instead of where(condition, 2, 1) * x",
        ),
        (
            lambda: where(torch.ones(1) > 0, 2, 1),
            "where(condition, a, b) with two numbers has no dtype: let a tensor take part, as in "
            "where(condition, 2 * x, x) instead of where(condition, 2, 1) * x",
        ),
        (
            lambda: 1 if X > 0 else 2,
            "a Python `if` cannot depend on 'x', which is not known while the formula is traced: use where(condition, "
            f"a, b), {INSTEAD}",
        ),
        (
            lambda: max(X, 0),
            "a Python `if` cannot depend on 'x', which is not known while the formula is traced: use where(condition, "
            f"a, b), {INSTEAD}",
        ),
        (
            lambda: STEP > 5 and LR,
            "a Python `if` cannot depend on 'step_count', which is not known while the formula is traced: use "
            f"where(condition, a, b), {INSTEAD}",
        ),
        (
            lambda: 0 if Constant(1) else 1,
            "a Python `if` asks for a constant of the formula: decide it outside of update",
        ),
        (lambda: X + "1", f"a formula takes numbers and its own arguments, but got str '1': {KEEP}"),
        (
            lambda: X * torch.ones(1),
            "a formula takes numbers and its own arguments, but got a tensor of shape (1,) (torch.float32, on cpu): "
            f"{KEEP}",
        ),
    ],
)
def test_refused_where_it_is_written(write, sentence):
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        write()


def test_nodes_are_the_same_only_if_they_are_one():
    """`==` builds a node, so sets and dictionaries go by identity."""
    one, other = X + 1, X + 1
    assert len({one, other, one}) == 2


def test_walk_yields_operands_first_and_each_node_once():
    shared = X * X
    root = shared + shared
    assert list(map(id, walk(root))) == [id(X), id(shared), id(root)]


def test_walk_does_not_recurse():
    deep = X
    for _ in range(5000):
        deep = deep + 1
    assert sum(1 for _ in walk(deep)) == 10_001


def test_symbols_are_found_once_in_order():
    assert list(map(id, symbols(LR * X + X, Y))) == list(map(id, (LR, X, Y)))


def test_numbers_become_constants():
    assert as_expr(2).value == 2.0
    assert as_expr(X) is X


@pytest.mark.parametrize(
    ("word", "numbers", "expected"),
    [
        (sqrt, (4.0,), 2.0),
        (sign, (-3.0,), -1.0),
        (maximum, (1.0, 2.0), 2.0),
        (minimum, (1.0, 2.0), 1.0),
        (clamp, (5.0, 0.0, 3.0), 3.0),
        (lerp, (1.0, 3.0, 0.25), 1.5),
        (where, (True, 1.0, 2.0), 1.0),
    ],
)
def test_words_take_numbers_and_tensors_alike(word, numbers, expected):
    """The same text is the reference, on tensors, and what is hoisted, on numbers."""
    assert word(*numbers) == expected
    tensors = (number if isinstance(number, bool) else torch.tensor(number) for number in numbers)
    assert word(*tensors) == expected


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "gt", "ge", "lt", "le", "eq", "ne"])
def test_tensors_and_symbols_read_the_same(name):
    """Python's operators on a symbol make the node whose torch column is that operator."""
    assert getattr(operator, name)(X, Y).op.torch is getattr(operator, name)
