"""Parameter groups by rules on names, types and shapes, and by what good practice has for decay, depth and Muon."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

from torch import nn

from ...hyper import Patterns
from ...optimizers.matrix.muon import Muon
from ...optimizers.routing.fitness import EMBEDDINGS_AND_HEADS, why_unfit
from .criteria import Criterion, Rule, first_fits, rules_of
from .decay import check_used, named_by, why_not
from .depth import depths
from .found import Found, parameters_of
from .groups import Groups, Placed
from .scale import Scale

Decision: TypeAlias = tuple[Mapping[str, Any], str]
"""Options that a parameter gets, and why."""

Aspect: TypeAlias = Callable[[Found, Mapping[str, Any]], Decision]
"""What decides on a parameter, given what was decided before."""


def split(
    model: nn.Module | Any,
    rules: Mapping[Any, Mapping[str, Any]] | Sequence[tuple[Criterion, Mapping[str, Any]]] = (),
    *,
    no_decay: bool | Sequence[str] = True,
    layer_decay: float | None = None,
    least_scale: float = 0.0,
    layers: Sequence[str] | None = None,
    lr: float | None = None,
    muon: bool = False,
    adamw_lr: float | None = None,
    adamw_names: Sequence[str] = EMBEDDINGS_AND_HEADS,
) -> Groups:
    """Put each parameter of a model into one group, for any optimizer; printed, the groups say what went where and why.

        groups = thalweg.split(model, {"head.*": {"lr": 1e-2}, nn.Embedding: {"lr": 1e-4}})
        optimizer = thalweg.AdamW(groups, lr=1e-3)
        print(groups)

    `model` is a module, or pairs of name and parameter; names are kept, so that checkpoints match by them. Parameters
    that need no gradient are in no group.

    `rules` say what is meant, and the options that it gets; the first one that fits counts. What is meant is
    - a pattern of names, in which `*` stands for anything: one without a dot is for any part of a name, as "*norm*";
    - a type of module, as nn.Embedding: the parameters in it, and in what it contains;
    - a dtype; or a shape, as (None, 768), where None is any size and ... any number of sizes;
    - a function of name and parameter that says whether it is meant.

    `no_decay` gives weight_decay=0 to biases, norms, all else of fewer than two dimensions, and what the model's own
    no_weight_decay() names; a list of patterns adds to these, and False turns it off.
    `layer_decay` multiplies the rate `lr` by this for each layer below the top one, but by no less than `least_scale`:
    Bao et al. 2021, "BEiT: BERT pre-training of image transformers", https://arxiv.org/abs/2106.08254. Layers are the
    numbered blocks of a model, or its group_matcher's if it comes from timm, or what the patterns `layers` name, from
    the input to the output.
    `muon=True` writes use_muon for `thalweg.Muon`: hidden matrices are Muon's. Parameters whose names `adamw_names`
    match, and those that are no fit matrices, are AdamW's, with the rate `adamw_lr`.
    Options that a rule gives are left as it gives them, but for lr, which layer_decay multiplies.

    Raises TypeError or ValueError for a rule, or a pattern, that no parameter follows.
    """
    all_found = parameters_of(model)
    aspects = (
        _by_rules(all_found, rules_of(rules)),
        _by_decay(all_found, no_decay, () if no_decay is False else named_by(model)),
        _by_fitness(muon, adamw_names),
        _by_depth(model, all_found, layers, Scale(layer_decay, least_scale, lr, adamw_lr, muon)),
    )
    return _grouped(all_found, aspects)


def _grouped(all_found: Sequence[Found], aspects: Sequence[Aspect]) -> Groups:
    """Ask each aspect in turn, and put together the parameters that get the same options."""
    groups: dict[Any, dict[str, Any]] = {}
    placed = []
    for found in all_found:
        if not found.param.requires_grad:
            placed.append(Placed(found.name, found.param, None, "it needs no gradient"))
            continue
        options, whys = _decided(found, aspects)
        key = _key(options)
        groups.setdefault(key, {"params": [], **options})["params"].append((found.name, found.param))
        placed.append(Placed(found.name, found.param, list(groups).index(key), "; ".join(whys)))
    return Groups(list(groups.values()), placed)


def _decided(found: Found, aspects: Sequence[Aspect]) -> tuple[dict[str, Any], list[str]]:
    options: dict[str, Any] = {}
    whys = []
    for aspect in aspects:
        more, why = aspect(found, options)
        options |= more
        whys += [why] if why else []
    return options, whys


def _key(options: Mapping[str, Any]) -> tuple[Any, ...]:
    """Tell options apart: a tensor is only like itself, a list like one that is written alike."""
    return tuple((name, value if isinstance(value, Hashable) else repr(value)) for name, value in options.items())


def _by_rules(all_found: Sequence[Found], rules: Sequence[Rule]) -> Aspect:
    """Give the options of the first rule that fits."""
    chosen = dict(zip([id(found.param) for found in all_found], first_fits(rules, all_found), strict=True))

    def aspect(found: Found, options: Mapping[str, Any]) -> Decision:
        place = chosen[id(found.param)]
        return (rules[place].options, rules[place].words) if place is not None else ({}, "")

    return aspect


def _by_decay(all_found: Sequence[Found], no_decay: bool | Sequence[str], of_model: Sequence[str]) -> Aspect:
    """Keep what is not to decay from decaying."""
    patterns = () if isinstance(no_decay, bool) else Patterns().checked(no_decay, "no_decay", "split", "")
    check_used(patterns, all_found)

    def aspect(found: Found, options: Mapping[str, Any]) -> Decision:
        why = None if no_decay is False or "weight_decay" in options else why_not(found, patterns, of_model)
        return ({"weight_decay": 0.0}, f"no decay, as {why}") if why else ({}, "")

    return aspect


def _by_fitness(muon: bool, adamw_names: Sequence[str]) -> Aspect:
    """Say which parameters are Muon's, and why the others are AdamW's."""
    facts = {"batch_dims": 0, "blocks": 1, "adamw_names": Patterns().checked(adamw_names, "adamw_names", "split", "")}

    def aspect(found: Found, options: Mapping[str, Any]) -> Decision:
        if not muon or "use_muon" in options:
            return {}, ""
        own = {name: Muon.options[name].check({**facts, **options}[name], "split", " in a rule") for name in facts}
        why = next(filter(None, (why_unfit(name, found.param, own) for name in found.names)), None)
        return {"use_muon": why is None}, f"AdamW's, as {why}" if why else "Muon's"

    return aspect


def _by_depth(model: Any, all_found: Sequence[Found], layers: Sequence[str] | None, scale: Scale) -> Aspect:
    """Give each layer its rate."""
    scale.check(layers)
    found_depths = depths(model, all_found, layers) if scale.decay is not None else [0] * len(all_found)
    depth = {id(found.param): at for found, at in zip(all_found, found_depths, strict=True)}
    top = max(found_depths)

    def aspect(found: Found, options: Mapping[str, Any]) -> Decision:
        at = depth[id(found.param)]
        rate = scale.rate(options, top - at)
        why = "" if scale.decay is None else f"layer {at} of 0 to {top}"
        return ({} if rate is None else {"lr": rate}), why

    return aspect
