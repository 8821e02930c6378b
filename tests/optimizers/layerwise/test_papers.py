"""Rules for whole parameters against their papers' boxes, in plain floats."""

import pytest
import torch

import thalweg
from tests.papers import OF_A_PARAMETER
from tests.traits import in_turn

STEPS = 6
CASES = [(name, rule, options) for name, (rule, all_options) in OF_A_PARAMETER.items() for options in all_options]


@pytest.mark.parametrize(("name", "rule", "options"), CASES, ids=lambda it: getattr(it, "__name__", str(it)))
def test_the_papers_box(name, rule, options):
    """On one engine or the other: both have the formula from the same text."""
    engine = in_turn(("auto", "eager"), CASES.index((name, rule, options)))
    generator = torch.Generator().manual_seed(0)
    for shape in ((7,), (3, 4), (300,), ()):
        param = torch.nn.Parameter(torch.randn(shape, dtype=torch.float64, generator=generator))
        gradients = torch.randn(STEPS, *shape, dtype=torch.float64, generator=generator)
        wanted = list(rule(param.detach().flatten().tolist(), gradients.reshape(STEPS, -1).tolist(), **options))
        optimizer = getattr(thalweg, name)([param], **options, engine=engine)
        for gradient, path in zip(gradients, wanted, strict=True):
            param.grad = gradient.clone()
            optimizer.step()
            # a step rounds some ten times
            torch.testing.assert_close(param.detach().flatten().tolist(), path, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", ["LAMB", "LARS", "Fromage"])
@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("zero", ["parameter", "gradient", "both"])
def test_what_has_no_length_takes_a_plain_step(name, engine, zero):
    rule, _ = OF_A_PARAMETER[name]
    start = torch.zeros(4) if zero != "gradient" else torch.ones(4)
    gradient = torch.zeros(4) if zero != "parameter" else torch.tensor([1.0, -2.0, 0.5, 0.0])
    param = torch.nn.Parameter(start.clone())
    param.grad = gradient.clone()
    getattr(thalweg, name)([param], engine=engine).step()
    # one step in float32
    torch.testing.assert_close(param.tolist(), *rule(start.tolist(), [gradient.tolist()]), rtol=1e-6, atol=1e-9)
