"""How many elements make a block and how many warps work on it: measured once for a kind of device, and kept."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ..cache import directory


@dataclass(frozen=True)
class Setting:
    """Elements of a block, and the warps that share them."""

    block: int
    warps: int


USUAL = Setting(1024, 4)
"""Eight elements a thread: two wide words of float32."""

CANDIDATES = (Setting(512, 4), USUAL, Setting(1024, 8), Setting(2048, 4), Setting(2048, 8), Setting(4096, 8))


def best(device: str, width: int, seconds: Callable[[Setting], float]) -> Setting:
    """Look up what is best for a kind of device and the bytes that an element takes; measure it if nobody has."""
    table, key = read(), f"{device}, {width} bytes an element"
    if key not in table:
        try:
            table[key] = asdict(min(CANDIDATES, key=seconds))
        except Exception:
            # Measuring needs memory that may not be there now; the next process may have it.
            return USUAL
        write(table)
    return Setting(**table[key])


def read() -> dict[str, Any]:
    """Read the table; one that is damaged is measured anew."""
    try:
        table = json.loads((directory() / "tuning.json").read_text())
        return {key: row for key, row in table.items() if Setting(**row) in CANDIDATES}
    except (OSError, RuntimeError, ValueError, TypeError, AttributeError):
        return {}


def write(table: dict[str, Any]) -> None:
    """Keep the table, if that is possible; of several processes that measure, the last one's stays."""
    with suppress(OSError, RuntimeError):
        directory().mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, new = tempfile.mkstemp(dir=directory(), prefix=".new-")
        with os.fdopen(handle, "w") as file:
            json.dump(table, file, indent=1, sort_keys=True)
        os.replace(new, directory() / "tuning.json")
