"""Optimizers as JavaScript: the formula of each, under whatever its controls can be set to."""

import json
import re
from collections.abc import Container, Iterable, Mapping
from functools import cache
from string import ascii_lowercase, digits
from typing import Any

import torch

import thalweg
from thalweg import Optimizer
from thalweg.beyond_gradients.with_samples import WithSamples
from thalweg.engine.javascript.matrices import matrix_rule, operations
from thalweg.engine.javascript.render import why_not
from thalweg.engine.javascript.rule import conditions, rule_object
from thalweg.engine.javascript.text import JAVASCRIPT, library
from thalweg.engine.javascript.variants import Variant, in_phases, phases_of, variants
from thalweg.formula.graph.expr import walk

from ..catalogue import catalogue
from ..traced import required
from .controls import controls, settings
from .shortened import SHORT_WORDS, shortened, with_plain_flags, without_double_brackets

PLANE, MATRIX = (2,), (4, 3)
"""The shapes of what is optimized on pages: a point in the plane, and a small matrix."""

DIGITS = digits + ascii_lowercase
"""How phases are counted: of each step, one letter says which one it is."""

STEPS = 100
"""The steps of a run."""

ADAMS = '{momentum:"exp_avg",squares:"exp_avg_sq"}'
"""What most rules remember, which is drawn."""

WRITTEN_OUT = f"""const COMMON = {{ toy: "plane", remembers: {ADAMS} }}
for (const [name, one] of Object.entries(OPTIMIZERS))
  OPTIMIZERS[name] = {{ name, ...COMMON, ...one, controls: one.controls.map(place => CONTROLS[place]) }}"""
"""Gives each optimizer what is not said again and again: its name, the plane, Adam's states, and its controls by place
among all of them."""

MOST_OPERATIONS = 120
"""Of one formula: every page loads all of them, and a power of elements, or noise, is alone as long as ten others."""

MOST, LONGEST = 8, {PLANE: 2800, MATRIX: 2400}
"""Formulas of one optimizer, and letters of them, at most: options beyond stay as they are, and have no control."""


def text(classes: Iterable[type[Optimizer]]) -> str:
    """Write what pages know of some optimizers, and what all of them need."""
    rules: dict[str, int] = {}
    shared: dict[str, int] = {}
    entries = ",\n".join(f"{json.dumps(cls.__name__)}: {_entry(cls, rules, shared)}" for cls in classes)
    matrices = f"{(JAVASCRIPT / 'matrices.js').read_text()}\n{operations()}"
    begin = f"{library()}\n{matrices}\n{SHORT_WORDS}"
    tables = f"const RULES = {_listed(rules)}\n\nconst CONTROLS = {_listed(shared)}\n"
    return f"{begin}\n{tables}\nconst OPTIMIZERS = {{\n{entries}\n}}\n{WRITTEN_OUT}\n"


def _listed(texts: Iterable[str]) -> str:
    return "[\n" + ",\n".join(texts) + "\n]"


@cache
def live() -> list[type[Optimizer]]:
    """List the optimizers whose formula can be shown at work."""
    shown = [cls for cls in catalogue() if hasattr(cls, "update") and torch.strided in cls.layouts and not cls.surveys]
    return [cls for cls in shown if _operations(cls) <= MOST_OPERATIONS and not _draws(cls)]


def _draws(cls: type[Optimizer]) -> bool:
    """Tell if a formula, or the points that its gradients are taken at, ask for random numbers: a page has none."""
    [first, *_] = _found(cls, MATRIX, {})
    return bool(first.choice.program.formula.draws) or issubclass(cls, WithSamples)


def _operations(cls: type[Optimizer]) -> int:
    """Count what a formula computes, in its longest phase."""
    [first, *_] = _found(cls, MATRIX, {})
    return max(sum(1 for _ in walk(*each.program.stores.values())) for each in in_phases(first).values())


@cache
def why_no_bits(cls: type[Optimizer]) -> str | None:
    """Say why no kernel's bits are promised for what a rule does with matrices: it is then shown on a small one."""
    [first, *_] = _found(cls, MATRIX, {})
    return why_not(first.choice.program, dict(first.choice.dtypes))


def is_for_matrices(cls: type[Optimizer]) -> bool:
    """Tell if a rule is shown on a matrix."""
    return why_no_bits(cls) is not None


def _has_bits(variant: Variant) -> bool:
    return all(why_not(choice.program, dict(choice.dtypes)) is None for choice in in_phases(variant).values())


