"""Steps inside of backward: each parameter as soon as its gradient is complete, which is freed at once."""

from __future__ import annotations

import gc
import operator
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...described import kind_of
from ...formula.around.training_loop import EDGE
from ...hyper import SMALLEST, Range, checked_number
from ...optimizer import Optimizer, plain_step
from ...state.names import refuse_lazy
from ...warned import warn
from .hooked import Hooked, refuse_in_backward, wrappers_of
from .low_rank import LowRank

Steps = Optimizer | LowRank
"""What can step one of its parameters alone."""

WHOLE = {
    "max_grad_norm": "the common norm of all gradients is known only when all are there",
    "skip_nonfinite": "whether all gradients are finite is known only when all are there",
    "track": "what is measured of a step is the sum over all parameters",
    "differentiable": "autograd is still at work",
}
"""The options that need all gradients at once, and why."""


class InBackward(Hooked):
    """The hooks on a model's parameters; `remove()` takes them off, and `optimizer.step()` steps again."""

    def __init__(self, model: nn.Module, optimizer: Steps) -> None:
        self.handles: dict[Tensor, Any] = {}
        self._has_begun = self._has_warned = False
        self._squares: list[Tensor] | None = None
        self._share: Tensor | None = None
        self._times: Counter[Tensor] = Counter()
        self._put_on(optimizer)
        optimizer._in_backward = True
        self._model = weakref.ref(model)
        model.__dict__.setdefault("_in_backward", _Kept()).append(self)

    def _hooks_on(self, optimizer: Any) -> tuple[Any, ...]:
        self._hook = _Hook(self, optimizer)
        self._look_again(optimizer)
        return (optimizer.register_step_post_hook(self._catch_up),)

    @contextmanager
    def measuring(self, max_norm: float) -> Iterator[None]:
        """Let backwards within only measure gradients; those after it are shortened to a common norm of max_norm.

        Lv et al. 2023, "Full parameter fine-tuning for large language models with limited resources", section 3.3: as
        gradients never lie in memory together, a first backward finds their norm. https://arxiv.org/abs/2306.09782
        `with hooks.measuring(1.0): loss.backward(retain_graph=True)`, and then `loss.backward()`. It holds until
        `optimizer.step()`. Raises ValueError for a max_norm that is not above 0.
        """
        max_norm = checked_number("measuring", "max_norm", max_norm, Range(SMALLEST))
        self._squares, self._share = [], None
        try:
            yield
            if self._squares:
                device = self._squares[0].device
                norm = torch.stack([square.to(device) for square in self._squares]).sum().sqrt()
                self._share = (max_norm / (norm + EDGE)).clamp_max(1.0)
        finally:
            self._squares = None

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self.handles.values():
            handle.remove()
        self.handles.clear()
        self._take_off()
        self.optimizer._in_backward = False
        if (model := self._model()) is not None:
            model.__dict__["_in_backward"].remove(self)

    def __reduce__(self) -> Any:
        # What steps each parameter is made anew, for a copy of the model.
        return InBackward, (self._model(), self.optimizer)

    def _look_again(self, optimizer: Any) -> None:
        """Make an optimizer of each parameter, and hook those that have gradients and no hook yet."""
        _refuse_options(optimizer, optimizer.param_groups)
        refuse_lazy(optimizer.param_groups, "in_backward")
        self.groups, self.state = optimizer.param_groups, optimizer.state
        pairs = list(_all(optimizer))
        self.each = {param: _only(optimizer, group, param, index) for index, (group, param) in enumerate(pairs)}
        self.group_of = {param: (group,) for group, param in pairs}
        for param in self.handles.keys() - self.each.keys():
            self.handles.pop(param).remove()
        for _, param in pairs:
            if param.requires_grad and param not in self.handles:
                # torch has not typed it.
                self.handles[param] = param.register_post_accumulate_grad_hook(self._hook)  # type: ignore[no-untyped-call]

    def _step(self, optimizer: Any, param: Tensor) -> None:
        # A loaded checkpoint brings other groups and states.
        if optimizer.param_groups is not self.groups or optimizer.state is not self.state:
            self._look_again(optimizer)
        # And a group may have been taken away: then the gradient is somebody else's.
        if not any(group is own for own in self.group_of.get(param, ()) for group in optimizer.param_groups):
            return
        _refuse_options(optimizer, self.group_of[param])
        if not self._has_begun:
            _refuse_replicas(optimizer)
            self._has_begun = True
        if self._squares is not None:
            self._squares.append(_square(param.grad))
        else:
            if self._share is not None and param.grad is not None:
                param.grad.mul_(self._share.to(param.grad.device, param.grad.dtype.to_real()))
            _step_alone(self.each[param])
            self._times[param] += self.group_of[param][0]["accumulate"] == 1
        param.grad = None

    def _catch_up(self, optimizer: Any, *_: Any) -> None:
        """Let parameters that were added, or unfrozen, be as the others from here: `step()` has just stepped them."""
        self._share = None
        self._warn_of_several(optimizer)
        params = [param for _, param in _all(optimizer)]
        late = [param for param in params if param.requires_grad and param not in self.handles]
        if late or not _are_same(params, list(self.each)):
            self._look_again(optimizer)
        for param in late:
            param.grad = None

    def _warn_of_several(self, optimizer: Any) -> None:
        """Say once that gradients of several backwards are not gathered, as loops do that count them."""
        times = max(self._times.values(), default=0)
        self._times.clear()
        if times > 1 and not self._has_warned:
            self._has_warned = True
            warn(
                f"{type(optimizer).__name__} has stepped {times} times in backward before step(), by the gradients of "
                f"each alone: call step() after each, let no trainer accumulate gradients, or pass accumulate={times}"
            )


