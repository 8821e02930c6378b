"""A matrix rule that takes a whole model: what it is not for goes to AdamW, inside the same optimizer."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY
from typing import Annotated, Any, ClassVar

from torch import Tensor
from torch.nn.parameter import is_lazy

from ...formula.around.training_loop import lent
from ...formula.rule.rule import Rule
from ...hyper import Betas, Count, NonNegative, Patterns, Whole
from ...optimizer import Optimizer
from ..elementwise.adam import AdamW
from .fitness import EMBEDDINGS_AND_HEADS, why_unfit

ADAMW = {"betas": "adamw_betas", "eps": "adamw_eps"}
"""What AdamW's options are called here; its lr and weight_decay are its groups' own, which schedulers know."""

OWN = ("lr", "weight_decay", "eps")
"""What a group that is cut in two says of the rule, where AdamW has options of the same name."""

SHOWN = 3
"""Names that are shown of many."""


class WholeModel(Optimizer):
    """What the rules for matrices have in common: their groups, each of which is theirs or AdamW's."""

    _: KW_ONLY
    batch_dims: Annotated[int, Whole(0)] = 0
    blocks: Count = 1
    use_muon: bool | None = None
    adamw_lr: NonNegative | None = None
    adamw_betas: Betas = (0.9, 0.999)
    adamw_eps: NonNegative = 1e-8
    adamw_weight_decay: NonNegative = 1e-2
    adamw_names: Annotated[Sequence[str], Patterns()] = EMBEDDINGS_AND_HEADS

    routes = {"use_muon": True}
    adamw: ClassVar[Rule]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.adamw = lent(AdamW, cls, ADAMW, amsgrad=False, decoupled_weight_decay=True, hyperball=False)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; what AdamW is to update becomes a group after the others.

        Raises TypeError or ValueError, and adds nothing, for a parameter that cannot be optimized or a bad option.
        """
        known = len(self.param_groups)
        try:
            for part in _parts(self, param_group):
                super().add_param_group(part)
        except BaseException:
            del self.param_groups[known:]
            raise

    @classmethod
    def rule_in(cls, group: Mapping[str, Any]) -> Rule:
        """Return AdamW's rule for a group that says so."""
        return cls.adamw if group["use_muon"] is False else cls.rule

    @classmethod
    def unfit(cls, param: Tensor, options: Mapping[str, Any]) -> tuple[str, str] | None:
        """A matrix is needed, but for AdamW."""
        return None if options["use_muon"] is False else _unfit(cls.__name__, param, options)

    @classmethod
    def adamw_rate(cls, options: Mapping[str, Any]) -> Any:
        """Return AdamW's learning rate where none is given: the rule's own where that is in AdamW's units."""
        is_shared = options["adjust_lr_fn"] == "match_rms_adamw"
        return options["lr"] if is_shared else AdamW.lr

    def explain(self) -> str:
        """Say which engine updates which parameters and why, and which of them AdamW's formula does, and why."""
        return "\n".join([super().explain(), *_routes(self)])


def _parts(optimizer: WholeModel, group: Any) -> Iterator[Any]:
    """Cut a group in two: what the rule is for, and what is AdamW's."""
    group = _listed(group)
    options = {**optimizer.defaults, **group} if isinstance(group, Mapping) else {}
    params = _named(options.get("params")) if options.get("use_muon") is None else []
    if not params:
        yield _as_adamw(optimizer, group) if options.get("use_muon") is False else group
        return
    # What has no shape yet is left to be refused by its name.
    unfit = {name for name, param in params if not is_lazy(param) and why_unfit(name, param, options)}
    own, others = ([item for item in params if (item[0] in unfit) == is_unfit] for is_unfit in (False, True))
    if own:
        yield {**group, "params": own, "use_muon": True}
    if others:
        rest = {name: value for name, value in group.items() if name not in OWN}
        yield _as_adamw(optimizer, {**rest, "params": others})


def _listed(group: Any) -> Any:
    """Walk once over an iterator of parameters; what else torch takes, or refuses, is left to it."""
    params = group.get("params") if isinstance(group, Mapping) else None
    return {**group, "params": list(params)} if isinstance(params, Iterator | ItemsView) else group


def _named(params: Any) -> list[tuple[str, Tensor]]:
    """List the parameters that come with names; none if any has none."""
    items = params if isinstance(params, list | tuple) else []
    return list(items) if all(map(_is_named, items)) else []


def _is_named(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], Tensor)


def _as_adamw(optimizer: WholeModel, group: Mapping[str, Any]) -> dict[str, Any]:
    """Make a group AdamW's: options that it has under AdamW's names are meant for AdamW."""
    options = {**optimizer.defaults, **group}
    rate = options["adamw_lr"]
    own = {
        "lr": optimizer.adamw_rate(options) if rate is None else rate,
        "weight_decay": options["adamw_weight_decay"],
    }
    return {**own, **{ADAMW.get(name, name): value for name, value in group.items()}, "use_muon": False}


def _unfit(owner: str, param: Tensor, options: Mapping[str, Any]) -> tuple[str, str] | None:
    away = "pass model.named_parameters(), and it goes to AdamW by itself, or set use_muon=False in a group of its own"
    if param.is_complex():
        return f"{owner} does not support complex parameters", f"is {param.dtype}: {away}"
    batch_dims, blocks = options["batch_dims"], options["blocks"]
    if param.dim() < 2 + batch_dims:
        counted = f" beside the {batch_dims} of batch_dims" if batch_dims else ""
        return f"{owner} only supports 2D parameters, or more dimensions{counted}", (
            f"is a parameter with size {tuple(param.shape)}: {away}"
        )
    rows = param.shape[batch_dims]
    if rows % blocks:
        return f"{owner} cuts rows into blocks={blocks} of one size", f"has {rows} rows: choose a divisor of them"
    return None


def _routes(optimizer: WholeModel) -> Iterator[str]:
    """Say of the parameters of each reason which rule updates them."""
    found: dict[str, list[str]] = {}
    for index, group in enumerate(optimizer.param_groups):
        names = group.get("param_names") or [f"{place} of group {index}" for place in range(len(group["params"]))]
        for name, param in zip(names, group["params"], strict=True):
            found.setdefault(_reason(type(optimizer).__name__, name, param, group), []).append(name)
    for reason, names in found.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"  {reason}: {', '.join(names[:SHOWN])}{more}"


def _reason(owner: str, name: str, param: Tensor, group: Mapping[str, Any]) -> str:
    if group["use_muon"] is not False:
        return f"{owner}'s formula"
    why = why_unfit(name, param, group) if "param_names" in group else None
    return f"AdamW's formula, as {why or 'its group says use_muon=False'}"
