"""A mistake in a formula: one sentence with its line, what is wrong, and the word that there is for it."""

import math
import re

import numpy as np
import pytest
import torch

import thalweg.formula
from thalweg import SGD, Optimizer
from thalweg.engine.decisions import reasons
from thalweg.formula import Scalar, maximum, sqrt, total, where
from thalweg.formula.graph.ops import WORDS
from thalweg.hyper import NonNegative


def made(body, **fields):
    """Define an optimizer with this body; `Wrong` is in a file of its own as far as Python can tell."""

    def update(self, param, grad, mean):
        return body(self, param, grad, mean)

    annotations = {"lr": NonNegative, "n": int} | dict.fromkeys(fields, NonNegative)
    return type("Wrong", (Optimizer,), {"__annotations__": annotations, "lr": 0.1, "n": 3, "update": update, **fields})


def said(cls):
    """Take a step; return what is said of it, after seeing that nothing has changed."""
    param = torch.ones(3)
    param.grad = torch.ones(3)
    optimizer = cls([param])
    with pytest.raises(Exception, match=r"^Wrong\.update") as caught:
        optimizer.step()
    assert torch.equal(param, torch.ones(3))
    assert not optimizer.state
    assert "\n" not in str(caught.value)
    return str(caught.value)


MISTAKES = [
    (lambda self, p, g, m: (torch.exp(g), m), "torch.exp cannot see into a formula: write exp(x)"),
    (
        lambda self, p, g, m: (torch.sin(g), m),
        "formulas have no torch.sin, whose last bits would depend on the machine",
    ),
    (lambda self, p, g, m: (torch.sqrt(g), m), "torch.sqrt cannot see into a formula: write sqrt(x)"),
    (
        lambda self, p, g, m: (torch.where(g > 0, g, p), m),
        "torch.where cannot see into a formula: write where(condition",
    ),
    (lambda self, p, g, m: (torch.norm(g), m), "torch.norm cannot see into a formula: write sqrt(total_square(x))"),
    (lambda self, p, g, m: (np.sqrt(g), m), "np.sqrt cannot see into a formula: write sqrt(x)"),
    (lambda self, p, g, m: (np.maximum(g, p), m), "np.maximum cannot see into a formula: write maximum(a, b)"),
    (lambda self, p, g, m: (math.sqrt(g), m), "math.sqrt cannot see into a formula: write sqrt(x)"),
    (lambda self, p, g, m: (math.floor(self.lr) * g, m), "math.floor cannot see into a formula: write floor(x)"),
    (lambda self, p, g, m: (int(g) * p, m), "range() and math's functions need a whole number"),
    (lambda self, p, g, m: (p - g.item(), m), ".item cannot see into a formula: write x itself"),
    (lambda self, p, g, m: (p - g.T, m), ".T cannot see into a formula: write transpose(x)"),
    (lambda self, p, g, m: (p if g.is_cuda else g, m), "formulas have no .is_cuda, as a formula is the same for all"),
    (lambda self, p, g, m: (p - g / self.step, m), "self.step cannot be used in a formula: write self.step_count for"),
    (lambda self, p, g, m: (p - g / self.t, m), "Wrong has no option 't': write self.step_count for the number of s"),
    (lambda self, p, g, m: (p - g * self.state[p], m), "self.state cannot be used in a formula: write the state as an"),
    (lambda self, p, g, m: (float(self.lr) * p, m), "is not known as a number while it is traced"),
    (
        lambda self, p, g, m: (next(p for _ in range(self.step_count)), m),
        "declare what never changes as name: ClassVar[int] = 3",
    ),
    (lambda self, p, g, m: (p * len(g), m), "formulas have no len(x): write self.numel"),
    (lambda self, p, g, m: (p - g[0], m), "formulas have no x[i]: write total(x), which sums over all elements"),
    (lambda self, p, g, m: (p - g // 2, m), "formulas have no a // b: write floor(a / b)"),
    (lambda self, p, g, m: (p - 2 % g, m), "formulas have no a % b: write a - b * floor(a / b)"),
    (lambda self, p, g, m: (p - round(g), m), "formulas have no round(x): write floor(x + 0.5)"),
    (lambda self, p, g, m: (p - g @ m, m), "formulas have no a @ b: write a * b"),
    (lambda self, p, g, m: (p, g << 1), "<< and >> are for bits, but got numbers: write a * 2**n for a << n"),
    (lambda self, p, g, m: (p - (self.lr << 1) * g, m), "<< and >> are for bits, but got numbers"),
    (lambda self, p, g, m: (p ^ g, m), "& and | are for conditions on both sides"),
    (lambda self, p, g, m: (p, g >> 1), "formulas have no a >> n: write floor(a / 2**n)"),
    (lambda self, p, g, m: (p - (1 << g), m), "formulas have no n << a: write n * a"),
    (lambda self, p, g, m: (divmod(g, 2), m), "formulas have no divmod(a, b): write floor(a / b) and a - b * floor"),
    (lambda self, p, g, m: (g.__setitem__(0, 1), m), "formulas have no x[i] = a: write x = where(condition, a, x)"),
    (lambda self, p, g, m: (g(1), m), "formulas have no x(a): write x * a"),
    (lambda self, p, g, m: (f"{g:.3f}", m), "formatting needs a number, but what a formula is given is not known"),
    (lambda self, p, g, m: (np.where(g > 0, p, m), m), "np.where cannot see into a formula: write where(condition,"),
    (lambda self, p, g, m: (np.sum(g), m), "np.sum cannot see into a formula: write total(x)"),
    (lambda self, p, g, m: (p - np.array([1.0, 2.0]) * g, m), "but got an array: keep it in a state"),
    (lambda self, p, g, m: (np.asarray(g), m), "an array cannot see into a formula, which is of one element"),
    (lambda self, p, g, m: next(iter(())), "StopIteration"),
    (lambda self, p, g, m: {"param": p, "mean": m}, "returned a dict, but must return 2 values: end it with `return"),
    (lambda self, p, g, m: (x for x in (p, m)), "returned a generator, but must return 2 values: end it with"),
    (lambda self, p, g, m: (p if self.phase == "due" else g, m), "Wrong has no phases: declare phases"),
    (lambda self, p, g, m: self.update(p, g, m), "maximum recursion depth exceeded"),
    (lambda self, p, g, m: (g.sum() * p, m), ".sum cannot see into a formula: write total(x)"),
    (lambda self, p, g, m: (g.sqrt(), m), ".sqrt cannot see into a formula: write sqrt(x)"),
    (lambda self, p, g, m: (p.add_(g), m), ".add_ cannot see into a formula: write a + b"),
    (lambda self, p, g, m: (g.cosh(), m), "formulas have no .cosh"),
    (lambda self, p, g, m: (max(g, m), m), "maximum and minimum for max and min"),
    (lambda self, p, g, m: (g if g > 0 else p, m), "a Python `if` cannot depend on 'grad'"),
    (lambda self, p, g, m: (p - self.lrr * g, m), "Wrong has no option 'lrr': did you mean self.lr?"),
    (lambda self, p, g, m: (p - self.blue * g, m), "Wrong has no option 'blue': declare it, as blue: float = 0.1"),
    (lambda self, p, g, m: (p - totl(g), m), "'totl' is not defined: did you mean 'total'?"),  # noqa: F821
    (lambda self, p, g, m: (p - minimum(g, m), m), "'minimum' is not defined: from thalweg.formula import minimum"),  # noqa: F821
    (lambda self, p, g, m: setattr(self, "lr", 0.1), "self.lr cannot be set by a formula"),
    (lambda self, p, g, m: None, "Wrong.update returned nothing: end it with `return param, mean`"),
    (lambda self, p, g, m: p, "returned 1 values, but must return 2: param, mean"),
    (lambda self, p, g, m: (p[0], m), "'Symbol' object is not subscriptable"),
    (lambda self, p, g, m: (sum(g), m), "a formula is of one element"),
    (lambda self, p, g, m: (p - torch.ones(3) * g, m), "but got a tensor: keep it in a state"),
    (lambda self, p, g, m: (p - g * "1", m), "but got str '1'"),
    (lambda self, p, g, m: (p % g, m), "unsupported operand"),
    (lambda self, p, g, m: (where(g, p, m), m), "where(condition, a, b) needs a condition first"),
    (lambda self, p, g, m: (p - (g > 0) & m, m), "& and | are for conditions on both sides"),
    (lambda self, p, g, m: (p * (1 - (g > 0)), m), "subtract is for numbers, but got a condition"),
    (lambda self, p, g, m: (p * ((g > 0) * 2), m), "multiply is for numbers, but got a condition"),
    (lambda self, p, g, m: (p * total(self.lr), m), "total sums over the elements of a parameter, but got a number"),
]


@pytest.mark.parametrize(("body", "sentence"), MISTAKES, ids=[sentence[:40] for _, sentence in MISTAKES])
def test_a_mistake_is_told_with_its_line(body, sentence):
    found = said(made(body))
    assert sentence in found
    if "return" not in sentence:
        line = body.__code__.co_firstlineno
        assert re.match(rf"Wrong\.update, line {line}, `\(?lambda self", found)


def test_a_helpers_line_counts_and_a_library_s_does_not():
    def helper(x):
        return x.mean()

    found = said(made(lambda self, p, g, m: (p - helper(g), m)))
    assert found.startswith(f"Wrong.update, line {helper.__code__.co_firstlineno + 1}, `return x.mean()`")


def test_a_formula_without_a_file_is_told_by_its_line_alone():
    space = {}
    exec("def body(self, p, g, m):\n    return g.abs(), m\n", space)
    assert said(made(space["body"])).startswith("Wrong.update, line 2: .abs cannot see into a formula: write abs(x)")


def test_a_state_marked_as_one_number_is_one():
    class Wrong(Optimizer):
        lr: NonNegative = 0.1

        def update(self, param, grad, mu: Scalar):
            return param - self.lr * grad, mu + grad

    assert "returned 'mu' for each element, but it is marked as a Scalar" in said_of(Wrong)


def said_of(cls):
    param = torch.ones(3)
    param.grad = torch.ones(3)
    with pytest.raises(TypeError) as caught:
        cls([param]).step()
    return str(caught.value)


def test_a_class_without_a_formula_says_so_when_it_is_made():
    class Missing(Optimizer):
        lr: NonNegative = 0.1

    class Misspelled(Optimizer):
        lr: NonNegative = 0.1

        def upadte(self, param, grad):
            return param - self.lr * grad

    with pytest.raises(TypeError, match=r"^Missing has no formula: define update\(self, param, grad, \*states\)"):
        Missing([torch.ones(3)])
    with pytest.raises(TypeError, match=r"^Misspelled has no formula: did you mean 'upadte'\?"):
        Misspelled([torch.ones(3)])
    with pytest.raises(TypeError, match=r"^Optimizer has no formula: define update"):
        Optimizer([torch.ones(3)])


def test_a_formula_may_begin_with_its_parent_s():
    class Shrinking(SGD):
        def update(self, param, grad, momentum_buffer):
            param, momentum_buffer = super().update(param, grad, momentum_buffer)
            return 0.5 * param, momentum_buffer

    for engine in ("llvm", "eager"):
        param = torch.ones(3)
        param.grad = torch.ones(3)
        Shrinking([param], lr=0.5, engine=engine).step()
        assert torch.equal(param, torch.full((3,), 0.25))


def test_a_sum_may_be_a_state():
    """For each element, or one for the parameter: it is kept, and not only told of."""

    class Summing(Optimizer):
        lr: NonNegative = 0.5

        def update(self, param, grad, spread, size: Scalar):
            return param - self.lr * grad, total(grad), total(grad * grad)

    found = []
    for engine in ("llvm", "eager"):
        param = torch.ones(3)
        param.grad = torch.tensor([1.0, 2.0, 3.0])
        optimizer = Summing([param], engine=engine)
        optimizer.step()
        state = optimizer.state[param]
        found.append((param.tolist(), state["spread"].tolist(), state["size"].item()))
    assert found == [([0.5, 0.0, -0.5], [6.0] * 3, 14.0)] * 2


def test_the_words_are_those_of_the_vocabulary():
    assert set(WORDS) <= set(thalweg.formula.__all__)
    assert all(callable(word) for word in (maximum, sqrt))


def test_a_number_of_numpys_is_a_number_on_either_side():
    def stepped(update):
        kind = type("Scaled", (Optimizer,), {"__annotations__": {"lr": float}, "lr": 0.1, "update": update})
        param = torch.nn.Parameter(torch.ones(3))
        param.grad = torch.ones(3)
        kind([param]).step()
        return param.tolist()

    assert stepped(lambda self, param, grad: param - np.float64(0.5) * grad) == [0.5] * 3
    assert stepped(lambda self, param, grad: np.float32(0.5) - grad * np.float64(0.25)) == [0.25] * 3
    assert stepped(lambda self, param, grad: where(np.float64(0.5) < grad, np.array(0.5) * grad, param)) == [0.5] * 3


def test_a_formula_too_long_to_compile_is_calculated(monkeypatch):
    """LLVM would take minutes for some ten thousand operations in a row."""

    class Long(Optimizer):
        lr: float = 0.1
        turns: int = 2

        def update(self, param, grad):
            for _ in range(self.turns):
                param = param - self.lr * grad
            return param

    monkeypatch.setattr(reasons, "MOST_OPERATIONS", 20)
    for turns, told in (
        (16, "as machine code"),
        (32, "its formula has 33 operations, and compiling more than 20 takes too long"),
    ):
        param = torch.nn.Parameter(torch.zeros(3))
        param.grad = torch.ones(3)
        optimizer = Long([param], lr=0.5, turns=turns)
        optimizer.step()
        assert param.tolist() == [-turns / 2] * 3
        assert told in optimizer.explain()
