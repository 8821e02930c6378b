"""Whole parameters and sharded ones, stepped alike and compared bit for bit."""

import torch
from torch.distributed.tensor import DTensor, Replicate, Shard

import thalweg
from thalweg.distributed.local_parameter import local_parameter
from thalweg.distributed.shards import shard_of
from thalweg.state.checkpoints.sharded import local_state
from thalweg.state.formats.packed import packed, unpacked

from .processes import built_once

SHAPES = [(7, 7), (1, 1), (300, 33), (5,), (512, 16), (64, 256)]
"""Uneven and empty shards; blocks of 256 that lie on two processes, and such as do not."""

bf16 = torch.bfloat16

LINES = [Shard(0)]
COLUMNS = [Shard(1)]
EACH_RULE = [
    (thalweg.AdamW, {}),
    (thalweg.AdamW, {"ema_decay": 0.9, "accumulate": 2, "lookahead": 2, "grokfast": 1.0}),
    (thalweg.AdamW, {"max_grad_norm": 1.0, "track": True, "cautious": True, "max_tensor_norm": 1.0}),
    (thalweg.AdamW, {"dtype": bf16, "rounding": "stochastic"}),
    (thalweg.AdamW, {"dtype": bf16, "rounding": "kahan"}),
    (thalweg.AdamW, {"dtype": bf16, "rounding": "master", "state_dtype": "8bit"}),
    (thalweg.AdamW, {"state_dtype": "4bit", "cautious": True}),
    (thalweg.LAMB, {"state_dtype": "8bit"}),
    (thalweg.ASGD, {}),
    (thalweg.Rprop, {}),
    (thalweg.NAdam, {"skip_nonfinite": True}),
    (thalweg.Prodigy, {}),
    (thalweg.ScheduleFreeAdamW, {}),
]


def drawn(shape, seed, dtype=torch.float32):
    """Draw the same numbers on every process."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def cut(whole, shard):
    """Take this process's part of a tensor that every process has."""
    return whole.contiguous().reshape(-1)[shard.places().reshape(-1)].view(shard.local_shape)


def divided(whole, mesh, placements):
    """Make a DTensor without sending anything: every process has the whole."""
    own = [place if getattr(place, "dim", 0) < whole.dim() else Replicate() for place in placements]
    strides = whole.stride()
    empty = DTensor.from_local(whole[:0], mesh, own, run_check=False, shape=whole.shape, stride=strides)
    return shard_of(empty).whole(cut(whole, shard_of(empty)))


def stepped(cls, mesh, placements, dtype=torch.float32, steps=3, **options):
    """Step whole and sharded parameters, and give both optimizers and their parameters."""
    starts = [drawn(shape, index, dtype) for index, shape in enumerate(SHAPES)]
    plain = [torch.nn.Parameter(start.clone()) for start in starts]
    parts = [torch.nn.Parameter(divided(start, mesh, placements)) for start in starts]
    one, all_ = cls(plain, **options), cls(parts, **options)
    for step in range(steps):
        for index, (param, own) in enumerate(zip(plain, parts, strict=True)):
            param.grad = drawn(param.shape, 100 * step + index + 50, dtype)
            own.grad = divided(param.grad, mesh, placements)
        one.step() if step else built_once(one.step)
        all_.step()
    return one, plain, all_, parts


def differences(one, plain, all_, parts):
    """Name what is not, bit for bit, what one process has."""
    for param, own in zip(plain, parts, strict=True):
        shard, local = shard_of(own), local_parameter(own)
        if not torch.equal(local, cut(param.detach(), shard)):
            yield tuple(param.shape), "param"
        for name, value in one.state[param].items():
            found = local_state(local, all_.state[own][name])
            if not torch.equal(torch.as_tensor(found), expected(value, param, shard, local, found)):
                yield tuple(param.shape), name


def expected(value, param, shard, local, found):
    """Give this process's part of a state of one process."""
    value = torch.as_tensor(value)
    if value.dim() == 0:
        return value
    if value.shape == param.shape:
        return cut(value, shard)
    if value.is_floating_point():
        return value[[each.block for each in local.fragments]]
    codes = unpacked(value)[shard.places().reshape(-1)]
    here = unpacked(found)
    here[torch.arange(len(codes)) if local.slots is None else local.slots] = codes
    return packed(here)


def compared(mesh, placements, rules):
    """Compare rules under options, and name what differs."""
    faults = []
    for cls, options in rules:
        found = list(differences(*stepped(cls, mesh, placements, **options)))
        faults += [(cls.__name__, str(options), *each) for each in found]
    return faults
