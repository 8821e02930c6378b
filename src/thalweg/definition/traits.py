"""What a class of optimizer says of itself, beside its options and its formula."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..formula.matrices.sides import Sides, first_against_rest
from ..formula.rule.rule import Rule
from ..hyper import Option


class Traits(torch.optim.Optimizer):
    """What most classes leave as it is."""

    options: ClassVar[dict[str, Option]] = {}
    around: ClassVar[dict[str, Option]] = {}
    """What every formula has besides: it is put around it."""
    rule: ClassVar[Rule]
    update: ClassVar[Callable[..., Any]]
    formulas: ClassVar[tuple[str, ...]] = ()
    """The formulas that a class has besides `update`."""
    learn: ClassVar[Callable[..., dict[str, Any]]]
    """Gives what is learned from a step: `self` is as in `update`; it is given all sums of `measures` and `surveys`."""
    spellings: ClassVar[Mapping[str, str]] = {}
    """Other names under which an option is accepted."""
    counts_steps: ClassVar[bool] = True
    """False for the rules whose torch.optim counterpart keeps no `step`."""
    layouts: ClassVar[frozenset[torch.layout]] = frozenset({torch.strided})
    """The kinds of gradients that the rule is for: dense, sparse or both."""
    step_type: ClassVar[type] = Tensor
    """What `step` is in torch.optim's counterpart: a tensor, or an int."""
    torchs_numbers: ClassVar[frozenset[str]] = frozenset()
    """The states of one number that torch.optim's counterpart has: in torch's default dtype, others in float64."""
    needs_grad_norm: ClassVar[bool] = False
    """True if the formula asks for `self.grad_norm`, the common norm of all gradients, in each step."""
    surveys: ClassVar[tuple[str, ...]] = ()
    """What `survey(self, param, grad, *states)` returns: sums over the parameter, which are taken of all parameters
    before a step; in the step, `self` has them by these names. Options that change gradients later on are refused."""
    precise: ClassVar[frozenset[str]] = frozenset()
    """The states that are kept as precisely as is computed, whatever `state_dtype` says of others."""
    refuses: ClassVar[Mapping[str, str]] = {}
    """The options around a formula with which it would be another method, and why, in words that follow `since`."""
    measures: ClassVar[tuple[str, ...]] = ()
    """What `update` returns after the states: sums over the parameter, to learn from."""
    learned: ClassVar[tuple[str, ...]] = ()
    """The numbers of a group that are no options: `start` gives the first ones, and `learn` those after a step."""
    for_complex: ClassVar[str] = ""
    """The optimizer to pass complex parameters to, where the rule is for real numbers alone."""
    keeps_state_from_start: ClassVar[bool] = False
    """True where torch.optim's counterpart makes the states with the optimizer, and its checkpoints rely on it."""
    starts_from_parameters: ClassVar[bool] = False
    """True where what is learned begins with the sizes or the norm of all parameters."""
    routes: ClassVar[Mapping[str, Any]] = {}
    """The options of a group by which `rule_in` chooses its rule, each as it is in torch.optim's counterpart."""
    phases: ClassVar[tuple[str, ...]] = ()
    """What `self.phase` may be in `update`, the usual one last: `phase_of` says which one a step is."""

    _observes: bool = False
    """True while an optimizer takes in what is seen besides gradients, by its class's formula `observe`."""

    @classmethod
    def unfit(cls, param: Tensor, options: Mapping[str, Any]) -> tuple[str, str] | None:
        """Say what rule a parameter breaks and what it is; None for those that this optimizer is for."""
        if cls.for_complex and param.is_complex():
            away = f"is {param.dtype}: pass it to {cls.for_complex}"
            return f"{cls.__name__} does not support complex parameters", away
        return None

    @classmethod
    def sides(cls, shape: tuple[int, ...], options: Mapping[str, Any]) -> Sides | None:
        """Say which dimensions of a parameter are rows, and which columns; None if it has no such."""
        return first_against_rest(len(shape), options["batch_dims"] if "batch_dims" in cls.options else 0)

    @classmethod
    def rule_in(cls, group: Mapping[str, Any]) -> Rule:
        """Return the rule that a group follows: a class may have another one for what its own is not for."""
        return cls.rule

    @classmethod
    def start(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the first values of what is learned."""
        return {}

    @classmethod
    def touches_only_gradients(cls, options: Mapping[str, Any]) -> bool:
        """True if an element without a gradient stays as it is, so that of a sparse one only the values matter."""
        return True

    @classmethod
    def check(cls, options: Mapping[str, Any], where: str = "") -> None:
        """Raise ValueError or RuntimeError where options that are fine alone do not go together."""

    @classmethod
    def directions(cls, rows: int, columns: int, options: Mapping[str, Any]) -> int:
        """Say how many columns the states have that are marked `Thin`."""
        return min(rows, columns)

    @classmethod
    def phase_of(cls, options: Mapping[str, Any], step: int) -> str:
        """Say which phase a parameter's step is, its first being 1; for a class that has `phases`."""
        return cls.phases[-1]
