"""Matrices with owners whose parameters are of several meshes."""

import torch
import torch.distributed as dist
from torch.distributed.tensor import Shard, init_device_mesh
from torch.nn import Parameter

import thalweg as optim

from .compared import divided, drawn
from .processes import sentence_of


def of_several_meshes():
    """Matrices on all processes, and others on a part of them: what is wrong on one mesh is heard by all."""
    count = dist.get_world_size()
    square = init_device_mesh("cpu", (2, count // 2), mesh_dim_names=("outer", "inner"))
    mine = dist.get_rank() // (count // 2)
    found = []
    for cls in (optim.Muon, optim.SOAP):
        wide = Parameter(divided(drawn((8, 6), 1), init_device_mesh("cpu", (count,)), [Shard(0)]))
        near = Parameter(divided(drawn((6, 8), 2 + mine), square["inner"], [Shard(0)]))
        alone = [Parameter(drawn((8, 6), 1)), Parameter(drawn((6, 8), 2 + mine))]
        one, other = cls(alone, lr=0.1), cls([("wide", wide), ("near", near)], lr=0.1)
        for step in range(2):
            for own, part in zip(alone, (wide, near), strict=True):
                own.grad = drawn(own.shape, 10 * step + mine + 5) if part is near else drawn(own.shape, 10 * step)
                part.grad = divided(own.grad, part.device_mesh, [Shard(0)])
            one.step()
            other.step()
        found.append([torch.equal(own, part.full_tensor()) for own, part in zip(alone, (wide, near), strict=True)])
        if dist.get_rank() == 0:
            wide.grad = None
        before = near.full_tensor().clone()
        found += [sentence_of(other.step), torch.equal(near.full_tensor(), before)]
        wide.grad = divided(drawn((8, 6), 3), wide.device_mesh, [Shard(dist.get_rank() == 0)])
        found.append(sentence_of(other.step))
        wide.grad = divided(drawn((8, 6), 3), wide.device_mesh, [Shard(0)])
        other.step()
    return found