class _Kept(list[InBackward]):
    """What steps a model in backward, and is there as long as the model; copies of the model are stepped by nobody."""

    def __reduce__(self) -> Any:
        return _Kept, ()


class _Hook:
    """Steps a parameter as long as somebody has its model or the optimizer: it keeps neither alive, nor itself."""

    def __init__(self, steps: InBackward, optimizer: Steps) -> None:
        self.steps, self.optimizer = weakref.ref(steps), weakref.ref(optimizer)
        self.name, self.has_stepped = type(optimizer).__name__, False

    def __call__(self, param: Tensor) -> None:
        steps, optimizer = self.steps(), self.optimizer()
        if steps is not None and optimizer is not None:
            self.has_stepped = True
            steps._step(optimizer, param)
        elif not self.has_stepped:
            raise RuntimeError(
                f"{self.name} cannot step in backward, since neither it nor the model given to in_backward is there "
                "any more: keep one of them as long as the parameters are trained"
            )


def _only(optimizer: Any, group: dict[str, Any], param: Tensor, index: int) -> Any:
    """Make what steps one parameter; its steps are seen by no hooks, which keep what made them."""
    one = optimizer.only(group, param, index)
    one.__dict__.update(_optimizer_step_pre_hooks={}, _optimizer_step_post_hooks={})
    return one


