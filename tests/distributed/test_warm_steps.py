"""Warm steps of shards: gradients are found where torch keeps them, and whatever is other than it was is seen."""

import gc
from contextlib import contextmanager

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, init_device_mesh
from torch.nn import Parameter

import thalweg
from thalweg.engine.launches import launch
from thalweg.engine.llvm.looking import inside_tensors
from thalweg.engine.plans.watch import Watch
from thalweg.engine.sharded.local_gradients import LocalGradients

SHAPES = [(6, 4), (5,), (3, 7)]


@pytest.fixture(scope="module")
def mesh():
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


class Twins:
    """The same parameters plain and as DTensors, stepped alike."""

    def __init__(self, mesh, cls=thalweg.AdamW, dtype=torch.float32, **options):
        self.mesh, self.dtype = mesh, dtype
        self.seed = 0
        starts = [self.drawn(shape) for shape in SHAPES]
        self.plain = [Parameter(start.clone()) for start in starts]
        self.parts = [Parameter(self.divided(start)) for start in starts]
        self.optimizers = [cls(params, lr=0.1, **options) for params in (self.plain, self.parts)]

    def drawn(self, shape):
        self.seed += 1
        return torch.randn(shape, generator=torch.Generator().manual_seed(self.seed)).to(self.dtype)

    def divided(self, whole, placement=None):
        placement = placement or Shard(0)
        return DTensor.from_local(whole.clone(), self.mesh, [placement], run_check=False)

    def like(self, part, whole):
        """Make a gradient as FSDP does: a new DTensor, with the description that all of them have."""
        return DTensor(whole.clone(), part._spec, requires_grad=False)

    def step(self, make=None):
        for one, other in zip(self.plain, self.parts, strict=True):
            one.grad = self.drawn(one.shape)
            other.grad = (make or self.like)(other, one.grad)
        self.step_again()

    def step_again(self):
        for optimizer in self.optimizers:
            optimizer.step()
        for one, other in zip(self.plain, self.parts, strict=True):
            assert torch.equal(one, other.to_local())

    def warm(self):
        for _ in range(3):
            self.step()
        return self


@contextmanager
def no_python(monkeypatch):
    """Fail where Python has to look at gradients."""
    with monkeypatch.context() as patch:
        for owner, name in ((LocalGradients, "take"), (Watch, "_step_after_all")):
            patch.setattr(owner, name, lambda *_: pytest.fail("Python had to look"))
        yield


CASES = [
    (thalweg.AdamW, {}),
    (thalweg.AdamW, {"max_grad_norm": 0.5, "track": True}),
    (thalweg.LAMB, {}),
    (thalweg.Prodigy, {}),
]


@pytest.mark.parametrize(("cls", "options"), CASES)
def test_new_gradients_are_found_by_machine_code(mesh, monkeypatch, cls, options):
    assert inside_tensors.is_possible()
    twins = Twins(mesh, cls, **options)
    for _ in range(4):
        twins.step()
    with no_python(monkeypatch):
        for _ in range(4):
            twins.step()
            gc.collect()
    twins.optimizers[0].param_groups[0]["lr"] = twins.optimizers[1].param_groups[0]["lr"] = 0.01
    twins.step()


def test_one_thread_does_much_in_one_call(mesh, monkeypatch):
    """Many elements, and several threads later on."""
    monkeypatch.setattr(launch, "ALONE", 8)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        twins = Twins(mesh).warm()
        watch = twins.optimizers[0]._watch
        assert watch.runs_at_once
        torch.set_num_threads(2)
        twins.step()
        assert not twins.optimizers[0]._watch.runs_at_once
    finally:
        torch.set_num_threads(threads)


def other_memory(twins):
    """The part of a parameter is somewhere else."""
    part = twins.parts[0]
    part._local_tensor = part._local_tensor.clone()


def other_memory_within(twins):
    """The tensor is the same, and its memory another."""
    local = twins.parts[0]._local_tensor
    local.data = local.data.clone()


def columns_in_memory(_, part, whole):
    """Gradients lie otherwise than parameters."""
    return DTensor(whole.t().contiguous().t() if whole.dim() == 2 else whole, part._spec, requires_grad=False)


