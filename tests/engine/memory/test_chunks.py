"""Pieces of shards are cut where pieces of the whole tensor begin, and each run has blocks of its own."""

import pytest

from thalweg.distributed.shards import Run
from thalweg.engine.pieces.chunks import cut

BLOCK = 256
ROWS = [
    [Run(0, 0, 5000)],
    [Run(300, 0, 700), Run(2000, 700, 48), Run(4000, 748, 4096)],
    [Run(0, 0, 0)],
    [Run(255, 0, 2)],
]


@pytest.mark.parametrize("size", [256, 1024])
def test_all_elements_are_in_pieces_with_their_places_and_blocks(size):
    expected = []
    for row, runs in enumerate(ROWS):
        blocks = -1
        for place, first, length in runs:
            seen = None
            for index in range(length):
                blocks += (place + index) // BLOCK != seen
                seen = (place + index) // BLOCK
                expected.append((row, first + index, place + index, blocks))
    found = []
    for row, first, length, place, block in cut(ROWS, size).tolist():
        assert place // size == (place + max(length, 1) - 1) // size
        found += [(row, first + i, place + i, block + (place + i) // BLOCK - place // BLOCK) for i in range(length)]
    assert found == expected
    assert [2, 0, 0, 0] in cut(ROWS, size)[:, :4].tolist()
