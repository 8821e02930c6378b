"""Optimizers that a program writes itself, for torch.optim: they keep torch's ways, though their parent is ours."""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import Any

from torch.optim import Optimizer as TorchOptimizer


class WrittenForTorch(TorchOptimizer):
    """What stands between such a class and ours: torch's own methods, and options by any name, in a dictionary."""

    _step_supports_amp_scaling = False
    step: Any = TorchOptimizer.step
    add_param_group: Any = TorchOptimizer.add_param_group
    state_dict: Any = TorchOptimizer.state_dict
    load_state_dict: Any = TorchOptimizer.load_state_dict
    __getstate__: Any = TorchOptimizer.__getstate__
    __setstate__: Any = TorchOptimizer.__setstate__
    __repr__: Any = TorchOptimizer.__repr__

    # No property: a program may keep metrics of its own.
    metrics: Any = MappingProxyType({})

    def explain(self) -> str:
        """Say that the step is the class's own."""
        return f"{type(self).__name__} has a step of its own, which torch runs as it is written"

    def memory(self) -> Any:
        """Raise TypeError, as nobody knows what states a step of its own will make."""
        raise TypeError(f"{type(self).__name__} has no formula, whose states could be counted: look at its state")

    def averaged(self) -> Any:
        """Raise RuntimeError, as averages are kept around formulas."""
        raise RuntimeError(f"{type(self).__name__} has no formula, around which averages are kept: use swa_utils")


def is_written_for_torch(cls: Any, root: Any) -> bool:
    """Tell if a class, or a parent of it, makes its options and steps itself, instead of declaring them."""
    if issubclass(cls, WrittenForTorch):
        return True
    if cls.options != root.options or any(hasattr(parent, "update") for parent in cls.__bases__):
        return False
    makes = {"__init__", "step"} & vars(cls).keys()
    declares = inspect.get_annotations(cls) or "update" in vars(cls)
    return len(makes) == 2 or (len(makes) == 1 and not declares)


def keep_torchs_ways(cls: type) -> None:
    """Let a class have torch's methods before ours; a child of one that has them already needs nothing."""
    if not issubclass(cls, WrittenForTorch):
        cls.__bases__ = (WrittenForTorch, *cls.__bases__)
