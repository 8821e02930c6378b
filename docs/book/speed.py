"""What was measured of an optimizer's speed: its row of the page of benchmarks, in words."""

from .markdown import table
from .measured import measured

IN_WORDS = {
    "bytes an element": "bytes that a step reads and writes for each element",
    "memory's speed": "the speed at which it moves them, as a share of memory's speed",
    "cautious step": "time of a step with `cautious=True`",
    "148 tensors": "time of a step of a model with 148 tensors and 10 million elements",
    "small MLP": "time of a step of a perceptron with six small tensors",
    "times faster than": "how many times faster this is than other libraries",
}
"""What the heads of the table mean, where it has one row."""


def speed(name: str) -> str:
    """Write what was measured, line by line; nothing if nothing was."""
    above, head, rows = measured("benchmarks.md", "catalogue")
    own = [dict(zip(head, row, strict=True)) for row in rows if row[0] == name]
    lines = [(IN_WORDS.get(of, of), value) for row in own for of, value in row.items() if value and of != head[0]]
    return f"{above}\n\n{table(('of a step', 'measured'), lines)}" if lines else ""
