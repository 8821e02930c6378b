"""An option as a class declares it: what it may be, and the one sentence for when it is not."""

import difflib
import inspect
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Literal, get_args, get_origin

import torch
from torch import Tensor

from ..annotations import evaluated
from ..described import described, shown
from .flags import is_among, is_flag
from .lists import Patterns as Patterns
from .lists import Threes as Threes
from .ranges import SMALLEST as SMALLEST
from .ranges import Fixed as Fixed
from .ranges import OneOf as OneOf
from .ranges import Range as Range
from .ranges import Several as Several
from .ranges import Whole as Whole

REQUIRED: Any = object()
"""The default of an option that has none."""

# torch.optim's words for what is wrong, which programs and tests look for.
TORCH_WORDS = {
    "lr": "learning rate: {value}",
    "eps": "epsilon value: {value}",
    "betas": "beta parameter at index {index}: {value}",
    "etas": "eta values: {both}",
}


@dataclass(frozen=True)
class Option:
    """A hyper-parameter as a class declares it: name, range, default. On an instance it reads the first group."""

    name: str
    rule: Range | Several | Threes | Patterns | OneOf | Fixed | type | None
    default: Any
    keyword_only: bool = False
    may_be_none: bool = False

    def __get__(self, instance: Any, owner: type) -> Any:
        return self.default if instance is None else instance.param_groups[0][self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        checked = self.check(value, type(instance).__name__)
        for group in instance.param_groups:
            group[self.name] = checked

    @property
    def is_switch(self) -> bool:
        """True for what is chosen and not tuned; versions that did not know it left it as it is by default."""
        return self.rule in (bool, str) or isinstance(self.rule, Fixed | OneOf | Whole | Patterns) or self.may_be_none

    @property
    def is_count(self) -> bool:
        """True for a whole number, as a number of blocks is."""
        return isinstance(self.rule, Whole)

    @property
    def is_required(self) -> bool:
        """True if it has no default."""
        return self.default is REQUIRED

    def settled(self, value: Any) -> Any:
        """Return what a loaded group has for an option: its own value, unless the class has decided."""
        return self.rule.value if isinstance(self.rule, Fixed) else value

    def check(self, value: Any, owner: str, where: str = "") -> Any:
        """Return the value as it is kept, or raise the sentence that says what is wrong with it.

        Raises TypeError for another kind of thing than a number, ValueError for a number out of range.
        """
        if self.rule is None or (value is None and self.may_be_none):
            return value
        if isinstance(self.rule, OneOf) and not is_among(value, self.rule.values):
            raise ValueError(
                f"{owner} needs {self.name} to be one of {_list(self.rule.values)}{where}, but got {shown(value)}"
            )
        if isinstance(self.rule, Range):
            is_plain = type(value) is float or (type(value) is int and value.bit_length() < 64)
            if is_plain and type(self.rule) is Range and value in self.rule:
                return value
            words = TORCH_WORDS.get(self.name, self.name + " value: {value}")
            return _number(value, self.rule, self.name, words.format(value=shown(_plain(value))), owner, where)
        if isinstance(self.rule, Several):
            return self._several(value, self.rule, owner, where)
        if isinstance(self.rule, Threes | Patterns):
            return self.rule.checked(value, self.name, owner, where)
        if isinstance(self.rule, Fixed) and value != self.rule.value:
            raise ValueError(
                f"{owner} always has {self.name}={self.rule.value}{where}, but got {shown(value)}: leave it out"
            )
        if self.rule is str and not isinstance(value, str):
            raise TypeError(f"{owner} needs {self.name} to be a str{where}, but got {described(value)}")
        if self.rule is bool and not is_flag(value):
            raise TypeError(f"{owner} needs {self.name} to be True or False{where}, but got {shown(value)}")
        return value

    def _several(self, value: Any, several: Several, owner: str, where: str) -> tuple[Any, ...]:
        if not isinstance(value, tuple | list | Tensor) or len(value) != len(several.ranges):
            raise TypeError(f"{owner} needs {self.name} to be {several.words}{where}, but got {shown(value)}")
        words = TORCH_WORDS.get(self.name, self.name + " values: {both}")
        plain = [_plain(item) for item in value]
        both = ", ".join(map(shown, plain))
        numbers = tuple(
            _number(
                value[index],
                allowed,
                f"{self.name}[{index}]",
                words.format(index=index, value=shown(plain[index]), both=both),
                owner,
                where,
            )
            for index, allowed in enumerate(several.ranges)
        )
        if several.ordered and numbers[0] > numbers[1]:
            raise ValueError(
                f"Invalid {self.name} values: {both}{where}, but {owner} needs {self.name}[0] to be at most "
                f"{self.name}[1]"
            )
        return numbers


def _plain(value: Any) -> Any:
    """Take a one-element tensor's number for a message."""
    return value.item() if isinstance(value, Tensor) and value.numel() == 1 and value.device.type == "cpu" else value


def _number(value: Any, allowed: Range, name: str, got: str, owner: str, where: str) -> Any:
    """Check one number; `got` is what to call it, with its value, in torch.optim's words."""
    if value is None and allowed.or_none:
        return None
    if isinstance(value, Tensor):
        _check_tensor(value, allowed, name, got, owner, where)
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{owner} needs {name} to be a number{where}, but got {type(value).__name__} {shown(value)}")
    if not _is_within(value, allowed):
        raise ValueError(f"Invalid {got}{where}, but {owner} needs {name} {allowed}")
    if isinstance(allowed, Whole):
        return value if isinstance(value, int) else int(float(value))
    return value if isinstance(value, int) else float(value)


def checked_number(owner: str, name: str, value: Any, allowed: Range) -> float:
    """Return a number that is no option of a group; raises TypeError for none, ValueError for one out of range."""
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{owner} needs {name} to be a number, but got {described(value)}")
    if not _is_within(value, allowed):
        raise ValueError(f"{owner} needs {name} {allowed}, but got {shown(value)}")
    return float(value)


def _is_within(value: Any, allowed: Range) -> bool:
    """Tell if a number is in a range; a whole number beyond all floats is in none."""
    try:
        return float(value) in allowed
    except OverflowError:
        return False


def _check_tensor(value: Tensor, allowed: Range, name: str, got: str, owner: str, where: str) -> None:
    """Check a number that is a tensor, and stays one."""
    if isinstance(allowed, Whole):
        raise TypeError(f"{owner} needs {name} to be {allowed}{where}, but got a Tensor: pass int(...) of it")
    if value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element{where}, but {owner} got one of shape {tuple(value.shape)}")
    if value.device.type == "meta":
        raise TypeError(f"{owner} needs {name} to be a number{where}, but got a Tensor on meta, which holds none")
    if value.is_complex() or value.dtype is torch.bool or value.layout != torch.strided:
        kind = value.dtype if value.layout == torch.strided else value.layout
        raise TypeError(
            f"{owner} needs {name} to be a number{where}, but got a Tensor of {kind}: pass float(...) of it"
        )
    # A number that lives on a device is not waited for.
    if value.device.type == "cpu" and float(value.detach()) not in allowed:
        raise ValueError(f"Invalid {got}{where}, but {owner} needs {name} {allowed}")


def declared(cls: Any) -> dict[str, Option]:
    """Read the fields that a class declares itself."""
    hints = _hints(cls)
    names = [name for name, hint in hints.items() if name != "params" and not _is_class_variable(hint)]
    keyword_only = names.index("_") if "_" in names else len(names)
    return {
        name: Option(
            name, _range(hints[name]), cls.__dict__.get(name, REQUIRED), place > keyword_only, _may_be_none(hints[name])
        )
        for place, name in enumerate(names)
        if name != "_"
    }


def _hints(cls: Any) -> dict[str, Any]:
    """Read the types of a class's own fields; raises TypeError for one whose name is nowhere."""
    hints = inspect.get_annotations(cls)
    module = getattr(sys.modules.get(cls.__module__), "__dict__", {})  # text that is run may belong to no module
    for name, hint in hints.items():
        try:
            hints[name] = evaluated(hint, module, vars(cls))
        except NameError as error:
            raise TypeError(
                f"{cls.__name__}.{name} is declared as {hint}, but {error.name!r} is not defined where the class is: "
                "import it there, and not for type checkers alone"
            ) from None
    return hints


def _may_be_none(hint: Any) -> bool:
    return type(None) in get_args(hint) and len(get_args(hint)) == 2


def _list(values: Iterable[Any]) -> str:
    return ", ".join(map(repr, values))


def _is_class_variable(hint: Any) -> bool:
    return hint is ClassVar or get_origin(hint) is ClassVar


def _range(hint: Any) -> Range | Several | Threes | Patterns | OneOf | Fixed | type | None:
    """Find what a field's type says of its values."""
    if get_origin(hint) is Literal:
        return Fixed(*get_args(hint)) if len(get_args(hint)) == 1 else OneOf(get_args(hint))
    if _may_be_none(hint):
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Range | Several | Threes | Patterns | OneOf):
            return mark
    if hint is str:
        return str
    return bool if hint is bool or bool in get_args(hint) else None


LIKE = 0.65
"""How alike a name must be to one that is known for that to be suggested: less has suggested `seed` for `is_paged`."""


def nearest(name: str, known: Iterable[str], listed: Iterable[str] = ()) -> str:
    """Add the nearest known name to a message, or a list of them where none is near."""
    plain = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), plain, n=1, cutoff=LIKE)
    return f": did you mean {plain[near[0]]!r}?" if near else f": it has {', '.join(listed or known)}"
