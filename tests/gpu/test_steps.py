"""Steps on a GPU: the CPU's bits, without waiting, on any stream and device."""

import pytest
import torch

import thalweg
from thalweg.optimizer import registry

KINDS = tuple(f"thalweg.optimizers.{kind}." for kind in ("elementwise", "layerwise", "modelwise"))
CATALOGUE = [cls for cls in registry.values() if cls.__module__.startswith(KINDS) and torch.strided in cls.layouts]
SHAPES = [(7,), (33, 65), (1,), (4099,), (300, 500)]


def params(device, shapes=SHAPES, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator).to(device, dtype).requires_grad_() for shape in shapes]


def backward(tensors, step):
    generator = torch.Generator().manual_seed(100 + step)
    for param in tensors:
        param.grad = torch.randn(param.shape, generator=generator).to(param.device, param.dtype)


def trained(cls, device, steps=4, dtype=torch.float32, **options):
    tensors = params(device, dtype=dtype)
    optimizer = cls([{"params": tensors[:2]}, {"params": tensors[2:], "lr": 0.03}], lr=0.1, **options)
    for step in range(steps):
        backward(tensors, step)
        optimizer.step()
    return [param.detach().cpu() for param in tensors], optimizer


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
# What is learned of all parameters is added up by torch there, so the last digit of a sum may be another.
@pytest.mark.parametrize("cls", [cls for cls in CATALOGUE if not cls.learned], ids=lambda cls: cls.__name__)
def test_the_cpus_bits(cls, dtype):
    found, optimizer = trained(cls, "cuda", dtype=dtype)
    assert "as a Triton kernel on cuda:0" in optimizer.explain()
    wanted, _ = trained(cls, "cpu", dtype=dtype)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


@pytest.mark.parametrize("cls", CATALOGUE, ids=lambda cls: cls.__name__)
def test_a_warm_step_waits_for_nothing(cls, never_waits):
    tensors = params("cuda")
    optimizer = cls(tensors, lr=0.1)
    # Each phase has a plan of its own, which its first step makes.
    for step in range(3 + len(cls.phases)):
        backward(tensors, step)
        optimizer.step()
    with never_waits:
        for factor in (0.5, 2.0):
            for param in tensors:
                param.grad = param.grad * factor
            optimizer.param_groups[0]["lr"] *= factor
            optimizer.step()


def test_a_scaler_waits_for_nothing_but_its_own_update(never_waits):
    tensors = params("cuda")
    optimizer = thalweg.AdamW(tensors, fused=True)
    scaler = torch.amp.GradScaler("cuda", init_scale=2.0**10, growth_interval=1)
    for index in range(6):
        optimizer.zero_grad()
        scaler.scale(sum((param**3).sum() for param in tensors) * (float("inf") if index == 3 else 1)).backward()
        before = [param.detach().clone() for param in tensors]
        if index >= 2:
            with never_waits:
                scaler.step(optimizer)
        else:
            scaler.step(optimizer)
        scaler.update()
        assert all(map(torch.equal, before, tensors)) == (index == 3)
    assert optimizer.state[tensors[0]]["step"].item() == 5


def test_a_stream_of_its_own():
    wanted, _ = trained(thalweg.Adam, "cuda")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        found, _ = trained(thalweg.Adam, "cuda")
    torch.cuda.current_stream().wait_stream(stream)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_devices_in_one_optimizer():
    one, other = params("cuda:0"), params("cuda:1")
    optimizer = thalweg.Adam(one + other)
    for step in range(3):
        backward(one, step)
        backward(other, step)
        optimizer.step()
    torch.testing.assert_close([p.cpu() for p in one], [p.cpu() for p in other], rtol=0, atol=0)


# torch.compile uses parts of torch that torch itself warns of, and says which products could be faster; whoever
# multiplies first on a thread of its own is told that a context is made.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:TensorFloat32", "ignore:Attempting to run cuBLAS")
def test_a_compiled_training_step():
    net = torch.nn.Linear(8, 8, device="cuda")
    optimizer = thalweg.Adam(net.parameters(), lr=0.1)
    data = torch.randn(16, 8, device="cuda")

    @torch.compile
    def train():
        optimizer.zero_grad()
        loss = (net(data) - data).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    losses = [train().item() for _ in range(20)]
    assert losses[-1] < losses[0]


def test_more_elements_than_32_bits_count():
    if torch.cuda.mem_get_info()[0] < 20e9:
        pytest.skip("needs 20 GB")
    param = torch.zeros(2**31 + 5, dtype=torch.bfloat16, device="cuda")
    param.grad = torch.ones_like(param)
    thalweg.SGD([param], lr=0.5).step()
    assert param.min() == param.max() == -0.5


def matrices(device):
    return params(device, [(64, 32), (32, 64), (64, 32), (16, 3, 3, 3)])


def test_muon_beside_the_cpu():
    ends = []
    for device in ("cuda", "cpu"):
        tensors = matrices(device)
        optimizer = thalweg.Muon(tensors, lr=0.02)
        for step in range(3):
            backward(tensors, step)
            optimizer.step()
        ends.append([param.detach().cpu() for param in tensors])
    # products in bfloat16 are summed in another order: 3% of an update, three times
    torch.testing.assert_close(*ends, rtol=0, atol=3 * 0.03 * 0.02 * 2**0.5)


def test_muon_waits_for_nothing(never_waits):
    tensors = matrices("cuda")
    optimizer = thalweg.Muon(tensors)
    for step in range(3):
        backward(tensors, step)
        optimizer.step()
    with never_waits:
        for param in tensors:
            param.grad = param.grad * 2
        optimizer.step()
