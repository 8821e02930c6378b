"""Results that are read as SciPy's are: by attributes, and as a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


class Fields(Mapping[str, Any]):
    """A dataclass whose fields are found by their names, too."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __getitem__(self, name: str) -> Any:
        """Return a field by its name, as in SciPy's dict."""
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[str]:  # type: ignore[override]
        """Return the names of the fields."""
        return list(self.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Intermediate(Fields):
    """What SciPy hands to a callback whose only parameter is called `intermediate_result`."""

    x: Any
    fun: float
