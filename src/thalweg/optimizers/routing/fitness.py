"""Which parameters of a model a matrix rule is for, and why not the others."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor

from ...formula.matrices.matrix import matrix_shape

FEWEST, LONGEST = 4, 128
"""Rows and columns at least, and how many times as many of the ones as of the others at most: timm's rule."""

EMBEDDINGS_AND_HEADS = (
    *("*embed*", "*emb", "emb_*", "wte", "wpe", "shared", "*bias*", "*norm*"),
    *("head", "*_head", "classifier", "score", "embed_out", "output.weight", "fc.weight", "decoder.weight"),
)
"""What first and last layers, tables of biases and norms are called in the model libraries in use."""

WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Parts of names that come from what is put around a model."""


def why_unfit(name: str, param: Tensor, options: Any) -> str | None:
    """Say why a parameter is not for a matrix rule, in words that follow its name; None if it is."""
    return _unfit_shape(param, options["batch_dims"], options["blocks"]) or _unfit_name(name, options["adamw_names"])


def _unfit_shape(param: Tensor, batch_dims: int, blocks: int) -> str | None:
    shape = param.shape[batch_dims:]
    rows, columns = matrix_shape(param.shape, batch_dims, blocks)
    short, long = sorted((rows, columns))
    if param.is_complex():
        return "it is complex"
    if sum(size > 1 for size in shape) < 2:
        return "it is no matrix"
    if 1 in shape[:2]:
        return "one of its first two sizes is 1, as in position embeddings and depthwise convolutions"
    if short < FEWEST:
        return f"its matrix has fewer than {FEWEST} rows or columns"
    return f"its matrix is more than {LONGEST} times as long as wide" if long > LONGEST * short else None


def bare(name: str) -> str:
    """Give a parameter's name without what is put around a model."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def matches(name: str, pattern: str) -> bool:
    """Tell if a pattern fits any part of a name, or the whole name if it has a dot itself.

    What is put around a model counts only for a pattern that names it.
    """
    meant = name if WRAPPERS.intersection(pattern.split(".")) else bare(name)
    parts = [meant] if "." in pattern else meant.split(".")
    return any(fnmatchcase(part, pattern) for part in parts)


def _unfit_name(name: str, patterns: Sequence[str]) -> str | None:
    found = (pattern for pattern in patterns if matches(name, pattern))
    return next((f"its name matches {pattern!r}" for pattern in found), None)
