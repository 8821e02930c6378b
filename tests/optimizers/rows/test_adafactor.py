"""Adafactor against its paper's boxes in plain floats, torch.optim's, and what its memory should be."""

import math

import pytest
import torch

import thalweg

STEPS = 5
AUTHORS = {"added_eps": True, "eps": (1e-30, 1e-3), "scaled_decay": True}


def mean(numbers):
    return math.fsum(numbers) / len(numbers)


def rms(rows):
    return math.sqrt(mean([x * x for row in rows for x in row]))


def each(function, *matrices):
    """Compute elementwise on matrices that are lists of rows."""
    return [[function(*numbers) for numbers in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)]


def authors(w, gradients, *, is_matrix, lr=1e-2, d=1.0, power=-0.8, least=1e-3, relative=True, scale=True, decay=0.0):
    """Shazeer & Stern 2018, algorithms 4 and 5 in one, with 1e-30 added to squares, as by the authors."""
    columns = list(zip(*w, strict=True))
    r, c, v = [0.0] * len(w), [0.0] * len(columns), each(lambda x: 0 * x, w)
    for t, g in enumerate(gradients, 1):
        square, beta = each(lambda x: x * x + 1e-30, g), 1 - t**power
        if is_matrix:
            r = [beta * old + (1 - beta) * mean(row) for old, row in zip(r, square, strict=True)]
            c = [
                beta * old + (1 - beta) * mean(column) for old, column in zip(c, zip(*square, strict=True), strict=True)
            ]
            v = [[a * b / mean(r) for b in c] for a in r]
        else:
            v = each(lambda old, new, beta=beta: beta * old + (1 - beta) * new, v, square)
        u = each(lambda x, y: x / math.sqrt(y), g, v)
        most = max(1.0, rms(u) / d)
        u = each(lambda x, most=most: x / most, u)
        alpha = (max(least, rms(w)) if scale else 1) * (min(lr, 1 / math.sqrt(t)) if relative else lr)
        w = each(lambda x, y, alpha=alpha: x - decay * alpha * x - alpha * y, w, u)
    return w


def adafactor(param, gradients, **options):
    optimizer = thalweg.Adafactor([param], **options)
    for gradient in gradients:
        param.grad = gradient.clone()
        optimizer.step()
    return optimizer


CASES = [
    ({}, {}),
    ({"relative_step": False, "scale_parameter": False, "lr": 0.3}, {"relative": False, "scale": False, "lr": 0.3}),
    ({"d": 1.5, "beta2_decay": -0.5, "weight_decay": 0.2}, {"d": 1.5, "power": -0.5, "decay": 0.2}),
    ({"lr": 0.7, "eps": (1e-30, 5.0)}, {"lr": 0.7, "least": 5.0}),
]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("options", "said"), CASES)
@pytest.mark.parametrize("shape", [(4, 7), (1, 3), (6,), (40, 300)])
def test_the_papers_boxes(options, said, shape, engine):
    param = torch.nn.Parameter(torch.randn(shape, dtype=torch.float64))
    gradients = torch.randn(STEPS, *shape, dtype=torch.float64)
    rows = gradients.reshape(STEPS, -1, shape[-1]).tolist()
    wanted = authors(param.reshape(-1, shape[-1]).tolist(), rows, is_matrix=len(shape) > 1, **said)
    adafactor(param, gradients, engine=engine, **AUTHORS | options)
    torch.testing.assert_close(param, torch.tensor(wanted, dtype=param.dtype).reshape(shape), rtol=1e-13, atol=1e-14)


