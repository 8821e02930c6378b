import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.state import layout
from thalweg.state.layout import is_dense, lie_alike, overlapping, spans

BLOCK = torch.zeros(4, 6)


@pytest.mark.parametrize(
    ("tensor", "dense"),
    [
        (BLOCK, True),
        (BLOCK.T, True),
        (BLOCK[1:], True),
        (BLOCK[:, 1:], False),
        (BLOCK[:, ::2], False),
        (torch.zeros(1).expand(3), False),
        (torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last), True),
        (torch.zeros(()), True),
        (torch.zeros(5, 1).expand(5, 1), True),
    ],
)
def test_dense(tensor, dense):
    assert is_dense(tensor) == dense


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (BLOCK, torch.ones(4, 6), True),
        (BLOCK.T, torch.ones(6, 4), False),
        (BLOCK.T, torch.ones(4, 6).T, True),
        (torch.zeros(4, 1), torch.zeros(1, 4).T, True),
        (torch.zeros(4), torch.zeros(5), False),
    ],
)
def test_alike(one, other, alike):
    assert lie_alike(one, other) == alike


@given(pieces=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 6)), max_size=7))
def test_overlapping_owners_are_those_that_share_an_element(pieces):
    memory = torch.zeros(30)
    owners = [[memory[first : first + size] for owner, first, size in pieces if owner == own] for own in range(3)]
    spans = [(owner, set(range(first, first + size))) for owner, first, size in pieces]
    expected = {
        owner
        for place, (owner, span) in enumerate(spans)
        for other, (_, taken) in enumerate(spans)
        if place != other and span & taken
    }
    assert overlapping(owners) == expected


def test_addresses_have_64_bits(monkeypatch):
    """Those of some devices are beyond what a signed number holds."""
    start, tensors = 2**64 - 64, [torch.zeros(4), torch.zeros(2), torch.zeros(3)]
    places = {id(tensors[0]): start, id(tensors[1]): start + 8, id(tensors[2]): 0}
    monkeypatch.setattr(layout, "ADDRESS", lambda tensor: places[id(tensor)])
    assert overlapping([[tensor] for tensor in tensors]) == {0, 1}
    assert spans(tensors).tolist() == [[0, 12], [start, start + 16]]
