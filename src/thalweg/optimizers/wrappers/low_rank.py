"""Any rule in a few directions of each matrix: a small parameter stands in for it, and the rule steps that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, ClassVar, Self, TypeGuard

import torch
from torch import Tensor, nn

from ...definition.groups import iterable
from ...described import described, shown
from ...formula.matrices.spectra import failures
from ...formula.matrices.unrounded import unrounded
from ...hyper import Option, declared
from ...optimizer import Optimizer, Parameters, check_closure
from ...state.interrupts import InterruptsWaiting
from ...state.names import refuse_lazy
from ...state.noted import OneParameter
from ..elementwise.adam import AdamW
from .low_rank_checkpoint import load, refuse_numbers
from .low_rank_refusals import refuse_edits, refuse_gradient, refuse_matrix, refuse_options
from .projections import is_tall, projected

SOME_MATRIX = (4, 4)
"""The shape of what any rule takes: its options are checked before there are parameters."""


class LowRank(torch.optim.Optimizer):
    """What the methods of low rank have in common: a stand-in for each matrix, which a rule steps from zero.

    A subclass says in which directions (`find`), and what becomes of the step (`move`). Matrices are parameters of two
    dimensions in groups whose `rank` is not None; all other parameters are the rule's own.
    """

    options: ClassVar[dict[str, Option]] = {}
    _in_backward: bool = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.options = {**cls.options, **declared(cls)}

    def __init__(self, params: Parameters, rule: type[Optimizer] = AdamW, **options: Any) -> None:
        name = type(self).__name__
        if not (isinstance(rule, type) and issubclass(rule, Optimizer) and hasattr(rule, "rule")):
            raise TypeError(
                f"{name} needs the class of a rule of this library, such as thalweg.AdamW, but got {shown(rule)}"
            )
        own = {name: options.pop(name, option.default) for name, option in self.options.items()}
        self.inner: Optimizer = rule([torch.zeros(SOME_MATRIX, dtype=torch.float32, device="cpu")], **options)
        self.inner.param_groups.clear()
        self.stand_ins: dict[Tensor, nn.Parameter] = {}
        self.inner_groups: list[tuple[dict[str, Any], dict[str, Any], bool]] = []
        """The groups of the rule, the group that each follows, and whether it has stand-ins."""
        self.first_index = 0
        """The place of its first parameter: one that is for a single parameter knows where that stands."""
        super().__init__(iterable(params), {**self.inner.defaults, **own})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; options left out are the optimizer's.

        Raises TypeError or ValueError, and adds nothing, for what cannot be optimized, a bad option, or a rank larger
        than a matrix.
        """
        known_groups, known_inner = len(self.param_groups), len(self.inner.param_groups)
        super().add_param_group(param_group)
        try:
            self._follow_with(self.param_groups[-1], f" in parameter group {known_groups}")
        except BaseException:
            del self.param_groups[known_groups:], self.inner.param_groups[known_inner:], self.inner_groups[known_inner:]
            raise

    def _follow_with(self, group: dict[str, Any], where: str) -> None:
        """Give the rule groups for what is stepped as it is, and for stand-ins."""
        owner = type(self).__name__
        group.update({name: option.check(group[name], owner, where) for name, option in self.options.items()})
        params = group["params"]
        refuse_lazy([group], owner)
        named = list(zip(group["param_names"], params, strict=True)) if "param_names" in group else params
        low = [self._is_low(param, group) for param in params]
        for name, param, is_low in zip(group.get("param_names", range(len(params))), params, low, strict=True):
            if is_low:
                refuse_matrix(owner, name, param, group["rank"], where)
        whole = [item for item, is_low in zip(named, low, strict=True) if not is_low]
        small = [self._stand_in(item, group) for item, is_low in zip(named, low, strict=True) if is_low]
        for items, is_small in ((whole, False), (small, True)):
            if items:
                self.inner.add_param_group({"params": items, **self._options_of(group, is_small)})
                self.inner_groups.append((self.inner.param_groups[-1], group, is_small))
        if small:
            refuse_options(owner, type(self.inner), self.inner.param_groups[-1], group, where)

    def _is_low(self, param: Tensor, group: Mapping[str, Any]) -> bool:
        return group["rank"] is not None and param.dim() == 2 and not param.is_complex()

    def _let_go(self) -> None:
        """Let the rule have no groups that were taken away from the optimizer's, nor what it keeps of them."""
        kept = [row for row in self.inner_groups if any(row[1] is group for group in self.param_groups)]
        if len(kept) == len(self.inner_groups):
            return
        self.inner_groups, self.inner.param_groups[:] = kept, [inner for inner, _, _ in kept]
        for param in self.stand_ins.keys() - set(_params(self)):
            del self.stand_ins[param]
        for stepped in self.inner.state.keys() - set(_params(self.inner)):
            del self.inner.state[stepped]

    def _stand_in(self, item: Any, group: Mapping[str, Any]) -> Any:
        """Make the small parameter of a matrix, with its name."""
        name, param = item if isinstance(item, tuple) else (None, item)
        rows, columns = param.shape
        shape = (rows, group["rank"]) if is_tall(param) else (group["rank"], columns)
        self.stand_ins[param] = small = nn.Parameter(torch.zeros(shape, dtype=param.dtype, device=param.device))
        return small if name is None else (name, small)

    def _options_of(self, group: Mapping[str, Any], is_small: bool) -> dict[str, Any]:
        """Read what the rule is to follow; a stand-in is zero, and its parameter decays by itself."""
        found = {name: group[name] for name in self.inner.defaults if name in group}
        return found | {"weight_decay": 0.0} if is_small and "weight_decay" in found else found

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, once; return the closure's loss, if there is a closure.

        Raises RuntimeError for gradients that are sparse or do not fit their parameters.
        """
        loss = None
        if closure is not None:
            check_closure(type(self).__name__, closure)
            with torch.enable_grad():
                loss = closure()
        self._let_go()
        self.step_alone()
        return loss

    @torch.no_grad()
    def step_alone(self) -> None:
        """Take a step that hooks and profilers do not see."""
        refuse_edits(self)
        for inner, group, is_small in self.inner_groups:
            wanted = self._options_of(group, is_small)
            inner.update({name: value for name, value in wanted.items() if inner[name] is not value})
        failed = failures.count
        try:
            with unrounded():
                found = list(self._found())
                with InterruptsWaiting():
                    is_taken = self._step_rule()
                    self.inner._metrics.undecomposed += failures.count - failed
                    for group, param, new in found if is_taken else ():
                        self.move(group, param, self.stand_ins[param], new)
                        self.state[param] = new
        finally:
            self._forget_step()

    def _step_rule(self) -> bool:
        """Let the rule take its step; False if it has left it out, since gradients are not finite."""
        asks = any(group["skip_nonfinite"] for group in self.inner.param_groups)
        skipped = self.inner.metrics["skipped"] if asks else 0
        self.inner.step()
        return not asks or self.inner.metrics["skipped"] == skipped

    def only(self, group: dict[str, Any], param: Tensor, index: int) -> Self:
        """Return this optimizer for one of its parameters, with the same options, directions and states, live."""
        one, is_small = object.__new__(type(self)), param in self.stand_ins
        stepped = self.stand_ins.get(param, param)
        inner = next(inner for inner, other, small in self.inner_groups if other is group and small is is_small)
        place = next(place for place, other in enumerate(_params(self.inner)) if other is stepped)
        own = {"param_groups": [OneParameter(group, param)], "inner": self.inner.only(inner, stepped, place)}
        one.__dict__.update(self.__dict__ | own | {"inner_groups": [(inner, group, is_small)], "first_index": index})
        return one

    def _found(self) -> Iterator[tuple[dict[str, Any], Tensor, dict[str, Any]]]:
        """Write each gradient in the directions of its matrix, which are looked for anew every `gap` steps."""
        places = {param: place for place, param in enumerate(_params(self), self.first_index)}
        for group in self.param_groups:
            for param in group["params"]:
                if param not in self.stand_ins or param.grad is None:
                    continue
                refuse_gradient(type(self).__name__, param, self.stand_ins[param])
                new = dict(self.state.get(param, {"step": 0}))
                if self.is_due(group, new):
                    self.keep(group, self.find(group, param.grad, places[param], new), param, new)
                new["step"] += 1
                self.stand_ins[param].grad = projected(param.grad, self.directions(group, param, new))
                yield group, param, new

    def _forget_step(self) -> None:
        """Let stand-ins be zero again: what they were is the next step's no more."""
        for small in map(self.stand_ins.get, _params(self)):
            if small is not None and small.grad is not None:
                small.zero_()
                small.grad = None

    def find(self, group: Mapping[str, Any], grad: Tensor, index: int, state: Mapping[str, Any]) -> Tensor:
        """Find the directions of a matrix; shape (smaller side, rank)."""
        raise NotImplementedError

    def is_due(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
        """Tell if directions are looked for in this step."""
        return bool(state["step"] % group["gap"] == 0)

    def keep(self, group: Mapping[str, Any], found: Tensor, param: Tensor, state: dict[str, Any]) -> None:
        """Keep the directions that were found."""
        state["directions"] = found

    def directions(self, group: Mapping[str, Any], param: Tensor, state: Mapping[str, Any]) -> Tensor:
        """Give the directions that are kept; shape (smaller side, rank)."""
        kept: Tensor = state["directions"]
        return kept

    def move(self, group: Mapping[str, Any], param: Tensor, step: Tensor, state: dict[str, Any]) -> None:
        """Move a matrix, now that the rule has stepped its stand-in from zero."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Return options, directions, and under "rule" what the rule keeps: ready for torch.save."""
        self._let_go()
        return {**super().state_dict(), "rule": self.inner.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned for the same rule, ranks and shapes.

        Raises ValueError, and changes nothing, if it does not fit.
        """
        self._let_go()
        load(self, state_dict)
        self.inner_groups = [
            (inner, self.param_groups[place], is_small)
            for inner, (place, is_small) in zip(self.inner.param_groups, self._places(), strict=True)
        ]

    def _places(self) -> list[tuple[int, bool]]:
        """Say of each group of the rule which of ours it follows; what was loaded has ours in the same order."""
        counted: list[tuple[int, bool]] = []
        for place, group in enumerate(self.param_groups):
            low = [param in self.stand_ins for param in group["params"]]
            counted += [(place, is_small) for is_small in (False, True) if is_small in low]
        return counted

    def refuse_state(self, param: Tensor, kept: dict[str, Any]) -> None:
        """Raise ValueError where what a checkpoint has of a matrix is not of its shape and rank."""
        wanted = (min(param.shape), min(self.stand_ins[param].shape)) if param in self.stand_ins else None
        found = kept.get("directions")
        if _is_real(found):
            kept["directions"] = found.to(param.dtype)
        if wanted is None or not _is_real(found) or tuple(found.shape) != wanted:
            raise ValueError(
                f"{type(self).__name__} needs directions of shape {wanted} for a parameter of shape "
                f"{tuple(param.shape)}, but the checkpoint has {described(found)}: "
                "load it with the ranks that it was saved with"
            )
        refuse_numbers(type(self).__name__, param, kept)

    def __getstate__(self) -> dict[str, Any]:
        own = ("inner", "stand_ins", "inner_groups", "first_index")
        return super().__getstate__() | {name: self.__dict__[name] for name in own}

    @property
    def learned(self) -> tuple[str, ...]:
        """What the rule learns of all its parameters together."""
        return self.inner.learned

    @property
    def metrics(self) -> dict[str, float]:
        """What the rule knows of its last step."""
        return self.inner.metrics

    def explain(self) -> str:
        """Say which matrices are stepped in few directions, and how the rule steps their stand-ins and all others."""
        ranks = [f"{tuple(param.shape)} in {min(small.shape)}" for param, small in self.stand_ins.items()]
        return f"{type(self).__name__}: {len(ranks)} matrices in few directions, {', '.join(ranks)}\n" + (
            self.inner.explain()
        )


def _params(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    """List the parameters of all groups."""
    return chain.from_iterable(group["params"] for group in optimizer.param_groups)


def _is_real(value: Any) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.is_floating_point()
