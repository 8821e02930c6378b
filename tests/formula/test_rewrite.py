"""Graphs made anew: what words say only for the sake of a precision costs no kernel anything."""

from thalweg.formula.graph.expr import Constant, Symbol, apply
from thalweg.formula.graph.rewrite import drop_zeros, rewrite

X, BITS = Symbol("x", "element"), Symbol("bits", "element", kind="bits")


def dropped(node):
    return rewrite({"value": node}, drop_zeros)["value"]


def test_a_zero_of_some_precision_is_dropped_beside_what_is_no_negative_zero():
    zero = 0 * apply("sign", X)
    for value in (Constant(float("inf")), apply("from_integer", BITS)):
        assert dropped(zero + value) is value
        assert dropped(value + zero) is value


def test_a_zero_is_kept_beside_what_may_be_a_negative_one():
    """-0 + 0 is 0."""
    for value in (X, Constant(-0.0)):
        assert dropped(value + 0 * apply("sign", X)).op.name == "add"
    assert dropped(Constant(1.0) + 1 * apply("sign", X)).op.name == "add"
