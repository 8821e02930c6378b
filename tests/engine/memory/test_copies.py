"""A copy of an optimizer goes on as the original does, and leaves it alone."""

import copy
import pickle

import pytest


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_goes_on_like_the_original(pair, copied):
    pair.pair = [copied(optimizer) for optimizer in pair.pair]
    pair.step()
    pair.step()
