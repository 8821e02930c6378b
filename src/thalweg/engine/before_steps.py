"""What an optimizer has for its steps before the first one."""

from __future__ import annotations

from threading import RLock
from typing import Any

from ..state.noted import Log


def without_plans(log: Log) -> dict[str, Any]:
    """Give it no plan, the lock under which steps are taken, and nothing that it shares with other processes."""
    return {
        "_log": log,
        "_step_numbers": {},
        "_watch": None,
        "_plans": {},
        "_lock": RLock(),
        "_versions": {},
        "_counts": {},
        **dict.fromkeys(("_local", "_primed", "_sharing", "_agreement")),
    }
