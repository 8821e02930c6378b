"""A mistake in a formula, in one sentence: its line, what is wrong, and the word that there is for it."""

from __future__ import annotations

import difflib
import linecache
import operator
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ...described import described
from .foreign_words import CALLS, INSTEAD, OF_TENSORS, OPERATORS, PYTHONS
from .ops import WORDS


def no_word(name: str) -> str:
    """Say that something is not among the words of formulas, and what is there for it."""
    stem = name.rpartition(".")[2].strip("_")
    if stem in WORDS:
        return f"{name} cannot see into a formula: write {CALLS.get(stem, f'{stem}(x)')}, from thalweg.formula"
    if stem in INSTEAD:
        return f"{name} cannot see into a formula: write {INSTEAD[stem]}"
    if stem in OF_TENSORS:
        return f"formulas have no {name}, as a formula is the same for all tensors: leave it out"
    near = difflib.get_close_matches(stem, [*WORDS, *INSTEAD], n=1)
    told = f"did you mean {INSTEAD.get(near[0], near[0])}?" if near else f"there are + - * /, {', '.join(WORDS)}"
    return f"formulas have no {name}, whose last bits would depend on the machine: {told}"


def no_number(value: Any) -> str:
    """Say that something is no number, and none of what a formula is given."""
    got = described(value)
    return f"a formula takes numbers and its own arguments, but got {got}: keep it in a state, or declare an option"


def no_power(base: Any, exponent: Any) -> str:
    """Say that elements are raised by `**`, or are an exponent of it, and what is there for it."""
    if not base.varies:
        instead = "exp(y * log(a)) for a number a and an element y"
    elif exponent.varies:
        instead = "power_of_element(x, y), with y above zero"
    else:
        instead = "x * x, sqrt(x), or power_of_element(x, p) with p above zero, and 1 divided by it for the power -p"
    return f"power works on numbers only (its result on tensors depends on the machine): write {instead}"


def undecided(name: str) -> str:
    """Say that a Python `if` asks for what a kernel will know."""
    return (
        f"a Python `if` cannot depend on {name!r}, which is not known while the formula is traced: use "
        "where(condition, a, b), & and | for `and` and `or`, maximum and minimum for max and min"
    )


def misused(name: str) -> str:
    """Say why conditions cannot meet an operation."""
    if name.startswith("shift_"):
        return "<< and >> are for bits, but got numbers: write a * 2**n for a << n, and floor(a / 2**n) for a >> n"
    if name.startswith("bit_"):
        return "& and | are for conditions on both sides: write (a > 0) & (b > 0), with parentheses"
    if name == "invert":
        return "~ negates conditions of elements, but got one of numbers: write the opposite, as a <= 0 for ~(a > 0)"
    return f"{name} is for numbers, but got a condition: write where(condition, x, 0 * x), with numbers in it"


