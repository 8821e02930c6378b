"""How an optimizer shows itself: what differs from its defaults, in text, in a notebook, and as a formula."""

from __future__ import annotations

import inspect
import sys
from abc import ABCMeta
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, ClassVar

from torch import Tensor

from ..described import counted
from ..formula.rule.facts import known
from ..formula.tracing.latex import latex
from ..formula.tracing.trace import formula_of
from ..hyper import REQUIRED, Option, is_among

BRIEF = {"step"}
"""What `help` lists of a class, whose docstring names the rest; all else is there as before."""


class Brief(ABCMeta):
    """Lets `help(Adam)` fit a screen; a kind of ABCMeta, so that a class may also have an abstract base."""

    def __dir__(cls) -> Iterable[str]:
        every = super().__dir__()
        # `help` asks so. Whoever else asks, as `dir` and mocks do, is told of all there is.
        is_help = sys._getframe(1).f_code is inspect.classify_class_attrs.__code__
        return BRIEF.intersection(every) if is_help else every


class Shown(metaclass=Brief):
    """What every optimizer prints: its groups, each with its rate and the options that are not the defaults."""

    param_groups: list[dict[str, Any]]
    options: ClassVar[Any]

    def metrics_by_parameter(self) -> dict[str, dict[str, float]]:
        """Say what `track=True` has measured of each parameter in the last step.

        Returns `grad_norm` and `update_to_weight` as in `metrics`, for each parameter by its name; without names, by
        the numbers of its group and its place there, as "0.3". Parameters without a gradient are left out, and so are
        sharded ones, of which a process knows only its part. On a GPU this waits for the device.

        Raises RuntimeError if no group has `track=True`.
        """
        if not any(group.get("track") for group in self.param_groups):
            raise RuntimeError(
                f"{type(self).__name__}.metrics_by_parameter needs track=True, which measures every step: pass it to "
                "the optimizer"
            )
        found: dict[str, dict[str, float]] = vars(self)["_metrics"].of_each(_named(self.param_groups))
        return found

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for place, group in enumerate(self.param_groups):
            lines += [f"Parameter Group {place}", *(f"    {line}" for line in _lines(self.options, group))]
        return "\n".join([*lines, ")"])

    def _repr_html_(self) -> str:
        """Show a table of the groups in a notebook."""
        rows = "".join(
            f"<tr><td>{place}</td><td>{_count(group)}</td><td>{escape(', '.join(lines))}</td></tr>"
            for place, (group, lines) in enumerate((group, _lines(self.options, group)) for group in self.param_groups)
        )
        head = "<tr><th>group</th><th>parameters</th><th>options</th></tr>"
        return f"<b>{escape(type(self).__name__)}</b><table>{head}{rows}</table>"

    def _repr_latex_(self) -> str | None:
        """Show the formula that the first parameter follows, under its options; None where there is no formula."""
        group = next((group for group in self.param_groups if group["params"]), None)
        if group is None or not hasattr(type(self), "rule"):
            return None
        owner: Any = type(self)
        lines = latex(formula_of(owner.rule_in(group), known(owner, group["params"][0], group)))
        return r"$$\begin{gathered}" + r" \\ ".join(lines) + r"\end{gathered}$$"


def _lines(options: Mapping[str, Option], group: Mapping[str, Any]) -> Iterator[str]:
    """Write the rate, and each option that is not the default, by name; then what schedulers and users have added."""
    for name in sorted(options):
        if name in group and (name == "lr" or _differs(group[name], options[name].default)):
            yield f"{name}: {_written(group[name])}"
    for name in sorted(group.keys() - options.keys() - {"params", "param_names"}):
        yield f"{name}: {_written(group[name])}"


def _differs(value: Any, default: Any) -> bool:
    """Tell if an option was given: a tensor always was."""
    if isinstance(value, Tensor):
        return True
    both = [tuple(one) if isinstance(one, list) else one for one in (value, default)]
    return default is REQUIRED or (type(value) is bool and value is not default) or not is_among(both[0], [both[1]])


def _written(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) and value == float(f"{value:.6g}") else f"{value}"


def _named(groups: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Tensor]]:
    """Walk over all parameters with their names, or their places."""
    for place, group in enumerate(groups):
        names = group.get("param_names") or [f"{place}.{index}" for index in range(len(group["params"]))]
        yield from zip(names, group["params"], strict=True)


def _count(group: Mapping[str, Any]) -> str:
    params = group["params"]
    return f"{len(params)} ({counted(sum(param.numel() for param in params), 'number')})"
