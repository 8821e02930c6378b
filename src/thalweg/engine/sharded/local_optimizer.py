"""An optimizer of sharded parameters as this process sees it: plain parameters over the memory that it has.

A formula never sees shards, and what plans and takes a step need not either: it is given local parameters, which know
their place in the whole, live views of the groups, and what is here of each state. Nothing goes through DTensor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from operator import attrgetter, is_
from typing import Any

from torch import Tensor
from torch.autograd.graph import increment_version

from ...distributed import owned_states
from ...distributed.local_parameter import local_parameter
from ...distributed.shards import is_sharded
from ...formula.around.training_loop import ACCUMULATED
from ...state.interrupts import InterruptsWaiting
from ...state.names import name_in
from ...state.noted import GATHERED, Log, SeenGroup
from ...warned import warn
from ..before_steps import without_plans
from ..decisions.gradients import numbered
from ..decisions.residues import version
from ..decisions.rules import OBSERVING, OVERFLOWED, SCALE, goes_ahead
from ..known_objects import KnownObjects
from .local_gradients import LocalGradients, gradient, part_of_gradient
from .owned_matrices import OwnedMatrices
from .owned_wholes import OwnedWholes
from .parts_and_wholes import has_owner, keeps_states, local_of, why_whole
from .priming import make_states
from .shared_parameters import sharding
from .sharing import ChangedError, Sharing
from .shown_states import ShownStates

ADDRESS = Tensor.data_ptr
LOCAL = attrgetter("_local_tensor")


class WholeNeededError(Exception):
    """Raised before anything changes where no kernel can be built for a shard whose sums only kernels share."""

    def __init__(self, whole: Mapping[int, str]) -> None:
        super().__init__(f"parameters {list(whole)} need their whole")
        self.whole = whole


def is_needed(optimizer: Any) -> bool:
    """Tell if some parameter of an optimizer is sharded, or is to be stepped by parts."""
    return optimizer._division is not None or any(
        is_sharded(param) for group in optimizer.param_groups for param in group["params"]
    )


class LocalOptimizer:
    """The local optimizer, and what it shares with the one that the user has."""

    def __init__(self, optimizer: Any, whole: Mapping[int, str] | None = None) -> None:
        """Leave those whole that are known to need it, by the place of each among all parameters, and why."""
        self.whole = dict(whole or {})
        self.groups = list(optimizer.param_groups)
        self.params = [param for _, param in numbered(self.groups)]
        self.known_params = [KnownObjects(group["params"]) for group in self.groups]
        # What torch has to do for these is torch's, by dispatch, and needs their whole.
        self.division = optimizer._division
        self.locals = {
            id(param): own
            for place, (group, param) in enumerate(numbered(self.groups))
            if place not in self.whole and (own := local_of(optimizer, group, param)) is not None
        }
        others = [pair for pair in numbered(self.groups) if id(pair[1]) not in self.locals]
        owned = [param for group, param in others if has_owner(optimizer, group, param)]
        self.wholes = OwnedWholes(owned, self.division)
        self.pairs = [(param, self.locals[id(param)]) for param in self.params if id(param) in self.locals]
        self.sharded, self.own = [param for param, _ in self.pairs], [own for _, own in self.pairs]
        self.dtensors = list(filter(is_sharded, self.sharded))
        self.divided = [param for param in self.sharded if not is_sharded(param)]
        self.memory = list(map(LOCAL, self.dtensors))
        self.addresses = list(map(ADDRESS, [*self.divided, *self.memory]))
        self.gradients = LocalGradients(self.pairs)
        self.optimizer = object.__new__(type(optimizer))
        groups = [SeenGroup(group, list(map(self._local, group["params"]))) for group in self.groups]
        self.optimizer.__dict__.update(optimizer.__dict__ | {"param_groups": groups, "_is_local": True})
        self.optimizer.__dict__.update(without_plans(Log()))
        is_shared = self.own or self.wholes.own
        self.optimizer._sharing = Sharing(self.optimizer, self.wholes.bring) if is_shared else None
        self.states = ShownStates(self.optimizer, self.groups, self._local)
        self.states.take(optimizer)

    def _local(self, param: Tensor) -> Tensor:
        key = id(param)
        return self.locals[key] if key in self.locals else self.wholes.own.get(key, param)

    def fits(self, optimizer: Any) -> bool:
        """Tell if these are still the groups and parameters, where they were."""
        return (
            self._concerns(optimizer)
            and all(map(is_, map(LOCAL, self.dtensors), self.memory))
            and list(map(ADDRESS, [*self.divided, *self.memory])) == self.addresses
        )

    def _concerns(self, optimizer: Any) -> bool:
        """Tell if these are still the groups and parameters."""
        groups = optimizer.param_groups
        return (
            len(groups) == len(self.groups)
            and all(map(is_, groups, self.groups))
            and all(known.are(group["params"]) for known, group in zip(self.known_params, groups, strict=True))
            and optimizer._division is self.division
        )

    def steps_again(self, optimizer: Any) -> bool:
        """Take a step as the last one was, if the quick look at all tensors finds them so; False if nothing was done.

        It finds gradients where the sharded parameters have them, so local ones need not be given theirs.
        """
        one, watch = self.optimizer, self.optimizer._watch
        if watch is None or self.divided or self.wholes.own or watch.asks_for_gradients:
            return False
        self._take_numbers(optimizer)
        if self.states.are_others(optimizer) or not (self._concerns(optimizer) and goes_ahead(one)):
            return False
        if one._sharing:
            one._sharing.begin_silent()
        return bool(watch.step_again(one))

    def step(self, optimizer: Any, take: Callable[[Any], None]) -> None:
        """Take a step with what is here; new states are in the user's optimizer before an interrupt is answered."""
        one = self.optimizer
        self.follow(optimizer)
        if one._sharing:
            one._sharing.begin_silent()
        self.gradients.take(partial(self._gradient, optimizer))
        self.wholes.begin(partial(self._gradient, optimizer))
        self._take_numbers(optimizer)
        if self.states.are_others(optimizer):
            self.states.take(optimizer)
        if one._watch is None or self.divided or self.wholes.own:
            with InterruptsWaiting():
                self._take(take)
                self.states.show(optimizer)
                self._gather_parameters()
                self.wholes.put()
        else:
            take(one)
            if one.state.changes.count != self.states.seen_inside:
                with InterruptsWaiting():
                    self.states.show(optimizer)
        increment_version(self.dtensors)
        self._note_versions()

    def _note_versions(self) -> None:
        """Note that the low bits that are kept beside parameters belong to these as they are now."""
        versions = self.optimizer._versions
        if versions:
            versions.update({id(own): version(own) for own in self.own if id(own) in versions})

    def _take(self, take: Callable[[Any], None]) -> None:
        """Take a step, or make the states of one; what owners have not yet had is brought to them first."""
        if take is make_states:
            self.wholes.bring(is_changed=True)
        try:
            take(self.optimizer)
        except ChangedError:
            self.optimizer._watch = None
            self.optimizer._plans.clear()
            take(self.optimizer)

    def _gather_parameters(self) -> None:
        """Let all processes have what each has stepped of plain parameters."""
        for param in self.divided:
            # It is a view of the user's gradient, which is theirs to free.
            self.locals[id(param)].grad = None
        if self.divided and not self.groups[0].get(GATHERED):
            self.division.gather(self.divided)

    def remade(self, optimizer: Any) -> LocalOptimizer:
        """Make the one that takes its place, where parameters or groups are others.

        They may have other owners, too: what the old ones have, all processes get, once all do the same.
        """
        new = LocalOptimizer(optimizer)
        if self.wholes.pairs:
            new.follow(optimizer)
            if new.optimizer._sharing:
                new.optimizer._sharing.planned()
            self.publish(optimizer)
            new.states.take(optimizer)
        return new

    def follow(self, optimizer: Any) -> None:
        """Know what processes have agreed on before this local optimizer was made."""
        sharing = self.optimizer._sharing
        if sharing and optimizer._agreement is not sharing.agreement:
            sharing.agreement.follow(optimizer._agreement)
            optimizer._agreement = sharing.agreement

    def fail(self, error: Exception) -> None:
        """Tell other processes that this one cannot step, where they wait for it."""
        if self.optimizer._sharing:
            self.optimizer._sharing.fail(error)

    def explain(self) -> Iterator[str]:
        """Say how parameters are sharded, which are stepped as a whole and why, and what processes send in a step."""
        kinds = Counter(own.shard.words for own in self.own)
        for words, count in kinds.items():
            yield f"{count} of them sharded ({words}): each process steps what it has, by its place in the whole"
        for place, (group, param) in enumerate(numbered(self.groups)):
            if is_sharded(param) and not (id(param) in self.locals or id(param) in self.wholes.own):
                why = self.whole.get(place) or why_whole(self.optimizer, group, local_parameter(param))
                yield f"{name_in(self.groups, param)} is stepped as a whole, by torch's dispatch, because {why}"
        collectives = list(self._collectives())
        yield from collectives or ["a step takes no collective"]

    def _collectives(self) -> Iterator[str]:
        """Say what processes tell each other in a step."""
        yield from self.wholes.explain()
        launches = self.optimizer._watch.plan.launches if self.optimizer._watch else ()
        yield from (launch.matrices.words for launch in launches if isinstance(launch.matrices, OwnedMatrices))
        yield from self.optimizer._sharing.explain() if self.optimizer._sharing else ()
        if self.divided:
            yield self.division.explain(self.divided)

    def publish(self, optimizer: Any) -> None:
        """Let all processes have the states that owners have, divided as parameters are: all must ask at once."""
        for param, own in self.wholes.pairs:
            if param in optimizer.state:
                state = self.everywhere(param, optimizer.state[param])
                optimizer.state[param] = {name: owned_states.divided(own, value) for name, value in state.items()}

    def everywhere(self, param: Any, state: Mapping[str, Any]) -> dict[str, Any]:
        """Give all processes the states of a parameter that one of them steps: all must ask at the same time."""
        own = self.wholes.own.get(id(param))
        return dict(state) if own is None else owned_states.everywhere(own, state)

    def warn_before_first_step(self, optimizer: Any) -> None:
        """Warn of a checkpoint with sums of gradients alone: torch refuses to load less than what is asked for."""
        for group, param in numbered(self.groups):
            own = self._local(param)
            if optimizer.state.get(param, {}).keys() == {ACCUMULATED} and keeps_states(self.optimizer, group, own):
                warn(
                    f"{type(optimizer).__name__} has gathered gradients, but taken no step, so that "
                    f"{name_in(self.groups, param)} has no other states yet: save after the first step, or load what "
                    "torch.distributed.checkpoint saves now with DefaultLoadPlanner(allow_partial_load=True)"
                )
                return

    def _take_numbers(self, optimizer: Any) -> None:
        """Take over what a scaler and the user may have set on the optimizer."""
        here, there = self.optimizer.__dict__, optimizer.__dict__
        here["engine"] = there["engine"]
        for name in (SCALE, OVERFLOWED, OBSERVING):
            if name in there:
                here[name] = there[name]
            elif name in here:
                del here[name]

    def _gradient(self, optimizer: Any, param: Any, grad: Any) -> Tensor | None:
        """Give what is here of a gradient, or what is this process's part of one that all have."""
        return gradient(optimizer, param, grad) if is_sharded(param) else self._part(optimizer, param, grad)

    def _part(self, optimizer: Any, param: Tensor, grad: Any) -> Tensor | None:
        return None if grad is None else part_of_gradient(optimizer, param, grad, sharding(self._local(param)))
