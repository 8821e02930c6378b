"""SOAP in NumPy's float64, from the paper's algorithms 3 and 4 and the authors' code; and where it goes further."""

import copy
import re

import numpy as np
import pytest
import torch
from torch import nn

import thalweg
from thalweg.formula.matrices import matrix

CHOSEN = {
    "lr": 0.1,
    "betas": (0.9, 0.95),
    "shampoo_beta": 0.8,
    "eps": 1e-3,
    "weight_decay": 0.1,
    "precondition_frequency": 3,
    "max_precondition_dim": 10,
    "precondition_1d": False,
    "correct_bias": True,
    "normalize_grads": False,
}


class Basis:
    """The eigenvectors of one side; of equal eigenvalues, as a vector's products have, they are torch's LAPACK's."""

    def __init__(self, size):
        self.products, self.vectors = np.zeros((size, size)), None

    def look(self, product, beta):
        self.products = beta * self.products + (1 - beta) * product

    def start(self):
        self.vectors = torch.linalg.eigh(torch.from_numpy(self.products))[1].numpy()[:, ::-1].copy()

    def come_nearer(self):
        """One step of orthogonal iteration; give the new places of the old columns."""
        moved = self.products @ self.vectors
        order = np.argsort(-np.diag(self.vectors.T @ moved), kind="stable")
        self.vectors = torch.linalg.qr(torch.from_numpy(moved[:, order]))[0].numpy()
        return order


class Paper:
    """SOAP on one matrix: a basis for each side that is short enough, and Adam in them."""

    def __init__(self, weight, options):
        self.options, self.weight, self.steps = options, weight, 0
        self.sides = [Basis(size) if size <= options["max_precondition_dim"] else None for size in weight.shape]
        self.m, self.v = np.zeros(weight.shape), np.zeros(weight.shape)

    def turned(self, x, back=False):
        left, right = (None if side is None else side.vectors for side in self.sides)
        x = x if left is None else (left if back else left.T) @ x
        return x if right is None else x @ (right.T if back else right)

    def step(self, gradient):
        if self.steps:
            self.move(gradient)
        for side, product in zip(self.sides, (gradient @ gradient.T, gradient.T @ gradient), strict=True):
            if side is not None:
                side.look(product, self.options["shampoo_beta"])
        for axis, side in enumerate(self.sides):
            if side is not None and self.steps == 0:
                side.start()
            elif side is not None and self.steps % self.options["precondition_frequency"] == 0:
                self.v = np.take(self.v, side.come_nearer(), axis)
        self.steps += 1

    def move(self, gradient):
        (first, second), lr = self.options["betas"], self.options["lr"]
        self.m = first * self.m + (1 - first) * gradient
        self.v = second * self.v + (1 - second) * self.turned(gradient) ** 2
        step = self.turned(self.turned(self.m) / (np.sqrt(self.v) + self.options["eps"]), back=True)
        if self.options["normalize_grads"]:
            step = step / (np.sqrt((step**2).mean()) + self.options["eps"])
        size = (1 - second**self.steps) ** 0.5 / (1 - first**self.steps) if self.options["correct_bias"] else 1
        self.weight = (self.weight - lr * size * step) * (1 - lr * self.options["weight_decay"])


def stepped(optimizer, params, steps):
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for param in params:
            param.grad = torch.randn(param.shape, generator=generator, dtype=torch.float64).to(param.dtype)
        optimizer.step()