def _are_same(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Tell if two lists have the same objects."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _step_alone(optimizer: Steps) -> None:
    """Take a step that hooks do not see: they are run once for all parameters."""
    if isinstance(optimizer, LowRank):
        optimizer.step_alone()
    else:
        plain_step(optimizer)


def _square(grad: Any) -> Tensor:
    """Sum the squares of a gradient, as precisely as there is."""
    values = grad.coalesce().values() if grad.is_sparse else grad
    square: Tensor = values.detach().abs().square().sum(dtype=torch.float64)
    return square


def _refuse_options(optimizer: Steps, groups: Iterable[dict[str, Any]]) -> None:
    """Raise ValueError for an option that needs all gradients at once."""
    for group in groups:
        for option, why in WHOLE.items():
            if group.get(option):
                raise ValueError(
                    f"{type(optimizer).__name__} cannot step in backward with {option}={group[option]!r}, since {why}: "
                    "leave it out, or clip each tensor by itself with max_tensor_norm"
                )


def _refuse_replicas(optimizer: Steps) -> None:
    """Raise ValueError for parameters whose gradients are made common only when all of them are there.

    Nothing in a parameter, or in a model, tells that it was wrapped, so it is looked for among all replicas there are.
    """
    own = {id(param) for _, param in _all(optimizer)}
    for module in _replicas():
        if any(id(param) in own for param in module.parameters()):
            raise ValueError(
                f"{type(optimizer).__name__} cannot step in backward of a model in DistributedDataParallel, as "
                "gradients there are made common after they are complete, and its processes would drift apart: call "
                "step() after backward()"
            )


def _replicas() -> list[nn.Module]:
    """Find everything that averages gradients over processes; without other processes there is nothing."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return []
    kind = nn.parallel.DistributedDataParallel
    return [thing for thing in gc.get_objects() if issubclass(type(thing), kind)]


def in_backward(model: nn.Module, optimizer: Steps) -> InBackward:
    """Let `loss.backward()` update each parameter as soon as its gradient is complete, and then free the gradient.

    The same numbers come out as of `backward()` and `step()`, and the gradients never lie in memory together. Go on
    calling `optimizer.step()` after each backward: it finds no gradients, runs its hooks, and schedulers count it.
    Gradients of several backwards are gathered with `accumulate=`; `state_dict()` is that of the optimizer. It lasts as
    long as the model, the optimizer or what is returned here does.

    Layers that are unfrozen, and groups that are added, are stepped by `step()` the first time, and from then on as all
    others. Raises TypeError for an optimizer without a formula, such as torch's own. Raises ValueError for one that
    steps in backward already; also later, if an option needs all gradients at once; if a wrapper around the optimizer,
    such as SAM, needs what is over when backward ends; if a parameter of the optimizer is not the model's; and for
    parameters in DistributedDataParallel, whether it is made before or after. Warns where `step()` comes after several
    backwards, each of which has been a step.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"in_backward needs the model, a torch.nn.Module, but got {kind_of(model)}")
    if not (isinstance(optimizer, LowRank) or hasattr(type(optimizer), "rule")):
        raise TypeError(
            f"in_backward needs an optimizer of thalweg with a formula, but got {kind_of(optimizer)}: call step() "
            "instead"
        )
    _refuse_again(optimizer)
    _refuse_replicas(optimizer)
    _refuse_options(optimizer, optimizer.param_groups)
    refuse_in_backward(optimizer, *wrappers_of(optimizer))
    _refuse_common(optimizer)
    _refuse_strangers(optimizer, model)
    return InBackward(model, optimizer)


def _refuse_again(optimizer: Steps) -> None:
    if optimizer._in_backward:
        raise ValueError(
            f"{type(optimizer).__name__} steps in backward already: keep what in_backward has returned, or call its "
            "remove()"
        )


def _refuse_common(optimizer: Steps) -> None:
    """Refuse what is known of all gradients together, which backward never has at a time."""
    name = type(optimizer).__name__
    if optimizer.learned:
        raise ValueError(
            f"{name} cannot step in backward, since it learns from the sums over all gradients of a step: call step() "
            "after backward()"
        )
    if isinstance(optimizer, Optimizer) and optimizer.needs_grad_norm:
        raise ValueError(
            f"{name} cannot step in backward, since it looks at the common norm of all gradients: call step() after "
            "backward()"
        )


def _refuse_strangers(optimizer: Steps, model: nn.Module) -> None:
    own = set(model.parameters())
    strange = [param for _, param in _all(optimizer) if param not in own]
    if strange:
        raise ValueError(
            f"{type(optimizer).__name__} has {len(strange)} parameters that are not the model's, the first of shape "
            f"{tuple(strange[0].shape)}: pass the model whose parameters it was given"
        )


def _all(optimizer: Steps) -> Iterator[tuple[dict[str, Any], Tensor]]:
    return ((group, param) for group in optimizer.param_groups for param in group["params"])
