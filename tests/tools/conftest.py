import pytest

from thalweg.tools.choose import choose
from thalweg.tools.compare import compare
from thalweg.tools.digits import digits


@pytest.fixture(scope="session")
def data():
    return digits()


@pytest.fixture(scope="session")
def runs(data):
    """One that learns, torch's own, one that diverges, one that fails at its first step."""
    return compare(choose("adam,torch.Adam:lr=0.01,sgd:lr=1e6,torch.SparseAdam"), data, epochs=1)
