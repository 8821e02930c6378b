"""What decides how many elements a thread has: the values that an element needs at once."""

from thalweg.engine.triton.kernels.order import alive_at_once, in_order
from thalweg.formula.graph.expr import Symbol


def read(*names):
    return [Symbol(name, "element") for name in names]


def test_what_is_read_is_there_from_the_start():
    a, b, c = read("a", "b", "c")
    both = a + b
    # b has gone when the product comes, but a is still needed
    assert alive_at_once({"x": both * c - a}) == 4
    assert alive_at_once({"x": a + b}) == 3


def test_states_are_written_first_and_what_goes_without_its_old_value_last():
    param, a, grad = read("param", "a", "grad")
    stores = {"param": param - grad, "kept": grad + 1, "a": a * grad}
    assert [name for name, _ in in_order(stores)] == ["a", "param", "kept"]


def test_the_state_that_is_soonest_computed_is_written_first():
    x, mean, grad = read("x", "mean", "grad")
    new_mean = mean + grad
    stores = {"x": x - grad / new_mean, "mean": new_mean}
    assert [name for name, _ in in_order(stores)] == ["mean", "x"]
