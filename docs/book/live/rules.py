"""Optimizers as JavaScript: the formula of each, under whatever its controls can be set to."""

import json
from collections.abc import Container, Iterable, Mapping
from functools import cache
from typing import Any

import torch

import thalweg
from thalweg import Optimizer
from thalweg.engine.javascript.render import why_not
from thalweg.engine.javascript.rule import conditions, rule_object
from thalweg.engine.javascript.text import library
from thalweg.engine.javascript.variants import Variant, variants

from ..catalogue import catalogue
from ..options import own_options
from ..traced import required
from .controls import controls, settings
from .shortened import shortened

SHAPES = (2,), (4, 3)
"""The shapes of what is optimized on pages: a point in the plane, and a small matrix."""

MOST = 8
"""Formulas of one optimizer at most: options beyond stay as they are, and have no control."""


def text(classes: Iterable[type[Optimizer]]) -> str:
    """Write what pages know of some optimizers, and what all of them need."""
    rules: dict[str, int] = {}
    entries = ",\n".join(f"{json.dumps(cls.__name__)}: {_entry(cls, rules)}" for cls in classes)
    known = ",\n".join(rules)
    return f"{library()}\nconst RULES = [\n{known}\n]\n\nconst OPTIMIZERS = {{\n{entries}\n}}\n"


@cache
def live() -> list[type[Optimizer]]:
    """List the optimizers whose formula can be shown at work."""
    return [cls for cls in catalogue() if hasattr(cls, "update") and torch.strided in cls.layouts and _is_promised(cls)]


def _is_promised(cls: type[Optimizer]) -> bool:
    """Tell if a point in the plane has a step with the kernel's bits, under the default options."""
    return any(_has_bits(variant) for variant in variants(cls, torch.zeros(SHAPES[0]), {}, required(cls), 1))


def _has_bits(variant: Variant) -> bool:
    return why_not(variant.choice.program, dict(variant.choice.dtypes)) is None


def _entry(cls: type[Optimizer], rules: dict[str, int]) -> str:
    """Write what a page knows of an optimizer; rules that are there already are shared."""
    moved = _moved(cls)
    own = [control for control in controls(cls) if control["name"] in moved]
    own = [{name: value for name, value in control.items() if name != "meaning"} for control in own]
    optional = {control["name"] for control in own if control.get("none")}
    variants = ",".join(dict.fromkeys(_variant(variant, moved, optional, rules) for variant in _formulas(cls)))
    members = {
        "name": json.dumps(cls.__name__),
        "toy": json.dumps("plane"),
        "controls": _json(own),
        "defaults": _json(_defaults(cls)),
        "remembers": _json(remembers(cls)),
        "keepsRate": json.dumps(bool(cls.learned)),
        "observesEvery": "1" if cls is thalweg.AdaHessian else "10",
        "sees": json.dumps("root" if cls is thalweg.SophiaG else "diagonal"),
        "variants": f"[{variants}]",
    }
    return "{" + ",".join(f"{name}:{text}" for name, text in members.items()) + "}"


def _variant(variant: Variant, moved: Container[str], optional: Container[str], rules: dict[str, int]) -> str:
    """Write when a formula is the one that options select, and which of all it is."""
    rule = shortened(rule_object(variant.choice))
    fits = conditions(variant.choice.program.formula, moved, optional)
    return f"{{fits:(self,state)=>{fits},rule:{rules.setdefault(rule, len(rules))}}}"


@cache
def _moved(cls: type[Optimizer]) -> frozenset[str]:
    """Name the options that can be moved: as many of those that select a formula as there are formulas for."""
    chosen: dict[str, tuple[Any, ...]] = {}
    for name, values in settings(cls).items():
        if len(_found(cls, SHAPES[0], chosen | {name: values})) <= MOST:
            chosen[name] = values
    return frozenset(chosen) | {control["name"] for control in controls(cls) if "index" in control}


def _formulas(cls: type[Optimizer]) -> list[Variant]:
    """Find the formulas of both shapes."""
    chosen = {name: values for name, values in settings(cls).items() if name in _moved(cls)}
    return [variant for shape in SHAPES for variant in _found(cls, shape, chosen) if _has_bits(variant)]


def _found(cls: type[Optimizer], shape: tuple[int, ...], chosen: Mapping[str, tuple[Any, ...]]) -> list[Variant]:
    return variants(cls, torch.zeros(shape), chosen, required(cls), MOST)


def _defaults(cls: type[Optimizer]) -> dict[str, Any]:
    """Give the options, as far as JSON has a word for them."""
    values = {option.name: option.default for option in own_options(cls)}
    return {name: value for name, value in (values | required(cls)).items() if _is_plain(value)}


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def remembers(cls: type[Optimizer]) -> dict[str, str | None]:
    """Name the state that is drawn as an arrow, and the one that is drawn as an ellipse."""
    rule = cls.rule
    elements = [name for name in rule.states if rule.scope(name) == "element" and name not in rule.copies]
    squares = [name for name in elements if name in rule.unsigned]
    means = [name for name in elements if name not in rule.unsigned and name in MOMENTA]
    return {"momentum": next(iter(means), None), "squares": next(iter(squares), None)}


MOMENTA = ("exp_avg", "momentum_buffer", "exp_avg_grad", "first_momentum")
"""The states that are running means or sums of gradients."""
