"""What a comparison shows that a newcomer would stumble at."""

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from statistics import median

from .compare import Run

RPROP = (
    "RProp looks at the signs of gradients alone, and takes each change of sign for a step that was too far; from one "
    "mini-batch to the next signs change by chance, so its steps shrink to nothing: give it all examples at once, as "
    "--optimizers rprop --batch-size {count} does."
)


def remarks(runs: Iterable[Run], batch_size: int, count: int) -> Iterator[str]:
    """Say in a line what is not the fault of an optimizer but of what it was given."""
    own: list[Run] = []
    others: list[Run] = []
    for run in runs:
        (own if run.choice.kind.__name__.casefold() == "rprop" else others).append(run)
    if own and batch_size < count and _falls_behind(own, others):
        yield RPROP.format(count=count)


def _falls_behind(own: Sequence[Run], others: Sequence[Run]) -> bool:
    """Tell if most others end lower, in training and in tests; without others, if more than half the loss is left."""
    sound = [run for run in others if isfinite(run.train_loss) and isfinite(run.test_loss)]
    enough = median(run.first_loss for run in own) / 2
    train = median(run.train_loss for run in sound) if sound else enough
    test = median(run.test_loss for run in sound) if sound else enough
    is_low = median(run.train_loss for run in own) <= train or median(run.test_loss for run in own) <= test
    return not is_low  # a loss that is not a number falls behind, too
