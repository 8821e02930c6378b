"""What a class declares beside its formula: a declaration that nobody could use is refused, with what to write."""

import pytest
import torch

from thalweg.beyond_gradients.two_points import TwoPoints
from thalweg.beyond_gradients.with_hessian import WithHessian
from thalweg.formula import Copy, Rows, Sides, Thin, matmul, row_mean, total, transpose, where
from thalweg.hyper import NonNegative
from thalweg.optimizer import Optimizer


def plain(self, param, grad):
    return param - self.lr * grad


def by_phase(self, param, grad):
    return param - (self.lr if self.phase == "due" else 1) * grad


def with_mean(self, param, grad, mean):
    return param - self.lr * mean, mean + grad


def with_copy(self, param, grad, start: Copy):
    return param - self.lr * grad, start


def by_rows(self, param, grad, sizes: Rows):
    return param - self.lr * grad, row_mean(grad)


def by_directions(self, param, grad, basis: Thin):
    return param - self.lr * matmul(matmul(grad, basis), transpose(basis)), basis


def summed(self, param, grad):
    return param - self.lr * self.scale * grad, total(grad)


def not_summed(self, param, grad):
    return param - self.lr * self.scale * grad, grad


def surveying(self, param, grad):
    return param - self.lr * self.slope * grad


def asked(answer):
    """Make a method that the class is asked by."""
    return classmethod(lambda cls, *given: answer)


LEARNED = {"measures": ("size",), "learned": ("scale",), "start": asked({"scale": 1.0})}

WRONG = [
    (plain, {"phases": "due"}, r"X.phases must be a tuple of names, but is str 'due': write phases = \("),
    (
        by_phase,
        {"phases": ("due", "usual")},
        "X has phases, but does not say which one a step is: define a classmethod",
    ),
    (by_phase, {"phases": ("due", "usual"), "phase_of": asked("never")}, "X.phase_of returned 'never': let it return"),
    (
        by_phase,
        {"phases": ("due", "usual"), "phase_of": lambda self, options, step: "due"},
        "write @classmethod, and def",
    ),
    (
        by_phase,
        {"phases": ("due", "usual"), "phase_of": classmethod(lambda cls, options, step: options["evry"])},
        "X.phase_of asks for an option 'evry', which X does not have",
    ),
    (by_rows, {"sides": asked((0, 1))}, r"X.sides must return Sides\(rows, columns, dims\) with the 2 dimensions of"),
    (by_rows, {"sides": asked(Sides((0,), (2,), 3))}, "with the 2 dimensions of .*, or None, but returned Sides"),
    (
        by_rows,
        {"sides": classmethod(lambda cls, *_: Sides((0,), (0,), 2))},
        "Sides needs each of its 2 dimensions once",
    ),
    (
        by_directions,
        {"directions": asked(1.5)},
        "X.directions must return a whole number, at least 1, but returned float",
    ),
    (plain, {"unfit": asked("too small")}, "X.unfit must return None, or two strings, .* but returned str 'too small'"),
    (plain, {"check": lambda self, options, where: None}, "X.check is asked of the class, with options, where: write"),
    (
        plain,
        {"refuses": {"cautios": "of its own"}},
        "X.refuses speaks of an option 'cautios', .*: did you mean 'cautious'?",
    ),
    (plain, {"refuses": ["cautious"]}, "X.refuses must be a dict by the names of options, but is list"),
    (plain, {"spellings": ["rate"]}, "X.spellings must be a dict by the names of options, but is list"),
    (plain, {"spellings": {"rate": "lrr"}}, "X.spellings speaks of an option 'lrr', .*: did you mean 'lr'?"),
    (summed, LEARNED, r"X learns 'scale' from its sums: define learn\(self, size\), which returns a dict of scale"),
    (
        summed,
        {"measures": ("size",), "learned": ("scale",)},
        "X learns 'scale', but does not say how it begins: define",
    ),
    (
        summed,
        LEARNED | {"learn": lambda self, size: {"scael": size}},
        "X.learn must return a dict .*, scale, but returned",
    ),
    (
        summed,
        LEARNED | {"learn": lambda self, size: None},
        "X.learn must return a dict .*, scale, but returned NoneType",
    ),
    (
        summed,
        LEARNED | {"start": asked({}), "learn": lambda self, size: {}},
        "X.start must return a dict .* one of nothing",
    ),
    (
        not_summed,
        LEARNED | {"learn": lambda self, size: {"scale": size}},
        "X measures 'size' for each element, but it is",
    ),
    (surveying, {"surveys": ("slope",)}, r"X has no formula survey: define survey\(self, param, ...\)"),
    (
        surveying,
        {"surveys": ("slope",), "survey": lambda self, param, grad: (1, 2)},
        "X.survey returned 2 values, but must",
    ),
    (
        surveying,
        {"surveys": ("slope",), "survey": lambda self, param, grad, meen: total(grad)},
        "X.survey takes a state 'meen', which update does not take",
    ),
]


@pytest.mark.parametrize(("update", "declared", "sentence"), WRONG, ids=range(len(WRONG)))
def test_a_declaration_that_nobody_could_use_is_refused(update, declared, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        made(Optimizer, update, declared).step()


@pytest.mark.parametrize(
    ("parent", "update", "missing"), [(TwoPoints, with_copy, "average"), (WithHessian, with_mean, "observe")]
)
def test_the_formulas_of_a_parent_are_asked_for(parent, update, missing):
    with pytest.raises(TypeError, match=rf"X has no formula {missing}: define {missing}\(self, param, ...\), as its"):
        made(parent, update, {})


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_survey_sees_the_gradient_that_the_step_goes_along(engine):
    class Surveying(Optimizer):
        lr: NonNegative = 0.5
        surveys = ("slope",)

        def survey(self, param, grad):
            return total(grad)

        def update(self, param, grad):
            return param - self.lr * where(self.slope > 0, 1.0, 0.25) * grad

    moved = []
    for is_uphill in (False, True):
        param = torch.nn.Parameter(torch.ones(2))
        param.grad = torch.tensor([2.0, 4.0])
        Surveying([param], maximize=is_uphill, engine=engine).step()
        moved.append(param.tolist())
    assert moved == [[0.0, -1.0], [1.25, 1.5]]
    with pytest.raises(ValueError, match="does not take max_tensor_norm=1, since its survey sees gradients before"):
        Surveying([param], max_tensor_norm=1)


def made(parent, update, declared):
    body = {"__module__": __name__, "__annotations__": {"lr": NonNegative}, "lr": 0.1, "update": update, **declared}
    param = torch.nn.Parameter(torch.ones(2, 3))
    param.grad = torch.ones(2, 3)
    return type("X", (parent,), body)([param])
