"""Words for rows and columns: on tensors, in graphs, and where a parameter has none."""

import pytest
import torch

import thalweg as optim
from thalweg.formula import (
    Columns,
    Copy,
    Rows,
    column_max,
    column_mean,
    column_total,
    row_max,
    row_mean,
    row_total,
    total,
)
from thalweg.formula.graph.expr import Symbol
from thalweg.formula.graph.scopes import scope_of
from thalweg.formula.rule.rule import rule_of
from thalweg.formula.tracing.trace import trace
from thalweg.optimizer import registry

ROW, COLUMN, ELEMENT = (Symbol(name, name) for name in ("row", "column", "element"))


@pytest.fixture(autouse=True)
def registry_as_it_was():
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


def toy(update):
    names = {
        "update": update,
        "counts_steps": True,
        "measures": (),
        "surveys": (),
        "learned": (),
        "options": {"maximize"},
    }
    return rule_of(type("Toy", (), names))


def test_on_tensors_they_go_along_the_last_dimension_or_the_one_before():
    x = torch.tensor([[1.0, 2.0, 6.0], [-4.0, 0.0, 1.0]])
    assert torch.equal(row_total(x), torch.tensor([[9.0], [-3.0]]))
    assert torch.equal(row_mean(x), torch.tensor([[3.0], [-1.0]]))
    assert torch.equal(row_max(x), torch.tensor([[6.0], [1.0]]))
    assert torch.equal(column_total(x), torch.tensor([[-3.0, 2.0, 7.0]]))
    assert torch.equal(column_mean(x), torch.tensor([[-1.5, 1.0, 3.5]]))
    assert torch.equal(column_max(x), torch.tensor([[1.0, 2.0, 6.0]]))
    assert torch.equal(row_mean(column_mean(x)), torch.tensor([[1.0]]))
    assert torch.equal(column_mean(row_mean(x)), column_mean(x).mean(1, keepdim=True))
    assert row_max(torch.tensor([[1.0, torch.nan]])).isnan().all()


def test_sums_are_taken_in_float64_and_rounded_once():
    x = torch.tensor([[1.0, 1e-8, -1.0]])
    assert row_total(x).item() == torch.tensor(1e-8).item()


@pytest.mark.parametrize(
    ("value", "scope"),
    [
        (row_mean(ELEMENT), "row"),
        (column_mean(ELEMENT), "column"),
        (column_mean(ROW), "matrix"),
        (row_total(COLUMN), "matrix"),
        (row_mean(ROW), "row"),
        (ROW * COLUMN, "element"),
        (row_mean(ELEMENT) * column_mean(ROW), "row"),
        (total(ELEMENT) * ROW, "row"),
        (total(ROW), "parameter"),
    ],
)
def test_scopes(value, scope):
    assert scope_of(value) == scope


def test_a_mean_along_rows_of_what_is_one_number_for_each_is_that_number():
    assert row_mean(ROW) is ROW
    with pytest.raises(TypeError, match="row_mean goes along a parameter's rows, but got a number"):
        row_mean(total(ELEMENT))


@pytest.mark.parametrize(
    ("update", "said"),
    [
        (lambda self, param, grad, mean: (param, mean + grad), "'mean' for each element, but it is marked as Rows"),
        (lambda self, param, grad, mean: (param, column_mean(grad)), "'mean' for each column, but .* take a row_mean"),
    ],
)
def test_a_state_of_rows_is_one_number_for_each(update, said):
    update.__annotations__["mean"] = Rows
    with pytest.raises(TypeError, match=said):
        trace(toy(update), {"maximize": False})


def test_a_state_has_one_kind():
    def update(self, param, grad, mean: Columns):
        return param, mean

    update.__annotations__["mean"] = Columns | Copy
    assert rule_of(type("Toy", (), {"update": update, "counts_steps": True, "measures": ()})).columns == set()


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(
    ("param", "said"),
    [
        (torch.zeros(3), r"cannot step parameter 'w': its rule speaks of rows and columns, but it has shape \(3,\)"),
        (torch.zeros(2, 3, dtype=torch.complex64), "of real numbers, but it is torch.complex64: pass it to AdamW"),
    ],
)
def test_a_parameter_without_rows_is_named_and_nothing_changes(engine, param, said):
    class Centred(optim.Optimizer):
        def update(self, param, grad, mean: Rows):
            mean = row_mean(grad)
            return param - (grad - mean), mean

    other, param = torch.zeros(2, 2, requires_grad=True), param.requires_grad_()
    other.grad, param.grad = torch.ones_like(other), torch.ones_like(param)
    optimizer = Centred([("ok", other), ("w", param)], engine=engine)
    with pytest.raises(RuntimeError, match=said):
        optimizer.step()
    assert not torch.cat([other.flatten(), param.real.flatten()]).any()
    assert not optimizer.state
