"""Few combinations of options, in which any two values that go together are together somewhere.

Faults that need three options at once are left to the walks of tests/engine/agreement/test_torture.py.
"""

from itertools import combinations, product


def covering(choices, is_possible):
    """Choose from all combinations of `choices` (the values of each name) that are possible, the first one first."""
    every = (dict(zip(choices, values, strict=True)) for values in product(*choices.values()))
    waiting = [options for options in every if is_possible(options)]
    open_pairs, chosen = set().union(*map(pairs, waiting)), waiting[:1]
    while open_pairs := open_pairs - pairs(chosen[-1]):
        chosen.append(max(waiting, key=lambda options: len(open_pairs & pairs(options))))
    return chosen


def pairs(options):
    """List which values are together; one that is alone is together with itself."""
    return set(combinations(options.items(), 2)) | {(item, item) for item in options.items()}