@pytest.mark.parametrize(
    "options",
    [{}, {"correct_bias": False, "normalize_grads": True}, {"max_precondition_dim": 6}, {"precondition_frequency": 1}],
    ids=str,
)
def test_the_paper_in_numpy(options):
    chosen = CHOSEN | options
    params = [nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in [(6, 6), (4, 12), (12, 5), (7, 7)]]
    twins = [Paper(param.detach().numpy().copy(), chosen) for param in params]
    optimizer = thalweg.SOAP(params, **chosen)
    for step in range(12):
        stepped(optimizer, params, [step])
        for param, twin in zip(params, twins, strict=True):
            twin.step(param.grad.numpy())
            # products of matrices are summed in another order, and a basis remembers
            np.testing.assert_allclose(param.detach().numpy(), twin.weight, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("precondition_1d", [False, True])
def test_vectors_are_one_column_or_adams(precondition_1d):
    chosen = CHOSEN | {"precondition_1d": precondition_1d}
    vector = nn.Parameter(torch.randn(5, dtype=torch.float64))
    twin = Paper(vector.detach().numpy().copy()[:, None], chosen | {} if precondition_1d else chosen)
    twin.sides = [twin.sides[0] if precondition_1d else None, None]
    optimizer = thalweg.SOAP([vector], **chosen)
    for step in range(8):
        stepped(optimizer, [vector], [step])
        twin.step(vector.grad.numpy()[:, None])
        np.testing.assert_allclose(vector.detach().numpy(), twin.weight[:, 0], rtol=1e-10, atol=1e-12)
    assert ("eager" in optimizer.explain()) == precondition_1d


def test_a_convolution_has_a_row_for_each_filter():
    kernel = nn.Parameter(torch.randn(6, 2, 2, 2, dtype=torch.float64))
    flat = nn.Parameter(kernel.detach().flatten(1).clone())
    for param in (kernel, flat):
        stepped(thalweg.SOAP([param], **CHOSEN), [param], range(6))
    torch.testing.assert_close(kernel.flatten(1), flat)
    state = thalweg.SOAP([kernel]).memory().all.states
    assert state == 8 * (2 * 48 + 2 * 6 * 6 + 2 * 8 * 8)


def test_bases_are_looked_for_only_when_they_are_due(counted_functions):
    param = nn.Parameter(torch.randn(5, 4))
    stepped(thalweg.SOAP([param], precondition_frequency=4), [param], range(9))
    assert counted_functions == ["eigenbasis"] * 2 + ["nearer_basis"] * 4


@pytest.fixture
def counted_functions(monkeypatch):
    calls = []
    for name in ("eigenbasis", "nearer_basis"):
        function = matrix.ON_LINES[name]
        monkeypatch.setitem(
            matrix.ON_LINES, name, lambda *given, n=name, made=function: calls.append(n) or made(*given)
        )
    return calls


@pytest.mark.parametrize("after", [1, 2, 4, 6])
@pytest.mark.parametrize("options", [{}, {"state_dtype": "8bit"}, {"ema_decay": 0.5, "accumulate": 2}], ids=str)
def test_training_goes_on_from_a_checkpoint(after, options):
    params = [nn.Parameter(torch.ones(24, 16)), nn.Parameter(torch.ones(24, 16))]
    optimizers = [thalweg.SOAP([param], precondition_frequency=2, **options) for param in params]
    for step in range(8):
        if step == after:
            optimizers[1] = thalweg.SOAP([params[1]], precondition_frequency=2, **options)
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for optimizer, param in zip(optimizers, params, strict=True):
            stepped(optimizer, [param], [step])
    assert torch.equal(*params)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_bases_of_narrow_parameters_are_float32(dtype):
    param = nn.Parameter(torch.randn(6, 4).to(dtype))
    optimizer = thalweg.SOAP([param], precondition_frequency=1)
    stepped(optimizer, [param], range(4))
    basis = optimizer.state[param]["basis_left"]
    assert basis.dtype is torch.float32
    torch.testing.assert_close(basis.T @ basis, torch.eye(6), rtol=0, atol=1e-5)


def test_what_is_not_finite_stays_so_and_breaks_nothing():
    param = nn.Parameter(torch.ones(3, 3))
    optimizer = thalweg.SOAP([param], precondition_frequency=1)
    for size in (torch.nan, 1.0, 1.0):
        param.grad = torch.full((3, 3), size)
        optimizer.step()
    assert param.isnan().all()


def saved():
    param = nn.Parameter(torch.ones(6, 4))
    optimizer = thalweg.SOAP([param])
    stepped(optimizer, [param], range(3))
    return optimizer.state_dict()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda state: state.pop("basis_left"), "has its exp_avg but not its basis_left, which belongs to it"),
        (lambda state: state.pop("step"), "has its exp_avg but not its step, which belongs to it"),
        (
            lambda state: state.update(basis_left=torch.eye(4)),
            "needs its basis_left to have shape (6, 6), but that has (4, 4)",
        ),
        (
            lambda state: state.update(products_right=torch.eye(6)),
            "needs its products_right to have shape (4, 4), but that has (6, 6)",
        ),
        (
            lambda state: state.update(momentum_buffer=torch.zeros(6, 4)),
            "has a state 'momentum_buffer', but SOAP keeps",
        ),
    ],
)
def test_a_checkpoint_of_another_phase_or_shape_is_refused(change, sentence):
    wrong, param = saved(), nn.Parameter(torch.ones(6, 4))
    change(wrong["state"][0])
    optimizer = thalweg.SOAP([param])
    with pytest.raises(ValueError, match=re.escape(sentence)):
        optimizer.load_state_dict(wrong)
    assert not optimizer.state


@pytest.mark.parametrize(
    ("param", "options", "sentence"),
    [
        (torch.zeros(3, 3), {"precondition_frequency": 0}, "needs precondition_frequency a whole number, at least 1"),
        (torch.zeros(3, 3), {"precondition_frequency": 2.5}, "needs precondition_frequency a whole number, at least 1"),
        (torch.zeros(3, 3), {"max_precondition_dim": 0}, "needs max_precondition_dim a whole number, at least 1"),
        (
            torch.zeros(3, 3, dtype=torch.complex64),
            {},
            "SOAP is for real numbers, but parameter 'w' is torch.complex64",
        ),
    ],
    ids=str,
)
def test_what_it_does_not_take(param, options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        thalweg.SOAP([("w", param)], **options)


def test_it_learns_where_curvature_is_turned():
    """Least squares whose valleys lie across the axes: what SOAP's bases are for, and Adam has not."""
    torch.manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(8, 8))
    curvature = turn @ torch.diag(torch.logspace(0, -4, 8)) @ turn.T
    losses = {}
    for kind in (thalweg.SOAP, thalweg.AdamW):
        weight = nn.Parameter(torch.ones(8, 4))
        optimizer = kind([weight], lr=0.05, weight_decay=0)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
        for _ in range(300):
            optimizer.zero_grad()
            loss = (weight * (curvature @ weight)).sum()
            loss.backward()
            optimizer.step()
            schedule.step()
        losses[kind] = loss.item()
    assert losses[thalweg.SOAP] < 0.1 * losses[thalweg.AdamW]
