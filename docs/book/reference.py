"""The reference of what is public and no optimizer: functions, methods, words of formulas, ranges."""

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import thalweg
from thalweg import Optimizer, formula, hyper
from thalweg.tools.showing.shared_meanings import SHARED

from .docstring import said
from .markdown import code, prose, table
from .options import allowed, options_table

TORCHS = {"lr_scheduler": "torch.optim's schedulers", "swa_utils": "torch.optim's averaged models"}
"""Modules that are torch's own, and only come along."""

PAGES_OF_THEIR_OWN = ("formula", "hyper", "Optimizer")
"""What the reference has a page for: words, ranges, and what every optimizer has."""


def pages() -> dict[str, str]:
    """Write every page of the reference, by its name."""
    return {
        "functions": functions_page(),
        "optimizer": optimizer_page(),
        "words": words_page(),
        "ranges": ranges_page(),
        "options": around_page(),
    }


def functions() -> dict[str, Callable[..., Any]]:
    """List what is public and can be called, and is no optimizer with a page of its own."""
    public = {name: getattr(thalweg, name) for name in thalweg.__all__}
    return {name: value for name, value in public.items() if callable(value) and not _is_optimizer(value)}


def modules() -> dict[str, ModuleType]:
    """List the public modules of this library that have no page of their own."""
    public = {name: getattr(thalweg, name) for name in thalweg.__all__ if name not in PAGES_OF_THEIR_OWN}
    return {name: value for name, value in public.items() if isinstance(value, ModuleType) and name not in TORCHS}


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Optimizer)


def functions_page() -> str:
    """Write a section for each public function and wrapper, and name modules, and what is torch's."""
    own = [f"- `thalweg.{name}`: {prose(_first_line(module))}" for name, module in modules().items()]
    theirs = [f"- `thalweg.{name}`: {what}, unchanged." for name, what in TORCHS.items()]
    end = "## Modules\n\n" + "\n".join([*own, *theirs])
    intro = (
        "What `import thalweg` has besides the optimizers that have pages of their own: first wrappers, which change "
        "what any optimizer does, and whose names have capital letters; then functions."
    )
    return _page("Wrappers and functions", intro, functions(), end)


def optimizer_page() -> str:
    """Write what every optimizer has, beside its options."""
    own = {name: value for name, value in vars(Optimizer).items() if _is_public(name, value)}
    text = "An optimizer is a `torch.optim.Optimizer`; this is what it has besides, or does in a way of its own.\n\n"
    return _page("What every optimizer has", text + _said(Optimizer), dict(sorted(own.items(), key=_called_last)))


def _called_last(member: tuple[str, Any]) -> bool:
    return member[0] in CALLED_BY_THE_LIBRARY


CALLED_BY_THE_LIBRARY = ("that_take", "check", "only")
"""Methods of every optimizer that its users seldom call: they come last."""


def words_page() -> str:
    """Write the words of formulas, and what may stand behind a state's name."""
    words = {name: getattr(formula, name) for name in formula.__all__}
    said = [
        (code(f"{name}{_arguments(word)}"), prose(_first_line(word))) for name, word in words.items() if _is_word(word)
    ]
    others = [(code(name), prose(_mark(name))) for name, word in words.items() if not _is_word(word)]
    return "\n\n".join(
        [
            "# Words of formulas",
            "`from thalweg.formula import sqrt, where`: each word takes tensors, symbols or plain numbers.",
            table(("word", "meaning"), said),
            "## Marks of states, and other names",
            table(("name", "meaning"), others) + "\n",
        ]
    )


def _is_word(value: Any) -> bool:
    return inspect.isfunction(value)


def _mark(name: str) -> str:
    """Say what a name means that is no word; raises ValueError if nobody has said it."""
    noted = [note for note in getattr(getattr(formula, name), "__metadata__", ()) if isinstance(note, str)]
    if name not in MARKS and not noted:
        raise ValueError(f"thalweg.formula.{name} has no meaning: add a row to MARKS in docs/book/reference.py")
    return MARKS.get(name) or noted[0]


