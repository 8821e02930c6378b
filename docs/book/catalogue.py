"""Every optimizer that has a page, and the file that its page is in."""

import re

import thalweg
from thalweg import Optimizer


def catalogue() -> list[type[Optimizer]]:
    """List every optimizer once, in alphabetical order."""
    found = {value for value in vars(thalweg).values() if isinstance(value, type) and issubclass(value, Optimizer)}
    return sorted(found - {Optimizer}, key=lambda cls: cls.__name__.lower())


def file_name(cls: type[Optimizer]) -> str:
    """Name an optimizer's page: words in small letters, for file systems that do not tell letters apart."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()
