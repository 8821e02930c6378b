"""What `self` has inside `update`, beside the options: numbers of the step, and what is known of the parameter."""

from typing import Any, ClassVar, dataclass_transform


@dataclass_transform()
class InsideUpdate:
    """Names these numbers for type checkers, who also derive a class's signature from its fields.

    An optimizer itself does not have them.
    """

    step_count: ClassVar[Any]
    """How many steps the parameter has taken, with this one."""
    is_first_step: ClassVar[Any]
    grad_norm: ClassVar[Any]
    """The common norm of all gradients, where the class says that it `needs_grad_norm`."""
    param_index: ClassVar[Any]
    """The place of the parameter among all of the optimizer's."""
    phase: ClassVar[Any]
    """Which of the class's `phases` the step is."""
    shape: ClassVar[Any]
    """The size of each of its dimensions."""
    ndim: ClassVar[Any]
    numel: ClassVar[Any]
    is_matrix: ClassVar[Any]
    """Whether it has rows and columns, as `sides` says."""
    rows: ClassVar[Any]
    columns: ClassVar[Any]
    machine_epsilon: ClassVar[Any]
    """The distance from 1 to the next number of its dtype."""
