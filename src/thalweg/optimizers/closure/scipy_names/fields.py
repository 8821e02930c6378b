"""Results that are read as SciPy's are: by attributes, and as a mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from ....state.interrupts import keeping_grad_mode

Later = Mapping[str, Callable[[], Any]]
"""Fields that cost something, as functions that compute them."""


@dataclass(frozen=True, repr=False, eq=False)
class Fields(Mapping[str, Any]):
    """A dataclass whose fields are found by their names, too; those of `later` are computed when first asked for.

    A copy by pickle has only what was computed.
    """

    later: Later = field(default_factory=dict, kw_only=True)
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __getattr__(self, name: str) -> Any:
        """Return a field that has to be computed, and keep it."""
        compute = self.__dict__.get("later", {}).get(name)
        if compute is None:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}, but {', '.join(self.keys())}")
        self.__dict__[name] = keeping_grad_mode(compute)()
        return self.__dict__[name]

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

    def computed(self, *names: str) -> Self:
        """Return the same result, some of its fields computed now."""
        for name in names:
            getattr(self, name)
        return self

    def keys(self) -> list[str]:  # type: ignore[override]
        """Return the names of the fields."""
        known = [name for name in self.__dict__ if name != "later"]
        return list(dict.fromkeys([*known, *self.__dict__.get("later", {})]))

    def __dir__(self) -> list[str]:
        return self.keys()

    def __repr__(self) -> str:
        """Return a line for each field; none is computed for that."""
        width = max(map(len, self.keys())) + 1
        rows = [(name, self.__dict__[name]) for name in self.keys() if name in self.__dict__]
        lines = [f"{name:>{width}}: {indented(value, width + 2)}" for name, value in rows]
        waiting = [name for name in self.keys() if name not in self.__dict__]
        return "\n".join([*lines, *(f"{name:>{width}}: computed when asked for" for name in waiting)])

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"later": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def indented(value: Any, width: int) -> str:
    """Return a value as it is printed, its lines one below the other."""
    return str(value).replace("\n", "\n" + " " * width)
