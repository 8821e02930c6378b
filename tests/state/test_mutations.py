"""A few of the mutated state_dicts that `make fuzz` goes through; the first ones were once faults."""

import pytest

from .mutations import check

FOUND = (54, 59, 149, 186, 195, 236, 290, 1048, 1709, 1833, 2605, 2660, 3111, 11601, 12444, 22442, 301438, 301650)


@pytest.mark.parametrize("seeds", [FOUND, range(20)], ids=["found", "first"])
def test_each_is_loaded_or_refused_in_one_sentence(seeds):
    results = [check(seed) for seed in seeds]
    assert {"loaded", "refused"} <= set(results)