def another_description(_, part, whole):
    """Each gradient tells anew how it is divided."""
    return DTensor.from_local(whole.clone(), part.device_mesh, part.placements, run_check=False)


def terms_of_a_sum(_, part, whole):
    return DTensor.from_local(whole.clone(), part.device_mesh, [Partial()], run_check=False)


@pytest.mark.parametrize("change", [other_memory, other_memory_within], ids=lambda change: change.__name__)
def test_memory_that_moves_is_seen(mesh, change):
    twins = Twins(mesh).warm()
    change(twins)
    for _ in range(3):
        twins.step()


@pytest.mark.parametrize(
    "make", [columns_in_memory, another_description, terms_of_a_sum], ids=lambda make: make.__name__
)
def test_gradients_of_another_kind_are_seen(mesh, make):
    twins = Twins(mesh).warm()
    for _ in range(3):
        twins.step(lambda part, whole: make(twins, part, whole))
    twins.step()


def test_what_is_added_to_a_gradient_that_stays_is_seen(mesh):
    """Also where it is a term of a sum, which is added up anew in each step."""
    for make in (None, lambda part, whole: terms_of_a_sum(None, part, whole)):
        twins = Twins(mesh).warm()
        twins.step(make)
        for one, other in zip(twins.plain, twins.parts, strict=True):
            one.grad.add_(1.0)
            other.grad._local_tensor.add_(1.0)
        twins.step_again()


def test_a_gradient_may_be_taken_away_and_come_back(mesh):
    twins = Twins(mesh).warm()
    twins.plain[1].grad = twins.parts[1].grad = None
    twins.step_again()
    twins.step()
    for optimizer in twins.optimizers:
        optimizer.zero_grad()
    twins.step_again()
    twins.step()


def test_a_gradient_divided_otherwise_is_refused(mesh):
    twins = Twins(mesh).warm()
    before = twins.parts[0].to_local().clone()
    twins.parts[0].grad = twins.divided(twins.drawn((6, 4)), Replicate())
    with pytest.raises(RuntimeError, match=r"parameter 0 of group 0 .* its gradient is .Replicate"):
        twins.optimizers[1].step()
    assert torch.equal(twins.parts[0].to_local(), before)


@pytest.mark.parametrize("rounding", ["kahan", "master"])
def test_low_bits_are_dropped_where_somebody_writes(mesh, rounding):
    """By the sharded parameter, or by what is here of it."""
    twins = Twins(mesh, dtype=torch.bfloat16, rounding=rounding).warm()
    with torch.no_grad():
        twins.plain[0].mul_(0.5)
        twins.parts[0].mul_(0.5)
    twins.step()
    with torch.no_grad():
        twins.plain[2].mul_(0.5)
        twins.parts[2].to_local().mul_(0.5)
    twins.step()


def test_autograd_is_told_that_parameters_change(mesh):
    twins = Twins(mesh).warm()
    before = [part._version for part in twins.parts]
    twins.step()
    assert all(part._version > known for part, known in zip(twins.parts, before, strict=True))


@pytest.mark.parametrize(("cls", "has_states"), [(thalweg.AdamW, True), (thalweg.SGD, False)])
def test_a_checkpoint_before_the_first_step_warns(mesh, recwarn, cls, has_states):
    """Of gradients that are only gathered; a rule without states has nothing else, later either."""
    twins = Twins(mesh, cls, accumulate=2)
    for _ in range(2):
        twins.step()
        twins.optimizers[1].state_dict()
    found = [str(warning.message) for warning in recwarn]
    assert [("save after the first step" in told, "parameter 0 of group 0" in told) for told in found] == [
        (True, True)
    ] * has_states


def test_no_gradient_is_kept_alive(mesh):
    twins = Twins(mesh).warm()
    gone = []
    for part in twins.parts:
        torch.utils.weak.weakref.finalize(part.grad._local_tensor, gone.append, 1)
        part.grad = None
    gc.collect()
    assert len(gone) == len(SHAPES)


def test_parameters_in_another_list_are_seen(mesh):
    twins = Twins(mesh).warm()
    for optimizer in twins.optimizers:
        params = optimizer.param_groups[0]["params"]
        params[0], params[1] = params[1], params[0]
    twins.step()
