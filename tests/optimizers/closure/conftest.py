import pytest
import torch


def quadratic(n=12, condition=50.0):
    """A convex quadratic with known Hessian: (value and gradient, Hessian, minimizer)."""
    generator = torch.Generator().manual_seed(3)
    basis, _ = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=generator))
    hessian = (
        basis @ torch.diag(torch.logspace(0, torch.log10(torch.tensor(condition)), n, dtype=torch.float64)) @ basis.T
    )
    minimizer = torch.randn(n, dtype=torch.float64, generator=generator)

    def function(x):
        gradient = hessian @ (x - minimizer)
        return 0.5 * torch.dot(gradient, x - minimizer), gradient

    return function, hessian, minimizer


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


class Task:
    """Parameters, an optimizer and a closure that counts its calls and remembers the losses."""

    def __init__(self, make, loss=rosenbrock, start=None, backward=True, **options):
        first = torch.tensor([-1.2, 1.0] * 5, dtype=torch.float64) if start is None else start
        self.x = torch.nn.Parameter(first.clone())
        self.loss, self.backward = loss, backward
        self.optimizer = make([self.x], **options)
        self.losses = []

    def closure(self):
        self.optimizer.zero_grad()
        loss = self.loss(self.x)
        if self.backward:
            loss.backward()
        self.losses.append(float(loss.detach()))
        return loss

    def step(self, times=1):
        for _ in range(times):
            self.optimizer.step(self.closure)
        return self.optimizer.result


@pytest.fixture(name="task")
def _task():
    return Task


@pytest.fixture(name="quadratic")
def _quadratic():
    return quadratic


@pytest.fixture(name="rosenbrock")
def _rosenbrock():
    return rosenbrock
