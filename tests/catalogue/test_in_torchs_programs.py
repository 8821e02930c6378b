"""What programs do around torch.optim works around each optimizer."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.optim import swa_utils


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))


def inputs(steps=4):
    torch.manual_seed(1)
    return torch.randn(steps, 8, 4)


def trained(net, optimizer, between=lambda: None):
    for batch in inputs():
        optimizer.zero_grad()
        net(batch).square().mean().backward()
        between()
        optimizer.step()
    return net


def plainly(cls, required):
    net = network()
    return trained(net, cls(net.parameters(), **required))


def assert_same(one, other):
    torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=0, atol=0)


@pytest.mark.layerwise
def test_steps_within_backward(cls, required):
    """One optimizer a parameter, stepped as soon as its gradient is there, which is freed at once."""
    net = network()
    optimizers = {param: cls([param], **required) for param in net.parameters()}

    def step(param):
        optimizers[param].step()
        optimizers[param].zero_grad()

    for param in net.parameters():
        param.register_post_accumulate_grad_hook(step)
    for batch in inputs():
        net(batch).square().mean().backward()
        assert all(param.grad is None for param in net.parameters())
    assert_same(net, plainly(cls, required))


def test_averaged_models(cls, required):
    """The average is over where the weights were after each step."""
    net = network()
    optimizer = cls(net.parameters(), **required)
    averaged, schedule = swa_utils.AveragedModel(net), swa_utils.SWALR(optimizer, swa_lr=0.02, anneal_epochs=2)
    places = []
    for batch in inputs():
        optimizer.zero_grad()
        net(batch).square().mean().backward()
        optimizer.step()
        averaged.update_parameters(net)
        schedule.step()
        places.append(copy.deepcopy(net[0].weight.detach()))
    torch.testing.assert_close(averaged.module[0].weight, torch.stack(places).mean(0))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02)


def test_clipped_gradients(cls, required):
    """Clipping in place between backward and step; here so loosely that nothing changes but the memory's version."""
    net = network()
    clip = lambda: nn.utils.clip_grad_norm_(net.parameters(), 1e9)  # noqa: E731
    assert_same(trained(net, cls(net.parameters(), **required), clip), plainly(cls, required))


def test_parametrized_weights(cls, required):
    """What is optimized is the parametrization's own parameters; the weight follows."""
    net = network()
    parametrizations.weight_norm(net[0])
    before = net[0].weight.detach().clone()
    trained(net, cls(net.parameters(), **required))
    assert not torch.equal(net[0].weight, before)
    sizes = net[0].parametrizations.weight.original0
    torch.testing.assert_close(net[0].weight.norm(dim=1, keepdim=True), sizes.abs())


def test_made_on_meta_and_given_memory_later(cls, required):
    """With torch's future setting, under which parameters stay the same objects."""
    with torch.device("meta"):
        net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    if cls.keeps_state_from_start or cls.starts_from_parameters:
        pytest.skip("what it begins with is made or taken of the parameters when it is made")
    optimizer = cls(net.parameters(), **required)
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        net.to_empty(device="cpu")
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
    net.load_state_dict(network().state_dict())
    assert_same(trained(net, optimizer), plainly(cls, required))


def test_moved_after_construction(cls, required):
    """As `model.double()` does; torch swaps the data under the parameters."""
    if cls.keeps_state_from_start:
        pytest.skip("its states are made with it, in the format of then")
    net, wide = network(), network().double()
    optimizer = cls(net.parameters(), **required)
    net.double()
    other = cls(wide.parameters(), **required)
    for model, steps in ((net, optimizer), (wide, other)):
        for batch in inputs().double():
            steps.zero_grad()
            model(batch).square().mean().backward()
            steps.step()
    assert_same(net, wide)


def test_fused_needs_memory(cls, required):
    if cls.starts_from_parameters:
        pytest.skip("it begins with a plain number, which is taken of the parameters when it is made")
    with torch.device("meta"):
        net = nn.Linear(2, 2)
    optimizer = cls(net.parameters(), **required, fused=True)
    for param in net.parameters():
        param.grad = torch.rand_like(param)
    with pytest.raises(RuntimeError, match="`fused=True` requires all the params to be floating point Tensors"):
        optimizer.step()


@pytest.mark.slow
def test_compiled_models_and_compiled_steps(cls, required):
    """The compiler leaves the step out of its graphs, and the numbers are the same."""
    net, whole = network(), network()
    optimizer, inner = cls(net.parameters(), **required), cls(whole.parameters(), **required)
    compiled = torch.compile(net, backend="eager")

    @torch.compile(backend="eager")
    def step(batch):
        inner.zero_grad()
        whole(batch).square().mean().backward()
        inner.step()

    trained(compiled, optimizer)
    for batch in inputs():
        step(batch)
    assert_same(net, plainly(cls, required))
    assert_same(whole, plainly(cls, required))
