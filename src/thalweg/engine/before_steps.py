"""What an optimizer has for its steps before the first one."""

from __future__ import annotations

from threading import RLock
from typing import Any

from ..state.noted import Log


def without_plans(log: Log) -> dict[str, Any]:
    """Give it no plan, the lock under which steps are taken, and nothing that it shares with other processes."""
    own = {"_log": log, "_step_numbers": {}, "_watch": None, "_plans": {}, "_lock": RLock()}
    own |= {"_versions": {}, "_counts": {}}
    return own | {"_local": None, "_primed": None, "_sharing": None, "_agreement": None}
