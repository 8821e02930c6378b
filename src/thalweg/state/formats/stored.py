"""A quantity on torch's tensors: read from those that it is kept in, and written there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ...formula.graph.expr import BLOCK
from .format import Format, load, store
from .packed import packed, unpacked


def read(form: Format, parts: Sequence[Tensor], like: Tensor) -> Tensor:
    """Compute a quantity, in the shape of a parameter."""
    parts = seen(form, parts)
    if not form.has_blocks:
        return form.read(*map(load, parts))  # type: ignore[no-any-return]
    codes, scale = parts
    like = in_order(form, like)
    each = _taken(scale.repeat_interleave(BLOCK), like)
    code = _taken(unpacked(load(codes)), like) if form.is_packed else flat(load(codes), like)
    return shaped(form.read(code, each), like)


def write(form: Format, parts: Sequence[Tensor], value: Any, like: Tensor, draw: Callable[[int], Tensor]) -> None:
    """Write a quantity; `draw` gives as many random bits an element as are asked for, in the shape that is written."""
    for part, own in written(form, parts, value, like, draw):
        store(part, own)


def written(
    form: Format, parts: Sequence[Tensor], value: Any, like: Tensor, draw: Callable[[int], Tensor]
) -> Iterator[tuple[Tensor, Any]]:
    """Compute what `write` writes, and where."""
    parts = seen(form, parts)
    if isinstance(value, Tensor) and not form.is_plain:
        # What a finer state has made finer: formats know the bits of float32.
        value = value.to(torch.float32)
    if not form.has_blocks:
        yield from zip(parts, form.write(value, draw), strict=True)
        return
    codes, scale = parts
    like = in_order(form, like)
    new, each = form.write(_spread(flat(value, like), like), lambda count: _spread(flat(draw(count), like), like))
    yield codes, packed(new) if form.is_packed else shaped(_taken(new, like), like)
    yield scale, each[::BLOCK]


def _taken(blocks: Tensor, like: Tensor) -> Tensor:
    """Take the elements that are here out of whole blocks."""
    slots: Tensor | None = getattr(like, "slots", None)
    return blocks[: like.numel()] if slots is None else blocks[slots]


def _spread(elements: Tensor, like: Tensor) -> Tensor:
    """Put the elements of a shard where they stand in blocks; what is elsewhere counts as zero."""
    slots: Tensor | None = getattr(like, "slots", None)
    if slots is None:
        return elements
    return elements.new_zeros(like.fragment_count * BLOCK).index_copy_(0, slots, elements)  # type: ignore[attr-defined]


def in_order(form: Format, like: Tensor) -> Tensor:
    """Give what elements lie like in blocks: codes that share bytes are always in the order of the indices."""
    return like if not form.is_packed or like.is_contiguous() else like.contiguous()


def seen(form: Format, parts: Sequence[Tensor]) -> list[Tensor]:
    """View tensors as formulas see them."""
    return [part.seen(tensor) for part, tensor in zip(form.parts, parts, strict=True)]


def write_nearest(form: Format, parts: Sequence[Tensor], value: Tensor, like: Tensor) -> None:
    """Write a quantity without chance: the middle of what could be drawn rounds to nearest."""
    write(form, parts, value, like, lambda count: torch.full_like(value, 1 << (count - 1), dtype=torch.int32))


def empty(form: Format, param: Tensor) -> list[Tensor]:
    """Make the tensors for a quantity of a parameter, all zeros."""
    return [
        torch.zeros(part.shape(param), dtype=part.dtype, device=param.device)
        if part.is_flat or part.is_smaller
        else torch.zeros_like(
            param, dtype=_like(param, part.dtype), memory_format=torch.preserve_format, requires_grad=False
        )
        for part in form.parts
    ]


def _like(param: Tensor, dtype: torch.dtype) -> torch.dtype:
    return dtype.to_complex() if param.is_complex() and dtype.is_floating_point else dtype


def order(like: Tensor) -> list[int]:
    """Return the dimensions from the one with the longest way between elements to the one with the shortest."""
    return sorted(range(like.dim()), key=like.stride, reverse=True)


def flat(tensor: Tensor, like: Tensor) -> Tensor:
    """Lay out elements in one dimension, in the order that they have in memory."""
    return tensor.permute(order(like)).reshape(-1)


def shaped(elements: Tensor, like: Tensor) -> Tensor:
    """Give elements in one dimension their shape again."""
    dimensions = order(like)
    back = sorted(range(like.dim()), key=dimensions.__getitem__)
    return elements.view([like.shape[dimension] for dimension in dimensions]).permute(back)


def places(like: Tensor) -> Tensor:
    """Number the elements in the order of memory, those of a shard as the whole tensor does."""
    if hasattr(like, "shard"):
        return like.shard.places(like.device).to(torch.int32)  # type: ignore[no-any-return]
    return shaped(torch.arange(like.numel(), dtype=torch.int32, device=like.device), like)
