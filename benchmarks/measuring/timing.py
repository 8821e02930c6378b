"""Fair timing on a noisy machine: contestants take turns, and only ratios within a turn are believed."""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter

Step = Callable[[], object]


def seconds(step: Step, repeats: int) -> float:
    """Time one call, averaged over repeats."""
    start = perf_counter()
    for _ in range(repeats):
        step()
    return (perf_counter() - start) / repeats


def take_turns(steps: Mapping[str, Step], repeats: Mapping[str, int], rounds: int) -> dict[str, list[float]]:
    """Time each contestant once a round, after a call that warms its caches."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            step()
            times[name].append(seconds(step, repeats[name]))
    return times


def ratio(times: Mapping[str, list[float]], slow: str, fast: str) -> float:
    """Take the median over the rounds of how many times faster one is than another."""
    return median(a / b for a, b in zip(times[slow], times[fast], strict=True))
