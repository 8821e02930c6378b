"""Numbers learned from sums over all parameters: on the device, in the CPU's order, and waited for by nobody."""

import pytest
import torch

import thalweg

from .conftest import DEVICE


def trained(device, engine, steps=6, **options):
    generator = torch.Generator().manual_seed(0)
    shapes = [(7,), (33, 65), (1,), (4099,)]
    params = [torch.randn(shape, generator=generator).to(device).requires_grad_() for shape in shapes]
    optimizer = thalweg.Prodigy([{"params": params[:2]}, {"params": params[2:], "lr": 0.5}], engine=engine, **options)
    for _ in range(steps):
        for param in params:
            noise = torch.randn(param.shape, generator=generator).to(device)
            param.grad = (param.detach() - 2 + noise).detach()
        optimizer.step()
    return [param.detach().cpu() for param in params], optimizer


@pytest.mark.parametrize("options", [{}, {"growth_rate": 1.25, "safeguard_warmup": True}, {"max_grad_norm": 1.0}])
def test_as_on_the_cpu(options):
    wanted, on_cpu = trained("cpu", "llvm", **options)
    found, on_device = trained(DEVICE, "triton", **options)
    d = on_device.param_groups[0]["d"]
    assert isinstance(d, torch.Tensor)
    assert float(d) == pytest.approx(on_cpu.param_groups[0]["d"], rel=1e-12)
    assert float(d) > 3 * on_cpu.d0
    # sums of all parameters are added by torch there, so the last digit of d in float64 may be another
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-7)


def test_what_is_learned_stays_where_it_is():
    """A captured step reads and writes the same memory when it is replayed."""
    _, optimizer = trained(DEVICE, "triton", steps=2)
    numbers = {name: optimizer.param_groups[0][name] for name in optimizer.learned}
    optimizer.step()
    assert all(optimizer.param_groups[0][name] is number for name, number in numbers.items())


@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_a_step_that_the_device_leaves_out_teaches_nothing(poison):
    _, optimizer = trained(DEVICE, "triton", steps=3, skip_nonfinite=True)
    before = {name: float(optimizer.param_groups[0][name]) for name in optimizer.learned}
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad.fill_(poison)
    optimizer.step()
    assert {name: float(optimizer.param_groups[0][name]) for name in optimizer.learned} == before
