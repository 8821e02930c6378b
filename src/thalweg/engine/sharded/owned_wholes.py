"""Parameters whose formula needs all of their elements: each is stepped by one process, its owner, for all others.

Where they are sharded, gradients go to the owners, and parameters come back, in messages of many: so a step moves twice
the bytes of the parameters, less what owners have themselves. Where all processes have all of them, only parameters
are sent. States are at the owner alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from ...distributed.division import Division
from ...distributed.exchange import Exchange
from ...distributed.meshes import rank_in
from ...distributed.owned_parameter import OwnedParameter, owned_parameter
from ...distributed.owners import Loads, cost
from ...distributed.shards import LocalShard, is_sharded, local, shard_of
from ...distributed.waiting import Transfer
from .owned_matrices import most

Due: TypeAlias = tuple[int, ...]
"""Which parameters of a bucket travel, by their places."""


class OwnedWholes:
    """All such parameters of an optimizer, and who owns them."""

    def __init__(self, params: Sequence[Any], division: Division | None) -> None:
        self.params = list(params)
        loads: dict[Any, Loads] = {}
        # In their order: a parameter that is added later leaves all others where they are, and their states.
        self.pairs = [(param, _owned(param, _sharding(param, division), loads)) for param in self.params]
        self.own: dict[int, OwnedParameter] = {id(param): own for param, own in self.pairs}
        self.buckets = list(_buckets(self.pairs))
        self.parted = [bucket for bucket in self.buckets if not bucket.is_copied]
        """Those of which no process has all."""
        self.known: dict[int, Tensor] = {}
        """What was here of each parameter after its last step."""
        self.grads: dict[int, Tensor] = {}
        """What is here of gradients, while a step is taken."""

    def begin(self, gradient: Callable[[Any, Any], Tensor | None]) -> None:
        """Note which parameters have gradients here, and which were written; `gradient` gives what is here of one."""
        found = {id(param): gradient(param, param.grad) for param in self.params}
        self.grads = {key: grad for key, grad in found.items() if grad is not None}
        for param, own in self.pairs:
            own.is_due, own.is_changed = id(param) in self.grads, not (own.sharding.is_copied or self._is_known(param))
            own.grad = self._gradient(param, own) if own.is_due and not own.is_meta else None
            if own.sharding.is_copied and not own.is_meta and own.data_ptr() != local(param).data_ptr():
                own.data = local(param)

    @torch.no_grad()
    def bring(self, is_changed: bool) -> None:
        """Bring owners the parameters, where somebody has written any, or else the gradients."""
        if is_changed:
            self._gather(lambda bucket: bucket.every, lambda param: local(param), _take)
            for bucket in self.parted:
                for param, own in bucket.pairs:
                    own.is_changed, self.known[id(param)] = False, local(param).clone()
        else:
            self._gather(lambda bucket: bucket.due, lambda param: self.grads[id(param)], _take_gradient)

    @torch.no_grad()
    def put(self) -> None:
        """Send all processes their parts of the parameters that were stepped here."""
        under_way = [(bucket, bucket.due, bucket.back(bucket.due)) for bucket in self.buckets if bucket.due]
        for bucket, places, transfer in under_way:
            known = bucket.spread(places, transfer)
            if not bucket.is_copied:
                self.known |= known
                increment_version([bucket.pairs[place][0] for place in places])
        for _, own in self.pairs:
            own.grad = None
        self.grads = {}

    def explain(self) -> Iterator[str]:
        """Say what is stepped by its owner, and what travels in a step in which all of it has gradients."""
        for words, count in Counter(own.sharding.words for _, own in self.pairs).items():
            mine = sum(own.sharding.words == words and not own.is_meta for _, own in self.pairs)
            yield (
                f"{count} of them divided ({words}), but stepped as a whole, each by the process that owns it, {mine} "
                "of them here, as their formula speaks of rows and columns, or multiplies whole matrices"
            )
        if self.buckets:
            size = sum(bucket.bytes_sent for bucket in self.buckets)
            what = "of gradients to owners and of parameters back" if self.parted else "of parameters from their owners"
            yield (
                f"a step takes {len(self.parted) + len(self.buckets)} all-to-all, {what}, in which this process sends "
                f"{size:,} bytes"
            )

    def _gather(self, travelling: Callable[[Bucket], Due], part: Callable[[Any], Tensor], take: Any) -> None:
        """Send parts to owners: all are under way before any is waited for."""
        found = [(bucket, travelling(bucket)) for bucket in self.parted]
        under_way = [(bucket, places, bucket.there(places, part)) for bucket, places in found if places]
        for bucket, places, transfer in under_way:
            bucket.arrive(places, transfer, take)

    def _gradient(self, param: Any, own: OwnedParameter) -> Tensor:
        """Have the gradient where all of it is here, or a place for what will be brought."""
        return self.grads[id(param)] if own.sharding.is_copied else torch.empty_like(own, requires_grad=False)

    def _is_known(self, param: Any) -> bool:
        """Tell if a parameter is what it was; one may write it without any trace but its numbers."""
        known = self.known.get(id(param))
        return known is not None and torch.equal(local(param), known)


class Bucket:
    """Parameters that are alike, and travel in one message; those of one owner stand together."""

    def __init__(self, pairs: Sequence[tuple[Any, OwnedParameter]]) -> None:
        self.pairs = sorted(pairs, key=lambda pair: pair[1].owner)
        self.known: dict[Due, Exchange] = {}
        self.is_copied = self.pairs[0][1].sharding.is_copied
        self.every: Due = tuple(range(len(self.pairs)))

    @property
    def due(self) -> Due:
        """Those of which there are gradients."""
        return tuple(place for place, (_, own) in enumerate(self.pairs) if own.is_due)

    @property
    def bytes_sent(self) -> int:
        """Count the bytes that this process sends in a step in which all of them travel."""
        return self.exchange(self.every).elements_sent * self.pairs[0][1].element_size()

    def exchange(self, places: Due) -> Exchange:
        """Say how some of them travel."""
        if places not in self.known:
            sharding = self.pairs[0][1].sharding
            counts = [0] * sharding.mesh.size()
            for place in places:
                counts[self.pairs[place][1].owner] += 1
            self.known[places] = Exchange(sharding, counts)
        return self.known[places]

    def there(self, places: Due, part: Callable[[Any], Tensor]) -> Transfer:
        """Send parts to their owners."""
        exchange, dtype = self.exchange(places), self.pairs[0][1].dtype
        parts = (part(self.pairs[place][0]).to(dtype) for place in places)
        return exchange.there(torch.cat([exchange.flat(one[None]) for one in parts]))

    def arrive(self, places: Due, transfer: Transfer, take: Callable[[OwnedParameter, Tensor], None]) -> None:
        """Wait for what this process owns, and take it."""
        stack = self.exchange(places).whole(transfer.wait())
        for own, value in zip(self._mine(places), stack, strict=True):
            take(own, value)

    def back(self, places: Due) -> Transfer:
        """Send all processes their parts of what was stepped here."""
        exchange, (param, own) = self.exchange(places), self.pairs[places[0]]
        mine = [each.detach() for each in self._mine(places)]
        stack = torch.stack(mine) if mine else own.new_empty((0, *own.shape), device=param.device)
        return exchange.back(stack, stack.new_empty(len(places) * exchange.sizes[exchange.here]))

    def spread(self, places: Due, transfer: Transfer) -> dict[int, Tensor]:
        """Wait for what is this process's, and write it; give what is known of each parameter by that."""
        parts = self.exchange(places).parts(transfer.wait())
        pairs = [self.pairs[place] for place in places]
        for (param, own), value in zip(pairs, parts, strict=True):
            # The owner has stepped it where it is, if all of it is here.
            if own.is_meta or not self.is_copied:
                local(param).copy_(value)
        return {id(param): value for (param, _), value in zip(pairs, parts, strict=True)}

    def _mine(self, places: Due) -> list[OwnedParameter]:
        return [own for own in (self.pairs[place][1] for place in places) if not own.is_meta]


