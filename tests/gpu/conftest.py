"""What only a GPU can show: graphs, streams, waiting. Without one every test here is skipped."""

import os
import warnings

import pytest
import torch

HAS_GPU = os.environ.get("THALWEG_TEST_DEVICE", "cpu") == "cuda" and torch.cuda.is_available()


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/gpu/" in item.path.as_posix() and not HAS_GPU:
            item.add_marker(pytest.mark.skip(reason="needs a GPU: make test-gpu"))


@pytest.fixture
def never_waits():
    """Fail where the host waits for the device."""

    class Guard:
        def __enter__(self):
            with warnings.catch_warnings():
                # It says that it does not see everything yet.
                warnings.simplefilter("ignore")
                torch.cuda.set_sync_debug_mode("error")

        def __exit__(self, *_):
            torch.cuda.set_sync_debug_mode("default")

    return Guard()