def test_a_running_mean_of_steps_a_cap_and_a_warm_up():
    """The first step is lr times a sign, and the cap lets squares weigh a tenth for ever."""
    param = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    sign = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    given = {**AUTHORS, "scale_parameter": False, "d": math.inf}
    optimizer = adafactor(param, [2 * sign], **given, beta1=0.75, warmup_init=True)
    torch.testing.assert_close(param.detach(), -0.25 * 1e-6 * sign, rtol=1e-14, atol=0)
    adafactor(param, [2 * sign, 2 * sign], **given, beta2_cap=0.9)
    found = optimizer.state[param]
    assert set(found) == {"step", "variance", "exp_avg"}
    slow = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    kept = adafactor(slow, [torch.ones(1, dtype=torch.float64)] * 3, **given, beta2_cap=0.1).state[slow]["variance"]
    # 0.9 at every step, from the second on; t^-0.8 is 0.57 and 0.42 there.
    torch.testing.assert_close(kept, torch.tensor([1.0], dtype=torch.float64), rtol=1e-12, atol=0)


SHAPES = [(6, 5), (5,), (2, 3, 4), (1, 9), ()]
OPTIONS = [{}, {"lr": 0.3, "beta2_decay": -0.5, "eps": (1e-3, 0.1), "d": 2.0, "weight_decay": 0.1, "maximize": True}]


def parameters():
    generator = torch.Generator().manual_seed(3)
    return [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64, generator=generator)) for shape in SHAPES]


