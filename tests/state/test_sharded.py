"""Parameters of which each process has a part, as FSDP2 makes them: here one process has all."""

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import Shard, distribute_tensor, init_device_mesh

import thalweg


@pytest.fixture(scope="module")
def mesh():
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


@pytest.fixture
def sharded(mesh):
    return lambda tensor: torch.nn.Parameter(distribute_tensor(tensor, mesh, [Shard(0)]))


WORKS = [
    (torch.float32, {}),
    (torch.float32, {"max_grad_norm": 1.0}),
    (torch.float32, {"max_tensor_norm": 1.0, "cautious": True, "ema_decay": 0.9, "track": True}),
    (torch.float32, {"accumulate": 2, "skip_nonfinite": True}),
    (torch.float32, {"state_dtype": torch.bfloat16}),
    (torch.bfloat16, {"rounding": "kahan"}),
]


@pytest.mark.parametrize(("dtype", "options"), WORKS, ids=str)
@pytest.mark.parametrize("cls", [thalweg.AdamW, thalweg.LAMB, thalweg.Prodigy, thalweg.Muon])
def test_as_if_it_were_whole(sharded, cls, dtype, options):
    start, gradients = torch.randn(64, 80).to(dtype), torch.randn(4, 64, 80).to(dtype)
    plain, parts = torch.nn.Parameter(start.clone()), sharded(start.clone())
    optimizers = [cls([param], **options, engine="eager") for param in (plain, parts)]
    for gradient in gradients:
        plain.grad, parts.grad = gradient.clone(), sharded(gradient.clone()).detach()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(parts.full_tensor(), plain)
    found, wanted = (optimizer.metrics for optimizer in reversed(optimizers))
    # Muon's products of DTensors are torch's in bfloat16, whose sums are rounded in another order than float32's.
    assert found == pytest.approx(wanted, rel=1e-3 if cls is thalweg.Muon else 1e-6)


REFUSED = [
    (torch.float32, {"state_dtype": "8bit"}, "state_dtype='8bit'"),
    (torch.float32, {"state_dtype": "4bit"}, "state_dtype='4bit'"),
    (torch.bfloat16, {"rounding": "stochastic"}, "rounding='stochastic'"),
    (torch.bfloat16, {"rounding": "master"}, "rounding='master'"),
]


@pytest.mark.parametrize(("dtype", "options", "what"), REFUSED, ids=lambda value: str(value))
def test_what_works_on_bits_is_refused_where_the_whole_is_needed(sharded, dtype, options, what):
    """By the eager engine's functions of matrices."""
    param = sharded(torch.randn(64, 80).to(dtype))
    param.grad = sharded(torch.randn(64, 80).to(dtype)).detach()
    optimizer = thalweg.Muon([("weight", param)], engine="eager", **options)
    with pytest.raises(RuntimeError, match=f"cannot step parameter 'weight': {what} works on the bits of a tensor"):
        optimizer.step()
