"""Plans that take turns, as phases go round: each knows which was next, which is asked first if it was so last time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from .watch import Watch


class Turns:
    """What a plan knows of the one that comes after it."""

    __slots__ = ("follower", "is_next")

    def __init__(self, follower: Watch) -> None:
        # Two plans that held each other would keep parameters alive until Python's collector runs.
        self.follower = ref(follower)
        self.is_next = True
        """True if the last step after one of this plan was the follower's."""


def follower_of(watch: Watch | None) -> Watch | None:
    """Give the plan that was next the last time that this one did not fit, if it is still kept."""
    return None if watch is None or watch.turns is None else watch.turns.follower()


def step_in_turn(optimizer: Any, watch: Watch) -> bool:
    """Take the step, in one call, by a plan or by the one that comes after it; False if neither fits."""
    turns, following = watch.turns, follower_of(watch)
    if turns is None or following is None:
        return watch.step_at_once(optimizer)
    first, second = (following, watch) if turns.is_next else (watch, following)
    if first.step_at_once(optimizer):
        optimizer._watch = first
        return True
    if second.step_at_once(optimizer):
        optimizer._watch = second
        turns.is_next = second is following
        return True
    return False
