"""What a comparison shows that a newcomer would stumble at."""

from collections.abc import Iterable, Iterator

from .compare import Run

RPROP = (
    "RProp looks at the signs of gradients alone, and takes each change of sign for a step that was too far; from one "
    "mini-batch to the next signs change by chance, so its steps shrink to nothing: give it all examples at once, as "
    "--optimizers rprop --batch-size {count} does."
)


def remarks(runs: Iterable[Run], batch_size: int, count: int) -> Iterator[str]:
    """Say in a line what is not the fault of an optimizer but of what it was given."""
    if batch_size < count and any(run.choice.kind.__name__.casefold() == "rprop" for run in runs):
        yield RPROP.format(count=count)
