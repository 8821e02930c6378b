"""Stored numbers and computed numbers: widened exactly, rounded once, to nearest even."""

import pytest
import torch

from thalweg.state.formats.format import compute_dtype, load, store


@pytest.mark.parametrize(
    ("stored", "computed"),
    [
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
    ],
)
def test_what_is_computed_in(stored, computed):
    assert compute_dtype(stored) == computed
    assert load(torch.ones(2, dtype=stored)).dtype == computed


def test_complex_numbers_are_viewed_as_pairs():
    pair = load(torch.tensor([1 + 2j]))
    assert pair.tolist() == [[1, 2]]
    number = torch.zeros(1, dtype=torch.complex64)
    store(number, pair)
    assert number.item() == 1 + 2j


def test_stored_numbers_are_rounded_to_nearest_even():
    half = 2.0**-8  # half of bfloat16's last place at 1
    kept = torch.zeros(3, dtype=torch.bfloat16)
    store(kept, torch.tensor([1 + half, 1 + 3 * half, 1 + half * 1.01]))
    assert kept.tolist() == [1, 1 + 4 * half, 1 + 2 * half]