def train(optimizer, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    params = optimizer.param_groups[0]["params"]
    for _ in range(steps):
        for param in params:
            param.grad = torch.randn(param.shape, dtype=param.dtype, generator=generator)
        optimizer.step()
    return [param.detach().clone() for param in params]


def are_close(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("options", OPTIONS)
def test_torchs_and_its_checkpoints_both_ways(options):
    ours, theirs = thalweg.Adafactor(parameters(), **options), torch.optim.Adafactor(parameters(), **options)
    are_close(train(ours, 4, 0), train(theirs, 4, 0))
    to_ours, to_theirs = theirs.state_dict(), ours.state_dict()
    for index, state in to_ours["state"].items():
        assert {name: value.shape for name, value in state.items()} == {
            name: value.shape for name, value in to_theirs["state"][index].items()
        }
    ours.load_state_dict(to_ours)
    theirs.load_state_dict(to_theirs)
    are_close(train(ours, 3, 1), train(theirs, 3, 1))


def test_its_memory_is_what_the_paper_promises():
    """One number a row and one a column, beside the count; of a vector all squares."""
    params = [torch.nn.Parameter(torch.zeros(shape)) for shape in [(300, 200), (7, 5, 3), (11,)]]
    optimizer = thalweg.Adafactor(params, lr=0.1)
    wanted = 4 * (300 + 200 + 7 * (5 + 3) + 11)
    assert optimizer.memory().all.states == wanted
    train(optimizer, 1, 0) if params[0].dtype is torch.float64 else step(optimizer)
    assert optimizer.memory().all.states == wanted
    kept = [value.nbytes for state in optimizer.state.values() for name, value in state.items() if name != "step"]
    assert sum(kept) == wanted


def step(optimizer):
    for param in optimizer.param_groups[0]["params"]:
        param.grad = torch.ones_like(param)
    optimizer.step()


@pytest.mark.parametrize(
    ("shape", "options", "row_var", "col_var"),
    [
        ((20, 18, 3, 5), {"min_dim": 16, "factored": "leading"}, (20, 1, 3, 5), (1, 18, 3, 5)),
        ((20, 3, 18, 5), {"min_dim": 16, "factored": "largest"}, (20, 3, 1, 5), (1, 3, 18, 5)),
        ((20, 3, 18, 17), {"min_dim": 17, "factored": "leading"}, (20, 3, 18, 1), (20, 3, 1, 17)),
        ((20, 15), {"min_dim": 16}, None, None),
    ],
)
def test_which_dimensions_are_rows_and_columns(shape, options, row_var, col_var):
    param = torch.nn.Parameter(torch.ones(shape))
    optimizer = thalweg.Adafactor([param], **options)
    step(optimizer)
    found = optimizer.state[param]
    assert set(found) == {"step"} | ({"row_var", "col_var"} if row_var else {"variance"})
    if row_var:
        assert (found["row_var"].shape, found["col_var"].shape) == (row_var, col_var)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize(
    "formats", [{"state_dtype": "8bit"}, {"state_dtype": torch.bfloat16}, {"rounding": "stochastic"}], ids=str
)
def test_formats(dtype, formats):
    """A coarse format moves the parameter as the fine one does, to the digits that it has."""
    start = torch.randn(64, 80).to(dtype)
    gradients = [torch.randn(64, 80).to(dtype) for _ in range(3)]
    given = {"lr": 0.1, "beta1": 0.5} | AUTHORS
    plain, coarse = torch.nn.Parameter(start.float()), torch.nn.Parameter(start.clone())
    adafactor(plain, [gradient.float() for gradient in gradients], **given)
    optimizer = adafactor(coarse, gradients, **given, **formats)
    # bfloat16 has 8 bits, of which a step of a tenth takes some; codes of 8 bits are as coarse.
    torch.testing.assert_close(coarse.float(), plain, rtol=0.03, atol=0.05)
    again = thalweg.Adafactor([torch.nn.Parameter(start.clone())], **given, **formats)
    again.load_state_dict(optimizer.state_dict())
    step(again)


def test_what_it_is_not_for():
    with pytest.raises(ValueError, match=r"does not support complex parameters, but parameter 'w' is torch.complex64"):
        thalweg.Adafactor([("w", torch.zeros(2, 2, dtype=torch.complex64, requires_grad=True))])
    with pytest.raises(ValueError, match=r"Adafactor needs beta2_decay at most 0"):
        thalweg.Adafactor(parameters(), beta2_decay=0.5)
    with pytest.raises(ValueError, match=r"Adafactor needs eps\[0\] at least 0"):
        thalweg.Adafactor(parameters(), eps=(-1.0, 1e-3))
    with pytest.raises(TypeError, match=r"Adafactor needs eps\[1\] to be a number"):
        thalweg.Adafactor(parameters(), eps=(None, None))
    with pytest.raises(ValueError, match=r"d value: 0\.5, but Adafactor needs d at least 1"):
        thalweg.Adafactor(parameters(), d=0.5)


def test_a_checkpoint_of_other_sides_is_refused():
    """What was kept of rows of another shape is no parameter's of this one."""
    param = torch.nn.Parameter(torch.ones(4, 3))
    optimizer = thalweg.Adafactor([param])
    step(optimizer)
    saved = optimizer.state_dict()
    other = thalweg.Adafactor([("w", torch.nn.Parameter(torch.ones(5, 3)))])
    with pytest.raises(ValueError, match=r"'w' has shape \(5, 3\), but its row_var has \(4, 1\)"):
        other.load_state_dict(saved)
    other = thalweg.Adafactor([("w", torch.nn.Parameter(torch.ones(12)))])
    with pytest.raises(ValueError, match="row_var"):
        other.load_state_dict(saved)


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_adalomo_is_adafactor_in_backward(engine):
    """Lv et al. 2023, algorithm 1, is Shazeer and Stern's with a rate of its own."""
    model = torch.nn.Linear(4, 3, bias=False).double()
    optimizer = thalweg.AdaLOMO(model.parameters(), lr=0.3, weight_decay=0.2, engine=engine)
    thalweg.in_backward(model, optimizer)
    start, gradients = model.weight.tolist(), torch.randn(STEPS, 3, 4, dtype=torch.float64)
    for gradient in gradients:
        (model.weight * gradient).sum().backward()
        optimizer.step()
        assert model.weight.grad is None
    wanted = authors(start, gradients.tolist(), is_matrix=True, lr=0.3, relative=False, decay=0.2)
    # sums of a dozen numbers in another order
    torch.testing.assert_close(model.weight.tolist(), wanted, rtol=1e-12, atol=1e-12)
