import pytest

from thalweg.tools.comparison.choose import choose
from thalweg.tools.comparison.compare import compare
from thalweg.tools.tasks.digits import digits


@pytest.fixture(scope="session")
def data():
    return digits()


@pytest.fixture(scope="session")
def runs(data):
    """One that learns, torch's own, one that diverges, one that fails at its first step."""
    return compare(choose("adam,torch.Adam:lr=0.01,sgd:lr=1e6,torch.SparseAdam"), data, epochs=1)