class Opaque:
    """What Python, torch and NumPy do to numbers and arrays, and cannot do to what formulas are made of."""

    if not TYPE_CHECKING:  # for type checkers, what is not there is not there

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name if name.startswith("__") else no_word(f".{name}"))

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        """Refuse what torch would do to tensors."""
        raise TypeError(_foreign("torch", function.__name__, arguments))

    def __array_ufunc__(self, function: Any, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Compute with a single number of NumPy's as with Python's; refuse what NumPy would do to arrays."""
        operate = getattr(operator, OPERATORS.get(function.__name__, ""), None)
        if operate is None or not any(map(_is_single, arguments)):
            raise TypeError(_foreign("np", function.__name__, arguments))
        return operate(*(argument.item() if _is_single(argument) else argument for argument in arguments))

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        """Refuse what NumPy would do to arrays, beside the operations of single numbers."""
        raise TypeError(_foreign("np", function.__name__, arguments))

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("an array cannot see into a formula, which is of one element: leave np.array out")

    def __format__(self, form: str) -> str:
        if form:
            raise TypeError(_unknown_yet("a number", "formatting"))
        return str(self)

    def __float__(self) -> float:
        raise TypeError(_unknown_yet("a number"))

    def __index__(self) -> int:
        raise TypeError(_unknown_yet("a whole number"))

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("a formula is of one element, which has no parts to take: total(x) sums over all of them")


def _refusing(shown: str, instead: str) -> Callable[..., Any]:
    """Make the method that refuses what Python would do."""

    def refuse(*_: Any) -> Any:
        raise TypeError(f"formulas have no {shown}: write {instead}")

    return refuse


for _name, _words in PYTHONS.items():
    setattr(Opaque, _name, _refusing(*_words))


def _foreign(module: str, name: str, arguments: Iterable[Any]) -> str:
    """Say that a function of torch's or NumPy's met what a formula is made of."""
    if any(type(argument).__module__ == "torch" for argument in arguments):
        return "a formula takes numbers and its own arguments, but got a tensor: keep it in a state, or take its item()"
    if any(type(argument).__name__ == "ndarray" for argument in arguments):
        return "a formula takes numbers and its own arguments, but got an array: keep it in a state, or take its item()"
    return no_word(f"{module}.{name}")


def _is_single(value: Any) -> bool:
    """Tell if a value is one number of NumPy's."""
    return type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()


OF_PYTHON = "range() and math's functions"
"""What asks for numbers without saying its name."""


def _unknown_yet(what: str, who: str = OF_PYTHON) -> str:
    """Say that a number is asked for that may be another one in each step."""
    verb = "needs" if who == "formatting" else "need"
    return (
        f"{who} {verb} {what}, but what a formula is given is not known while it is traced: "
        "use the words of thalweg.formula, and declare what never changes as name: ClassVar[int] = 3"
    )


IN_A_FORMULA = "is_in_a_formula"
"""What tells a mistake in a formula, which is the user's, from one of the library's own, whatever its type."""


@contextmanager
def in_one_sentence(owner: Any, text: Callable[..., Any]) -> Iterator[None]:
    """Let what goes wrong in a formula be told with its line; the error keeps its type where it can."""
    try:
        yield
    except Exception as error:
        place = _place(error.__traceback__)
        if place is None:
            raise
        sentence = f"{owner.__name__}.update, {place}: {_of_math(str(error), place) or _reason(error)}"
        kind = type(error) if type(error).__module__ == "builtins" else TypeError
        made = _made(kind, sentence)
        vars(made)[IN_A_FORMULA] = True
        raise made from None


def _made(kind: type[Exception], sentence: str) -> Exception:
    # A KeyError would show the sentence in quotes, and some errors want more than that.
    is_odd = kind in (KeyError, StopIteration, UnicodeDecodeError, UnicodeEncodeError)
    return TypeError(sentence) if is_odd else kind(sentence)


def _place(traceback: TracebackType | None) -> str | None:
    """Find the innermost line that is the formula's own, or of what it calls, and no library's."""
    found = None
    while traceback is not None:
        if _is_own(traceback.tb_frame.f_globals.get("__name__", "")):
            found = traceback
        traceback = traceback.tb_next
    if found is None:
        return None
    source = linecache.getline(found.tb_frame.f_code.co_filename, found.tb_lineno, found.tb_frame.f_globals).strip()
    return f"line {found.tb_lineno}" + (f", `{source}`" if source else "")


def _is_own(module: str) -> bool:
    first, _, rest = module.partition(".")
    if first == "thalweg":
        return rest.startswith("optimizers.")
    return first not in ("torch", "numpy") and first not in sys.stdlib_module_names


def _of_math(said: str, place: str) -> str:
    """Say what to write for the one function of math's in a line that wants a number; empty if that is not told."""
    functions = set(re.findall(r"\b(?:math|cmath)\.(\w+)\(", place))
    return no_word(f"math.{functions.pop()}") if said.startswith(OF_PYTHON) and len(functions) == 1 else ""


def _reason(error: Exception) -> str:
    if isinstance(error, NameError) and error.name in WORDS:
        return f"{error.name!r} is not defined: from thalweg.formula import {error.name}"
    if isinstance(error, NameError) and error.name in INSTEAD:
        return f"{error.name!r} is not defined: write {INSTEAD[error.name]}"
    if isinstance(error, NameError) and error.name:
        return f"{error.name!r} is not defined{_nearest(error.name, WORDS)}"
    return str(error) or type(error).__name__


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""
