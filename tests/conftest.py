import gc
import os
from importlib.util import find_spec

# Without a GPU, Triton's kernels run in its interpreter; it must know before anybody imports it, as torch may do.
if os.environ.get("THALWEG_TEST_DEVICE", "cpu") == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"

# OpenMP's threads wait asleep: awake, those of one process keep the cores from the tests of another.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
import torch
from _pytest.runner import runtestprotocol

from thalweg.optimizer import registry

# `make test-gpu` installs nothing, and needs no more than pytest.
if find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "thalweg",
        deadline=None,  # the machine is shared
        derandomize=True,  # a red run is red again
        database=None,
        max_examples=30,
        suppress_health_check=[HealthCheck.function_scoped_fixture],  # ours only set seeds
    )
    settings.register_profile("fuzz", settings.get_profile("thalweg"), derandomize=False, max_examples=1000)
    settings.load_profile("thalweg")

# Told so, torch checks sparse tensors; untold, some versions warn that they do not.
torch.sparse.check_sparse_tensor_invariants.enable()


def pytest_configure():
    """Say at once, and not in each test, that the device to be tested is not there."""
    kind = os.environ.get("THALWEG_TEST_DEVICE", "cpu")
    if kind != "cpu" and not torch.get_device_module(kind).is_available():
        pytest.exit(f"torch {torch.__version__} finds no device of type {kind!r} here: nothing was tested", 3)


def pytest_collection_modifyitems(items):
    """Start with what takes long, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Let Python look for garbage among what tests make, and not each time among the tests and what they import."""
    gc.disable()
    collected = yield
    gc.freeze()
    gc.enable()
    return collected


def pytest_unconfigure():
    gc.unfreeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Tell of each test once: a process spends longer on telling than most tests take, and there are five tellings."""
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


@pytest.fixture(autouse=True, scope="session")
def _cache_of_these_tests(tmp_path_factory):
    """No test depends on the user's cache, or leaves anything there; what one process builds, the others take."""
    own = tmp_path_factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THALWEG_CACHE", str(run / "cache"))
        yield


@pytest.fixture(autouse=True, scope="session")
def _seeds_for_what_is_there():
    """Spare each seed the list of callers that torch writes for GPUs that are not there: it takes milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        if not torch.cuda.is_available():
            patch.setattr(torch, "manual_seed", torch.default_generator.manual_seed)
        yield


@pytest.fixture(autouse=True)
def _same_every_time():
    """Each test starts from the same seed; one thread leaves the other cores to other tests."""
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_registry_every_time():
    """An optimizer that a test defines is gone when the next one starts."""
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)
