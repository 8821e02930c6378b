"""What each option means, in a few words."""

from __future__ import annotations

import inspect
import re

from .own_meanings import OF_A_RULE
from .shared_meanings import SHARED


def meaning(cls: type, option: str) -> str | None:
    """Say what an option of a class means; None if nobody has said it.

    What is said of the class, or of one that it inherits from, comes first; then what the option means everywhere;
    then what the class's docstring says of it.
    """
    of_rule = (OF_A_RULE.get(f"{parent.__name__}.{option}") for parent in cls.__mro__)
    return next(filter(None, of_rule), None) or SHARED.get(option) or _told(cls, option)


def _told(cls: type, option: str) -> str | None:
    """Find the clause of a docstring that starts with an option's name."""
    text = " ".join((inspect.getdoc(cls) or "").split())
    found = re.search(rf"(?:^|[.;:)] |`[^`]*`, )`{option}`[:,]? (?:is |are |says )?([^;.]+)", text)
    return found[1].strip() if found else None
