"""Threads, Python's and OpenMP's, and processes: they share the work, never the result."""

import copy
import os
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from thalweg import SGD, Adam
from thalweg.engine.launches import launch
from thalweg.engine.llvm.machine_code import threads
from thalweg.engine.pieces import chunks

from ...traits import one_of_each
from ..conftest import CATALOGUE

LARGE = 4 * launch.ALONE


def trained(cls=Adam, steps=3, size=LARGE, counts=(2,)):
    """Return where a parameter is after some steps on so many threads."""
    generator = torch.Generator().manual_seed(1)
    param = torch.randn(size, generator=generator)
    optimizer = cls([param, torch.zeros(5)], lr=0.1)
    for step in range(steps):
        torch.set_num_threads(counts[step % len(counts)])
        param.grad = torch.randn(size, generator=generator)
        optimizer.step()
    return param


@pytest.mark.parametrize("counts", [(2,), (3,), (7,), (1, 2, 5)], ids=str)
def test_any_number_of_threads_gives_the_same_bits(cls, counts):
    assert torch.equal(trained(cls, counts=counts), trained(cls, counts=(1,)))


def test_a_pool_serves_where_torch_has_no_openmp(cls, monkeypatch, counted):
    expected = trained(cls)
    monkeypatch.setattr(threads, "openmp_works", lambda: False)
    pools = counted(threads, "pool")
    assert torch.equal(trained(cls), expected)
    assert pools


@pytest.mark.parametrize("works", [False, True])
def test_a_step_returns_when_all_threads_are_done(works, monkeypatch):
    """One has much more to do than the other; what is written afterwards stays."""
    monkeypatch.setattr(threads, "openmp_works", lambda: works)
    monkeypatch.setattr(chunks, "CHUNK_LENGTHS", (1 << 22, 1 << 22))
    torch.set_num_threads(2)
    less, more = params = torch.zeros(1 << 20), torch.zeros(1 << 22)
    optimizer = Adam(params)
    less.grad, more.grad = torch.ones_like(less), torch.ones_like(more)
    for _ in range(5):
        optimizer.step()
        more.zero_()
        time.sleep(0.02)
        assert not more.any()


def train_without_openmp():
    """Link and run kernels where no runtime is found."""
    threads._candidates = list
    assert threads.run_parallel_address() == 0
    assert torch.equal(trained(), trained(counts=(1,)))


def test_kernels_link_where_no_openmp_is_found(apart):
    apart(train_without_openmp)


def test_python_threads_step_their_own_optimizers(cls):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: trained(cls), range(8)))
    assert all(torch.equal(param, trained(cls)) for param in found)


def build_in_threads():
    """Let every thread of a new process build the same kernels at the same time."""
    barrier = threading.Barrier(4)

    def train(_):
        barrier.wait()
        return [trained(cls, size=100) for cls in one_of_each(CATALOGUE)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(train, range(4)))
    assert all(torch.equal(a, b) for params in found for a, b in zip(params, found[0], strict=True))


@pytest.mark.slow
def test_python_threads_build_kernels_at_once(apart, monkeypatch, tmp_path):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))
    apart(build_in_threads)


def test_pythons_lock_is_let_go_in_a_kernel():
    """With no time slices, another thread can run only while the kernel does."""
    optimizer = SGD([torch.zeros(1 << 24)], lr=0.1)
    optimizer.param_groups[0]["params"][0].grad = torch.zeros(1 << 24)
    optimizer.step()
    ready, ran = threading.Event(), []
    other = threading.Thread(target=lambda: (ready.wait(), ran.append(time.perf_counter())))
    slice_ = sys.getswitchinterval()
    other.start()
    try:
        sys.setswitchinterval(1e6)
        ready.set()
        for _ in range(100):
            optimizer.step()
            if ran:
                break
        stopped = bool(ran)
    finally:
        sys.setswitchinterval(slice_)
        other.join()
    assert stopped


def step_on_both_sides_of_a_fork(on_openmp):
    """Let parent and child go on with an optimizer, after threads have been started."""
    if not on_openmp:
        threads.openmp_works = bool
    warnings.simplefilter("ignore")  # Python's about forking with threads
    torch.set_num_threads(2)
    optimizer = Adam([torch.zeros(LARGE)])
    (param,) = optimizer.param_groups[0]["params"]
    param.grad = torch.randn(LARGE)
    optimizer.step()
    copied = copy.deepcopy(optimizer)
    copied.step()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # rather an end than a test that hangs
    optimizer.step()
    torch.set_num_threads(1)  # torch itself may not use OpenMP in a child
    same = torch.equal(param, copied.param_groups[0]["params"][0])
    if child == 0:
        os._exit(not same)
    _, status = os.waitpid(child, 0)
    assert same
    assert status == 0, f"the child ended with {status}"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("on_openmp", [True, False])
def test_both_sides_of_a_fork_step_on(on_openmp, apart):
    apart(step_on_both_sides_of_a_fork, on_openmp)


class Trainings(torch.utils.data.Dataset):
    """What a worker computes by training."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return trained(steps=index + 1, counts=(1,))


def train_in_workers():
    """Train in a DataLoader's workers, after training here."""
    warnings.simplefilter("ignore")
    expected = [trained(steps=1), trained(steps=2)]
    loader = torch.utils.data.DataLoader(Trainings(), num_workers=2, timeout=60, multiprocessing_context="fork")
    assert all(torch.equal(found[0], wanted) for found, wanted in zip(loader, expected, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_workers_of_a_data_loader_step(apart):
    apart(train_in_workers)
