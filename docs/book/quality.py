"""What was measured of how well an optimizer trains: its rows of the page that says which one to take."""

from .markdown import table
from .measured import measured

OPTIMIZER = "optimizer"
"""The column of the class; two rules of the paper are one class with other options."""

COUNTED = ("rank", "rule", "loss", "rate")


def quality(name: str) -> str:
    """Write an optimizer's ranks among rules that trained a small language model; nothing if there are none."""
    _, head, rows = measured("choose.md", "ranks")
    own = [tuple(row[head.index(column)] for column in COUNTED) for row in rows if is_of(name, head, row)]
    if not own:
        return ""
    said = (
        f"On [a small language model](../choose.md#what-was-measured), at the best rate of a grid, its rank among "
        f"{len(rows)} optimizers was:"
    )
    return f"{said}\n\n{table(COUNTED, own)}"


def best_loss(name: str) -> str:
    """Give the least loss of an optimizer's rows, without its error; nothing if there is none."""
    _, head, rows = measured("choose.md", "ranks")
    losses = [row[head.index("loss")].split()[0] for row in rows if is_of(name, head, row)]
    return min((loss for loss in losses if loss[0].isdigit()), default="")


def is_of(name: str, head: tuple[str, ...], row: tuple[str, ...]) -> bool:
    """Tell whether a row is of a class, written as its name alone or as a call."""
    return row[head.index(OPTIMIZER)].strip("`").partition("(")[0] == name