def _sharding(param: Any, division: Division | None) -> LocalShard:
    """Say what this process has of a parameter: where states are divided, all of one that is not sharded itself."""
    return division.copies(param) if division and not is_sharded(param) else shard_of(param)


def _owned(param: Any, shard: LocalShard, loads: dict[Any, Loads]) -> OwnedParameter:
    """Give a parameter to the process that has the least work so far."""
    counts = loads.setdefault(shard.mesh, Loads(shard.mesh.size())).owners(cost(param.shape), 1)
    return owned_parameter(param, shard, counts.index(1), rank_in(shard.mesh))


def _buckets(pairs: Sequence[tuple[Any, OwnedParameter]]) -> Iterator[Bucket]:
    """Put like parameters together, as many as go in a message."""
    alike: dict[Any, list[tuple[Any, OwnedParameter]]] = {}
    for param, own in pairs:
        shard = own.sharding
        key = shard.shape, shard.stride, shard.mesh, shard.placements, param.dtype, param.device
        alike.setdefault(key, []).append((param, own))
    for found in alike.values():
        count = most(max(found[0][1].numel(), 1), found[0][1].sharding.mesh.size())
        yield from (Bucket(found[place : place + count]) for place in range(0, len(found), count))


def _take(own: OwnedParameter, value: Tensor) -> None:
    # What is as it was stays what low bits belong to.
    if not torch.equal(own, value):
        own.copy_(value)


def _take_gradient(own: OwnedParameter, value: Tensor) -> None:
    assert own.grad is not None
    own.grad.copy_(value)