def _entry(cls: type[Optimizer], rules: dict[str, int], shared: dict[str, int]) -> str:
    """Write what a page knows of an optimizer; rules and controls that are there already are shared."""
    moved = _moved(cls)
    own = [control for control in controls(cls) if control["name"] in moved]
    optional = {control["name"] for control in own if control.get("none")}
    drawn = _json({kind: name for kind, name in remembers(cls).items() if name})
    variants = ",".join(dict.fromkeys(_variant(variant, moved, optional, rules) for variant in _formulas(cls)))
    members = {
        **({"toy": '"matrix"'} if is_for_matrices(cls) else {}),
        "controls": _json([shared.setdefault(_json(control), len(shared)) for control in own]),
        "defaults": _json(_defaults(cls)),
        **({"remembers": drawn} if drawn != ADAMS else {}),
        **({"keepsRate": "true"} if cls.learned else {}),
        **_of_curvature(cls),
        **(_of_phases(cls) if cls.phases else {}),
        "variants": f"[{variants}]",
        **(_of_matrices(cls) if is_for_matrices(cls) else {}),
    }
    return "{" + ",".join(f"{name}:{text}" for name, text in members.items()) + "}"


def _of_curvature(cls: type[Optimizer]) -> dict[str, str]:
    """Say every how many steps a rule sees the Hessian, and how: one sees gradients that have it as their squares."""
    if not hasattr(cls, "observe"):
        return {}
    every = 1 if getattr(cls, "needs_hessian", False) else 10
    return {"observesEvery": str(every), "sees": json.dumps("root" if cls is thalweg.SophiaG else "diagonal")}


def _of_phases(cls: type[Optimizer]) -> dict[str, str]:
    """Say which phase each step is."""
    options = {name: option.default for name, option in cls.options.items()}
    places = "".join(DIGITS[cls.phases.index(phase)] for phase in phases_of(cls, options, STEPS))
    return {"phases": _json(cls.phases), "phase": _json(places)}


def _of_matrices(cls: type[Optimizer]) -> dict[str, str]:
    """Say how many columns the states have that have few."""
    options = {name: option.default for name, option in cls.options.items()}
    return {"directions": str(cls.directions(*MATRIX, options))}


def _variant(variant: Variant, moved: Container[str], optional: Container[str], rules: dict[str, int]) -> str:
    """Write which of all rules a formula is, and when options select it."""
    fits = conditions(variant.choice.program.formula, moved, optional).replace("self.", "S.").replace("state.", "P.")
    arguments = "(S,P)" if "P." in fits else "S"
    test = without_double_brackets(f"{arguments}=>{with_plain_flags(fits)}") if fits != "true" else "()=>true"
    return f"[{rules.setdefault(_rule(variant), len(rules))},{test}]"


def _rule(variant: Variant) -> str:
    """Write a formula as short as may be."""
    return shortened((rule_object if _has_bits(variant) else matrix_rule)(in_phases(variant)))


@cache
def _moved(cls: type[Optimizer]) -> frozenset[str]:
    """Name the options that can be moved: as many of those that select a formula as there are formulas for."""
    chosen: dict[str, tuple[Any, ...]] = {}
    shape = _shapes(cls)[0]
    for name, values in settings(cls).items():
        found = _found(cls, shape, chosen | {name: values})
        is_new = len(found) > len(_found(cls, shape, chosen))
        if not is_new or (len(found) <= MOST and sum(len(_rule(variant)) for variant in found) <= LONGEST[shape]):
            chosen[name] = values
    return frozenset(chosen) | {control["name"] for control in controls(cls) if "index" in control}


def _shapes(cls: type[Optimizer]) -> tuple[tuple[int, ...], ...]:
    """Give the shapes that a rule is shown on, or compared on."""
    return (MATRIX,) if is_for_matrices(cls) else (PLANE, MATRIX)


def _formulas(cls: type[Optimizer]) -> list[Variant]:
    """Find the formulas of all shapes."""
    chosen = {name: values for name, values in settings(cls).items() if name in _moved(cls)}
    return [variant for shape in _shapes(cls) for variant in _found(cls, shape, chosen)]


def _found(cls: type[Optimizer], shape: tuple[int, ...], chosen: Mapping[str, tuple[Any, ...]]) -> list[Variant]:
    return _once(cls, shape, tuple(chosen.items()))


@cache
def _once(
    cls: type[Optimizer], shape: tuple[int, ...], chosen: tuple[tuple[str, tuple[Any, ...]], ...]
) -> list[Variant]:
    return variants(cls, torch.zeros(shape), dict(chosen), required(cls), MOST)


def _defaults(cls: type[Optimizer]) -> dict[str, Any]:
    """Give the options that are the rule's own, or otherwise than usual, as far as JSON has a word for them."""
    usual = {name: option.default for name, option in (Optimizer.options | Optimizer.around).items()}
    values = {name: option.default for name, option in cls.options.items() if option.default != usual.get(name, cls)}
    return {name: value for name, value in (values | required(cls)).items() if _is_plain(value)}


def _json(value: Any) -> str:
    """Write a value as JavaScript has it: names of members are no texts, numbers as short as may be."""
    told = re.sub(r'"(\w+)":', r"\1:", json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    return re.sub(r"(?<=[:,\[])(-?)0(?=\.\d*[1-9])|\.0(?=[,\]}])|(?<=\de-)0", r"\1", told)


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
