"""Lists that are to have the members that they had: by their addresses, where Python keeps these, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import string_at
from operator import is_
from typing import Any

from .llvm.looking import inside_tensors

FEW = 64
"""Objects that are compared one by one in less time than it takes to ask for all their addresses."""


class KnownObjects:
    """What a list had, to compare with; it is kept alive, so that nothing else can have its address."""

    def __init__(self, found: Sequence[Any]) -> None:
        self.found, self.known = found, list(found)
        is_long = len(self.known) > FEW
        self.addresses = inside_tensors.items(self.known) if is_long and inside_tensors.is_possible() else None
        self.place = inside_tensors.place_of_items(found) if self.addresses and type(found) is list else None
        """Where the very list that was given has the address of its members."""

    def are(self, found: Sequence[Any]) -> bool:
        """Tell if a list has these very objects, in this order."""
        if len(found) != len(self.known):
            return False
        if self.addresses is None or type(found) is not list:
            return all(map(is_, found, self.known))
        place = self.place if found is self.found else None
        if place is None:
            return bool(inside_tensors.items(found) == self.addresses)
        return bool(string_at(place.value, len(self.addresses)) == self.addresses)