MARKS = {
    "Scalar": "a state that is one number for the whole parameter",
    "Unsigned": "a state that is never negative: formats of 8 and 4 bits then need no sign",
    "Rows": "a state that has one number for each row",
    "Columns": "a state that has one number for each column",
    "Left": "a state that is a square matrix with a side for each row",
    "Right": "a state that is a square matrix with a side for each column",
    "Copy": "a state that starts as a copy of the parameter",
    "COEFFICIENTS": "coefficients of Newton and Schulz's iteration that have a name",
    "Sides": "which dimensions of a parameter are rows, and which are columns",
}
"""What is written after a state's name, and other things that are no functions."""


def ranges_page() -> str:
    """Write the types that a field may have."""
    rows = [(code(name), allowed(hyper.Option(name, rule, None))) for name, rule in ranges().items()]
    kinds = [(code(kind.__name__), prose(_first_line(kind))) for kind in KINDS]
    intro = "`from thalweg.hyper import NonNegative, Betas`: the type of a field is the range of an option."
    more = "For a range of your own write `Annotated[float, Range(0, 2)]` with one of these:"
    literal = '`bool` is a switch, `Literal["a", "b"]` one of a few values, and `X | None` may also be left out.'
    return (
        f"# Ranges of options\n\n{intro}\n\n{table(('type', 'range'), rows)}\n\n{literal} {more}\n\n"
        f"{table(('mark', 'meaning'), kinds)}\n"
    )


KINDS = (hyper.Range, hyper.Whole, hyper.Several, hyper.OneOf, hyper.Fixed, hyper.Threes, hyper.Patterns)


def ranges() -> dict[str, Any]:
    """List the types with a range that `thalweg.hyper` has."""
    return {
        name: mark
        for name, value in vars(hyper).items()
        for mark in getattr(value, "__metadata__", ())
        if isinstance(mark, KINDS)
    }


def around_page() -> str:
    """Write the options that are put around every formula."""
    shared = {**Optimizer.options, **Optimizer.around}
    assert shared.keys() <= SHARED.keys()
    intro = (
        "These options are the same for every optimizer that is a formula, and are given by name. What they cost and "
        "how they combine is told in [precision](../precision.md)."
    )
    return f"# Options of every optimizer\n\n{intro}\n\n{options_table(Optimizer, list(shared.values()))}\n"


def _page(title: str, intro: str, members: Mapping[str, Any], end: str = "") -> str:
    sections = "\n\n".join(_sections(members))
    return "\n\n".join(filter(None, (f"# {title}", intro, sections, end))) + "\n"


def _sections(members: Mapping[str, Any]) -> Iterator[str]:
    for name, member in members.items():
        call = f"{name}{_arguments(member)}"
        yield f"## `{name}`\n\n```py\n{textwrap.fill(call, 100, subsequent_indent='    ')}\n```\n\n{_said(member)}"


def _is_public(name: str, value: Any) -> bool:
    is_method = inspect.isfunction(value) or isinstance(value, classmethod | property)
    return is_method and not name.startswith("_") and bool(_doc(value))


def _doc(member: Any) -> str:
    return inspect.getdoc(member) or ""


def _said(member: Any) -> str:
    options = inspect.signature(member).parameters if inspect.isclass(member) or inspect.isfunction(member) else ()
    return said(_doc(member), options)


def _first_line(member: Any) -> str:
    return _doc(member).partition("\n\n")[0].replace("\n", " ")


def _arguments(member: Any) -> str:
    """Write what is to be given; a property takes nothing."""
    if isinstance(member, property):
        return ""
    function = member.__func__ if isinstance(member, classmethod) else member
    given = inspect.signature(function).parameters.values()
    return f"({', '.join(_argument(one) for one in given if one.name not in ('self', 'cls'))})"


def _argument(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = "" if parameter.default is inspect.Parameter.empty else f"={_value(parameter.default)}"
    return f"{stars}{parameter.name}{default}"


def _value(value: Any) -> str:
    """Write a default as one would type it: a class or a function by its name."""
    return str(getattr(value, "__name__", repr(value)))
