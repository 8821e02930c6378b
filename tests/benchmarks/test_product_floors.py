"""The products that a step is made of, as benchmarks/product_floors.py notes them."""

import torch
from product_floors import only_products, watched


def test_products_and_decompositions_are_noted_and_made_again():
    wide, square = torch.ones(2, 3), torch.eye(3)

    def step():
        torch.linalg.eigh(square)
        square.addmm_(wide.mT, wide * 2)
        return wide @ square

    calls = watched(step)
    assert [call.name for call in calls] == ["_linalg_eigh", "addmm", "mm"]
    assert [call.multiplications * 1e9 for call in calls] == [0, 18, 18]
    before = square.clone()
    only_products(calls)()
    assert torch.equal(square, before)
