"""Functions of whole matrices of which each process has a part: parts go to the owner, and results come back.

While the matrices of one launch are under way, those of another are made: what waits for a message is a stage of its
own, and stages of launches take turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...distributed.exchange import Exchange
from ...distributed.owners import Loads, cost, is_whole_here
from ...distributed.shards import LocalShard
from ...distributed.waiting import Transfer
from ...formula.graph.expr import MatrixFunction
from ...formula.matrices.matrix import work_dtype
from ...formula.tracing.passes import passes
from ...formula.tracing.program import Program
from ...formula.tracing.trace import evaluate
from ..commit import Change
from ..matrices import products
from ..matrices.between_passes import Matrices
from ..matrices.between_passes import most as most_elements
from ..pieces.workspace import Workspace

BUCKET = 2**22
"""Elements of matrices that travel in one message: fewer, and latency counts; more, and nothing is made meanwhile."""


def most(numel: int, processes: int) -> int:
    """Say how many matrices travel in one message: at least one for each process, so that all of them have work."""
    return processes * max(BUCKET // (numel * processes), 1)


class OwnedMatrices:
    """What waits between the passes of one launch, whose parameters are divided alike."""

    def __init__(self, program: Program, params: Sequence[Any], group: Mapping[str, Any], loads: Loads, compiler: str):
        self.group, self.compiler, self.first = group, compiler, params[0]
        shard: LocalShard = params[0].shard
        self.exchange = Exchange(shard, loads.owners(cost(shard.shape), len(params)))
        self.whole_shape = shard.shape
        first = self.first
        shape, strides = (len(params), *first.shape), (first.numel(), *first.stride())
        names = [name for item in passes(program) for name in item.matrices]
        dtype = work_dtype(first.dtype)
        # Stages of several launches take turns, so that no two share this memory.
        self.parts = {name: first.new_empty(len(params) * first.numel(), dtype=dtype).detach() for name in names}
        self.stacks = {name: part.as_strided(shape, strides) for name, part in self.parts.items()}
        self.under_way: dict[str, Transfer] = {}
        for item in passes(program):
            self._build(item)

    @property
    def words(self) -> str:
        """Say what travels in a step."""
        size = self.exchange.elements_sent * sum(part.element_size() for part in self.parts.values())
        return (
            f"matrices of shape {self.whole_shape} are made on their owners, {sum(self.exchange.counts)} in all and "
            f"{self.exchange.own} here: {2 * len(self.parts)} all-to-all a step, in which this process sends "
            f"{size:,} bytes"
        )

    def of(self, index: int) -> dict[str, Tensor]:
        """Give the tensors of one parameter, by name."""
        return {name: stack[index] for name, stack in self.stacks.items()}

    def changes(self, program: Program) -> Iterator[Change]:
        """Yield what makes all that is due after a pass: each but the first waits for a message."""
        if program.matrices:
            yield partial(self._send, program)
            yield partial(self._make, program)
            yield self._land

    def make(self, program: Program) -> None:
        """Make all that is due after a pass, and wait for it."""
        for change in self.changes(program):
            change()

    @torch.no_grad()
    def _send(self, program: Program) -> None:
        self.under_way = {name: self.exchange.there(self.parts[name]) for name in program.matrices}

    @torch.no_grad()
    def _make(self, program: Program) -> None:
        """Make what has arrived, and send it back."""
        for name, node in program.matrices.items():
            stack = self.exchange.whole(self.under_way[name].wait())
            if len(stack):
                products.make(stack, self._made(node, self.first.new_empty(self.whole_shape)))
            self.under_way[name] = self.exchange.back(stack, self.parts[name])

    def _land(self) -> None:
        for transfer in self.under_way.values():
            transfer.wait()
        self.under_way = {}

    def _made(self, node: MatrixFunction, like: Tensor) -> products.Made:
        return products.Made.of(node, like, self.group, self.compiler)

    @torch.no_grad()
    def _build(self, program: Program) -> None:
        """Have all kernels before anything changes: they are tried on zeros."""
        for node in program.matrices.values():
            like = self.first.new_empty(self.whole_shape)
            made = self._made(node, like)
            if products.why_torch(made) is None:
                products.make(torch.zeros(1, *self.whole_shape, dtype=work_dtype(like.dtype), device=like.device), made)


def batch_dims_of(program: Program, group: Mapping[str, Any]) -> int:
    """Say how many dimensions only count matrices, for every function of whole matrices that a program has."""
    nodes = [node for item in passes(program) for node in item.matrices.values()]
    return min((int(evaluate(node.numbers[2], group)) for node in nodes), default=0)


def are_divided(program: Program, param: Any, group: Mapping[str, Any]) -> bool:
    """Tell if matrices of a parameter are on several processes; stacks that are divided by matrix stay as they are."""
    shard = getattr(param, "shard", None)
    return shard is not None and bool(program.work) and not is_whole_here(shard, batch_dims_of(program, group))


def matrices_for(first: Any, params: Sequence[Any], space: Workspace, loads: dict[Any, Loads]) -> Any:
    """Make what waits between passes for whole matrices, which may have owners."""
    program, group = first.program, first.item.group
    if not are_divided(program, params[0], group):
        return Matrices(program, params, group, space, first.compiler)
    mesh = params[0].shard.mesh
    own = loads.setdefault(mesh, Loads(mesh.size()))
    return OwnedMatrices(program, params, group, own, first.compiler)


def at_once(first: Any) -> int:
    """Say how many parameters like the first one go together: as many as are worked on at once, or travel together."""
    param: Any = first.item.param
    numel: int = max(first.whole_numel, 1)
    if are_divided(first.program, param, first.item.group):
        return most(numel, int(param.shard.mesh.size()))
    return max(most_elements(param.device) // numel, 1)
