import hypothesis
import pytest
import torch

hypothesis.settings.register_profile(
    "thalweg",
    deadline=None,  # the machine is shared
    derandomize=True,  # a red run is red again
    database=None,
    max_examples=30,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],  # ours only set seeds
)
hypothesis.settings.load_profile("thalweg")


@pytest.fixture(autouse=True)
def _same_every_time():
    """Each test starts from the same seed; one thread leaves the other cores to other tests."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
