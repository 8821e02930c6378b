"""The parameters of a whole model, as groups: its biases and norms do not decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .lookup import Meaning

DECAYS = ("weight_decay", "adamw_weight_decay")
"""The options by which weights decay, one of them for what a matrix rule leaves to AdamW."""


ELEMENTWISE: dict[str, Any] = {"use_muon": False, "rank": None}
"""The options of a group by which a rule for matrices leaves it to another, each with the value that does so."""


def groups_of(model: nn.Module, meaning: Meaning, options: Mapping[str, Any]) -> list[Any]:
    """List a model's parameters that are trained, with their names; those of fewer than two dimensions do not decay.

    Embeddings are found by the kind of their modules, and are not for a matrix rule, whatever they are called; nor are
    matrices for a rank that is larger than they are. Raises ValueError for a model in which nothing is trained.
    """
    named = [(name, param) for name, param in model.named_parameters() if param.requires_grad]
    if not named:
        raise ValueError(
            f"the {type(model).__name__} has no parameter that is trained: let requires_grad be True for some, or pass "
            "the model that has them"
        )
    undecayed = {name: 0.0 for name in DECAYS if meaning.takes(name)}
    unmatched = {name: value for name, value in ELEMENTWISE.items() if meaning.takes(name)}
    tables = _embeddings(model) if unmatched else set()
    rank = options.get("rank")
    side = rank if isinstance(rank, int) else 0
    narrow = [item for item in named if item[1].dim() < 2]
    wide = [item for item in named if item[1].dim() >= 2]
    apart = [item for item in wide if item[1] in tables or min(item[1].shape) < side]
    others = [item for item in wide if not any(item is other for other in apart)]
    cut: list[tuple[list[Any], dict[str, Any]]] = [(others, {}), (apart, unmatched), (narrow, undecayed)]
    return [{"params": params, **more} for params, more in cut if params] if undecayed else named


def _embeddings(model: nn.Module) -> set[Tensor]:
    """Find the tables of embeddings, also where another layer shares one."""
    return {module.weight for module in model.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)}
