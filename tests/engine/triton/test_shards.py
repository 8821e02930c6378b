"""Sharded steps on kernels for GPUs: each process, all played by this one, has its part of the whole step's bits.

A fake group gives each rank a mesh of its own. A thread a rank steps; what they tell each other goes through memory.
"""

import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, Shard, init_device_mesh
from torch.testing._internal.distributed.fake_pg import FakeStore

import thalweg
from thalweg.distributed.local_parameter import local_parameter
from thalweg.distributed.shards import shard_of
from thalweg.engine.plans import build
from thalweg.engine.sharded import agreement
from thalweg.engine.triton.kernels import kernel

from .conftest import DEVICE

RANKS = 2
SHAPES = [(100, 47), (7, 7), (1, 1)]
"""A block of codes that lies on both ranks, and a rank that has nothing."""

KEPT = {
    "8bit": (torch.float32, {"state_dtype": "8bit"}),
    "4bit": (torch.float32, {"state_dtype": "4bit"}),
    "stochastic": (torch.bfloat16, {"rounding": "stochastic"}),
}


class Meeting:
    """Where ranks wait for each other; one of them runs at a time."""

    def __init__(self):
        self.turn, self.all_here, self.brought = Lock(), Barrier(RANKS), {}

    def step(self, optimizer):
        try:
            with self.turn:
                optimizer.step()
        except BaseException:
            self.all_here.abort()
            raise

    def all_of(self, key, rank, numbers):
        """Leave a rank's numbers, let the others run, and give those of all."""
        self.brought.setdefault(key, {})[rank] = numbers.clone()
        self.turn.release()
        try:
            self.all_here.wait(60)
        finally:
            self.turn.acquire()
        return torch.stack([self.brought[key][each] for each in range(RANKS)])


@pytest.fixture
def meeting(monkeypatch):
    meeting = Meeting()

    class Sums:
        """Stands for what processes tell each other."""

        def __init__(self, shards, owner):
            self.ranks, self.rank = list(range(RANKS)), shards[0].coordinate[0]
            self.count = self.bytes = 0

        def told(self, mine, what=""):
            return [mine for _ in self.ranks]

        def largest(self, numbers, what, trouble=False):
            return self._all(numbers).amax(0)

        def add(self, numbers, what, trouble=False):
            return self._all(numbers).sum(0)

        def _all(self, numbers):
            self.count += 1
            return meeting.all_of(self.count, self.rank, numbers)

    monkeypatch.setattr(agreement, "Sums", Sums)
    return meeting


def mesh_of(rank):
    dist.init_process_group("fake", rank=rank, world_size=RANKS, store=FakeStore())
    try:
        # What torch remembers of equal meshes would be shared: the place of a rank, too.
        return init_device_mesh(DEVICE.type, (RANKS,), mesh_dim_names=(f"seen_by_{rank}",))
    finally:
        dist.destroy_process_group()


def drawn(shape, seed, dtype):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE, dtype)


def part_of(whole, shard):
    return whole.detach().reshape(-1)[shard.places().reshape(-1)].view(shard.local_shape)


def divided(whole, mesh):
    """Make a rank's DTensor of a whole tensor."""
    own = DTensor.from_local(whole[:0], mesh, [Shard(0)], run_check=False, shape=whole.shape, stride=whole.stride())
    shard = shard_of(own)
    return shard.whole(part_of(whole, shard))


def trained(dtype, options, mesh=None):
    """Make an optimizer of whole parameters, or of a rank's parts, and what gives it gradients."""
    placed = (lambda whole: divided(whole, mesh)) if mesh else (lambda whole: whole)
    params = [torch.nn.Parameter(placed(drawn(shape, index, dtype))) for index, shape in enumerate(SHAPES)]

    def backward(step):
        for index, param in enumerate(params):
            param.grad = placed(drawn(param.shape, 100 * step + index + 50, dtype))

    return thalweg.AdamW(params, engine="triton", lr=0.1, **options), params, backward


@pytest.mark.parametrize(("dtype", "options"), KEPT.values(), ids=KEPT)
def test_each_process_has_its_part_of_the_whole_steps_bits(meeting, dtype, options):
    one, whole, backward = trained(dtype, options)
    ranks = [trained(dtype, options, mesh_of(rank)) for rank in range(RANKS)]
    for step in range(2):
        backward(step)
        one.step()
        for _, _, own_backward in ranks:
            own_backward(step)
        with ThreadPoolExecutor(RANKS) as pool:
            list(pool.map(meeting.step, [optimizer for optimizer, _, _ in ranks]))
    for optimizer, parts, _ in ranks:
        assert "riton" in optimizer.explain()
        assert "eager" not in optimizer.explain()
        for param, own in zip(whole, parts, strict=True):
            assert torch.equal(local_parameter(own).detach(), part_of(param, shard_of(own)))


@pytest.mark.parametrize("failing_step", [0, 1])
def test_a_kernel_that_one_process_cannot_have_is_left_to_the_eager_engine(meeting, monkeypatch, failing_step):
    """Where no process waits for another, the others need not know; the step was refused on every process."""
    monkeypatch.setattr(build, "_failures", {})
    monkeypatch.setattr(kernel, "_kernels", {})
    update = kernel.Kernel._update

    def broken(self, is_aligned):
        if not is_aligned:
            raise RuntimeError("Triton has a bad day")
        return update(self, is_aligned)

    monkeypatch.setattr(kernel.Kernel, "_update", broken)
    mesh = mesh_of(0)
    expected = torch.ones(512, device=DEVICE)
    param = torch.nn.Parameter(DTensor.from_local(torch.ones(256, device=DEVICE), mesh, [Shard(0)], run_check=False))
    one, eager = thalweg.AdamW([param], engine="triton", lr=0.1), thalweg.AdamW([expected], engine="eager", lr=0.1)
    memory = torch.full((257,), 0.5, device=DEVICE)
    for step in range(3):
        local = memory[1:] if step >= failing_step else memory[:-1]
        param.grad = DTensor.from_local(local, mesh, [Shard(0)], run_check=False)
        expected.grad = torch.full_like(expected, 0.5)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            one.step()
        eager.step()
        told = ["AdamW runs on the eager engine, as no kernel could be built: Triton has a bad day"]
        assert [str(item.message) for item in said] == told * (step == failing_step)
        torch.testing.assert_close(local_parameter(param).detach(), expected[:256])
