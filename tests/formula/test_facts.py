"""What is known of a parameter decides while its formula is traced, and so do whole numbers of the options."""

import pytest
import torch

import thalweg as optim
from thalweg.formula import lerp
from thalweg.formula.matrices.sides import Sides, first_against_rest, largest_two, last_two, leading_two
from thalweg.formula.rule.facts import known

SHAPES = ((3, 4), (2, 4), (5,), (3, 4, 2), ())


@pytest.fixture(scope="module")
def halving():
    """A rule that asks for all sorts of facts."""
    with optim_registry():

        class Halving(optim.Optimizer):
            lr: float = 0.1
            least: int = 2
            times: int = 3
            batch_dims: int = 0

            counts_steps = False

            def update(self, param, grad, mean):
                for _ in range(self.times):
                    grad = grad / 2
                if self.is_matrix and self.shape[0] > self.least:
                    mean = lerp(mean, grad, 0.5)
                    return param - self.rows * mean, mean
                return param - self.lr * grad * self.ndim, mean

        return Halving


class optim_registry:
    """Leaves the registry as it was."""

    def __enter__(self):
        self.before = dict(optim.optimizer.registry)

    def __exit__(self, *_):
        optim.optimizer.registry.clear()
        optim.optimizer.registry.update(self.before)


def expected(shape, least, times, batch_dims):
    """The first step from zero along a gradient of ones."""
    grad = 0.5**times
    if len(shape) >= batch_dims + 2 and shape[0] > least:
        return -shape[batch_dims] * grad / 2
    return -0.1 * grad * len(shape)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(
    "options", [{}, {"least": 1}, {"times": 0}, {"batch_dims": 1}, {"least": 99, "times": 1}], ids=str
)
def test_facts_and_whole_numbers_shape_the_formula_also_once_they_are_edited(halving, engine, options):
    params = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in SHAPES]
    optimizer = halving(params, engine=engine)
    for changed in ({}, options, {}):
        for name, value in ({"least": 2, "times": 3, "batch_dims": 0} | changed).items():
            optimizer.param_groups[0][name] = value
        optimizer.state.clear()
        for param in params:
            param.data.zero_()
            param.grad = torch.ones_like(param)
        optimizer.step()
        for param, shape in zip(params, SHAPES, strict=True):
            wanted = expected(shape, **({"least": 2, "times": 3, "batch_dims": 0} | changed))
            torch.testing.assert_close(param, torch.full_like(param, wanted), rtol=1e-15, atol=0)


def test_a_range_wants_whole_numbers(halving):
    for engine in ("auto", "eager"):
        param = torch.zeros(2, requires_grad=True)
        param.grad = torch.ones(2)
        with pytest.raises(TypeError, match=r"range\(\) needs a whole number, but 'times' makes it 2.5"):
            halving([param], times=2.5, engine=engine).step()


def test_facts_of_a_parameter():
    found = known(optim.Muon, torch.zeros(2, 3, 4, dtype=torch.bfloat16), {"batch_dims": 1})
    assert (found["shape"], found["shape[1]"], found["numel"], found["ndim"]) == ((2, 3, 4), 3, 24, 3)
    assert (found["is_matrix"], found["rows"], found["columns"]) == (1, 3, 4)
    assert found["machine_epsilon"] == 2**-7
    assert found.shaping == {"batch_dims"}
    assert known(optim.SGD, torch.zeros(5), {})["is_matrix"] == 0


def test_a_tensor_is_seen_as_matrices_and_back():
    tensor = torch.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    for sides, shape in {
        last_two(tensor.shape): (2, 3, 4, 5),
        largest_two(tensor.shape): (2, 3, 4, 5),
        leading_two(tensor.shape, 2): (4, 5, 2, 3),
        leading_two(tensor.shape, 3): (2, 3, 4, 5),
        first_against_rest(4): (2, 60),
        first_against_rest(4, 1): (2, 3, 20),
        Sides((0,), (1,), 4): (4, 5, 2, 3),
    }.items():
        seen = sides.as_matrices(tensor)
        assert seen.shape == shape
        assert sides.count(tensor.shape)[1:] == shape[-2:]
        assert torch.equal(sides.as_tensor(seen, tensor.shape), tensor)
    assert first_against_rest(2, 1) is None
    assert last_two((5,)) is None
    assert largest_two((5,)) is None
    assert last_two((5, 3), 4) is None
    assert largest_two((9, 2, 8)) == Sides((0,), (2,), 3)
