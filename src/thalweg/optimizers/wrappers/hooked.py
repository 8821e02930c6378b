"""Wrappers that work by an optimizer's hooks: whoever has the optimizer, or the wrapper, has both."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

from torch.optim import Optimizer

from ...definition.options_elsewhere import advice
from ...described import kind_of


class Hooked:
    """A wrapper that keeps its optimizer, while the optimizer's hooks keep the wrapper's twin.

    The twin has all that the wrapper has, also what is set later, but for the optimizer, which hooks are given anyway.
    So neither keeps itself alive, and both are freed when nobody has them, without the cyclic collector. A copy, or
    what comes out of a pickle, puts its own hooks on the optimizer that came with it.
    """

    __slots__ = ("__dict__", "__weakref__", "_hooks", "optimizer")

    optimizer: Any
    why_not_in_backward: ClassVar[str | None] = None
    """What the wrapper would miss of an optimizer that steps in backward, if it would."""

    def __new__(cls, *_: Any, **options: Any) -> Self:
        """Say of an option that is unknown what to do, as other libraries' wrappers make their optimizer themselves."""
        known = [name for name in inspect.signature(cls.__init__).parameters if name not in ("self", "optimizer")]
        unknown = [name for name in options if name not in ("optimizer", *known)]
        if unknown:
            raise TypeError(f"{cls.__name__} has no option {unknown[0]!r}{advice(unknown[0], known)}")
        return super().__new__(cls)

    def _put_on(self, optimizer: Any) -> None:
        """Keep an optimizer, and put the hooks on it."""
        check_optimizer(type(self).__name__, optimizer)
        if getattr(optimizer, "_in_backward", False):
            refuse_in_backward(optimizer, self)
        self.optimizer = optimizer
        twin = object.__new__(type(self))
        twin.__dict__ = self.__dict__
        self._hooks: tuple[Any, ...] = twin._hooks_on(optimizer)

    def _hooks_on(self, optimizer: Any) -> tuple[Any, ...]:
        """Register the wrapper's hooks; return their handles."""
        raise NotImplementedError

    def _take_off(self) -> None:
        """Take the hooks off."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = ()

    def __getattr__(self, name: str) -> Any:
        """Say whose step it is that somebody asks the wrapper for."""
        kind = type(self).__name__
        if name.startswith("_") or not hasattr(Optimizer, name):
            raise AttributeError(f"{kind} has no {name!r}")
        raise AttributeError(
            f"{kind} has no {name!r} of its own, as it works by hooks of the optimizer that it is around: "
            f"write optimizer.{name} in place of {kind.lower()}.{name}"
        )

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _again, (type(self), self.optimizer, bool(self._hooks), dict(self.__dict__))


def wrappers_of(optimizer: Any) -> list[Hooked]:
    """Find the wrappers whose hooks are on an optimizer."""
    hooks = [*optimizer._optimizer_step_pre_hooks.values(), *optimizer._optimizer_step_post_hooks.values()]
    return [hook.__self__ for hook in hooks if isinstance(getattr(hook, "__self__", None), Hooked)]


def refuse_in_backward(optimizer: Any, *wrappers: Hooked) -> None:
    """Raise ValueError if one of the wrappers of an optimizer needs what is over when backward ends."""
    for wrapper in wrappers:
        if wrapper.why_not_in_backward:
            raise ValueError(
                f"{type(optimizer).__name__} cannot step in backward with {type(wrapper).__name__}, since "
                f"{wrapper.why_not_in_backward}: take one of the two off, with remove()"
            )


def check_optimizer(name: str, optimizer: Any) -> None:
    """Raise TypeError for what has no steps to put hooks on."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{name} works by the hooks of an optimizer, but got {kind_of(optimizer)}: pass an optimizer, such as "
            "thalweg.AdamW(model.parameters())"
        )


def _again(kind: type[Hooked], optimizer: Any, is_on: bool, own: dict[str, Any]) -> Hooked:
    """Make a copy of a wrapper, around a copy of its optimizer."""
    made = object.__new__(kind)
    made.__dict__.update(own)
    made.optimizer, made._hooks = optimizer, ()
    if is_on:
        made._put_on(optimizer)
    return made
