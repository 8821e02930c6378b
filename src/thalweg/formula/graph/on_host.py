"""Numbers of a graph, as a list of calls: what is computed on the host at every step is walked over once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .expr import Constant, Expr, Operation, Symbol, walk


class NumbersOnHost:
    """What some nodes come to in float64, once their symbols are known; all of them are numbers, and no tensors."""

    def __init__(self, nodes: Sequence[Expr]) -> None:
        """Raise TypeError for a node that has no value on the host."""
        every = list(walk(*nodes))
        places = {node: place for place, node in enumerate(every)}
        self.known = [node.value if isinstance(node, Constant) else None for node in every]
        self.symbols = [(place, node) for node, place in places.items() if isinstance(node, Symbol)]
        self.calls = [
            (place, node.op.host, [places[operand] for operand in node.operands])
            for node, place in places.items()
            if isinstance(node, Operation)
        ]
        if len(self.symbols) + len(self.calls) + sum(isinstance(node, Constant) for node in every) < len(every):
            raise TypeError("a function of many elements has no value on the host")
        self.wanted = [places[node] for node in nodes]

    def __call__(self, read: Callable[[Symbol], float]) -> list[Any]:
        """Compute them in their order; `read` says what a symbol stands for."""
        values = self.known.copy()
        for place, symbol in self.symbols:
            values[place] = read(symbol)
        for place, host, operands in self.calls:
            values[place] = host(*[values[operand] for operand in operands])
        return [values[place] for place in self.wanted]
