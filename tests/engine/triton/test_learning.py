"""Numbers learned from sums over all parameters: on the device, in the CPU's order, and waited for by nobody."""

import pytest
import torch

import thalweg
from thalweg.beyond_gradients.with_loss import WithLoss
from thalweg.optimizer import registry

from .conftest import DEVICE

LEARNING = [cls for cls in registry.values() if cls.learned]


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


@pytest.mark.parametrize("rule", LEARNING, ids=lambda rule: rule.__name__)
def test_every_rule_learns_as_on_the_cpu(rule):
    """Where sums are tensors, a text that chooses of two numbers has no dtype: MoMo's first step failed by that."""
    ends = []
    for device, engine in (("cpu", "llvm"), (DEVICE, "triton")):
        params = [torch.full(shape, 0.5).to(device).requires_grad_() for shape in ((3, 5), (7,))]
        optimizer = rule(params, engine=engine)
        for step in range(4):
            for index, param in enumerate(params):
                param.grad = torch.cos(torch.arange(param.numel()) + 3.0 * step + index).view(param.shape).to(device)
            if issubclass(rule, WithLoss):
                optimizer.step(loss=2.0 / (step + 1))
            else:
                optimizer.step()
        learned = [float(optimizer.param_groups[0][name]) for name in rule.learned]
        ends.append(([param.detach().cpu() for param in params], learned))
    # as above: the last digit of a sum in float64 may be another
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-6, atol=1e-7)
