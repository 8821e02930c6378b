"""Names that are meant by others: spelled otherwise, or mistyped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

LIKELY, POSSIBLE = 0.8, 0.7
"""How alike names must be for several of them to be suggested, and for one."""

TELLING = 4
"""How many letters a name must have for longer ones that begin with it to be suggested."""


def plain(name: str) -> str:
    """Leave out what people write differently: capitals, spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]", "", name.casefold())


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest, as a clause, the names that are most like one that is unknown."""
    names = {plain(other): other for other in reversed(list(known))}
    before_options = plain(re.split("[(,:]", name)[0])
    if before_options in names:
        return f"write {names[before_options]} alone, and pass its options as keywords"
    *others, last = [names[guess] for guess in _guesses(plain(name), names)] or [""]
    listed = f"{', '.join(others)} or {last}" if others else last
    return f"did you mean {listed}?" if last else "'thalweg list --names' shows all"


def _guesses(name: str, names: Iterable[str]) -> list[str]:
    """List what a name may be mistyped for, or be the beginning of."""
    begun = [other for other in names if other.startswith(name)] if len(name) >= TELLING else []
    likely = get_close_matches(name, names, n=3, cutoff=LIKELY)
    return likely or sorted(begun, key=len)[:3] or get_close_matches(name, names, n=1, cutoff=POSSIBLE)
