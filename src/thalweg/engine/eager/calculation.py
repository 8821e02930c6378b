"""A formula that multiplies matrices, calculated by its graph: in fewer calls of torch than its text makes.

A moving average of products is one call, and so is any other moving average, or a step; where these take in products,
they are written in place, at the end. What nothing reads any more gives its memory to what comes next. Each number is
the text's within a few roundings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor

from ... import formula as words
from ...formula.graph.expr import Constant, Expr, MatrixFunction, Operation, Reduction, Symbol, walk
from ...formula.graph.rewrite import gather_numbers, merge, rewrite
from ...formula.graph.weighted_sums import WeightedSum, are_turned, weighted_sums
from ...formula.matrices.matrix import ON_LINES
from ...formula.matrices.matrix_products import symmetric_product
from ...formula.tracing.trace import Formula, option
from .later import Again, Later, is_one, taken_in

IN_PLACE: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "sqrt": torch.sqrt,
}
"""Operations that can write where an operand is."""

PRODUCTS = ("matmul", "upper_matmul", "upper_by_upper", "lower_matmul")
"""Functions of matrices whose results are tensors of their own."""

STACKED = 3
"""Dimensions of a stack of matrices: torch adds products to no other."""


@cache
def calculation_of(formula: Formula) -> Calculation | None:
    """Make the calculation of a formula that multiplies; None if it says what has no place in one."""
    is_of_bits = any(map(_is_of_bits, walk(*formula.outputs.values())))
    return Calculation(formula) if formula.multiplies and not is_of_bits else None


def _is_of_bits(node: Expr) -> bool:
    return node.kind == "bits" or (isinstance(node, Reduction) and node.how == "block_peak")


class Calculation:
    """What is known of a formula's graph before there are numbers."""

    def __init__(self, formula: Formula) -> None:
        self.outputs = rewrite(merge(formula.outputs), gather_numbers)
        self.sums = weighted_sums(self.outputs)
        self.nodes = self._needed()
        self.uses = Counter(operand for node in self.nodes for operand in self.operands(node))
        self.uses.update(self.outputs.values())
        given = {node for node in self.nodes if not _is_new(node)}
        self.kept = given.union(*(self.operands(node) for node in given))
        """What must not be written to: what was given, and what others may be views of."""

    def operands(self, node: Expr) -> tuple[Expr, ...]:
        """Give what a node is calculated from."""
        return self.sums[node].operands if node in self.sums else node.operands

    def _needed(self) -> list[Expr]:
        """List the nodes in the order of their calculation, without those that are parts of a sum."""
        found: dict[Expr, None] = {}

        def visit(node: Expr) -> None:
            if node not in found:
                for operand in self.operands(node):
                    visit(operand)
                found[node] = None

        for output in self.outputs.values():
            visit(output)
        return list(found)

    @cached_property
    def with_products(self) -> dict[str, Expr]:
        """Find the outputs that take products in, and that nothing else reads: the sum, which a number may multiply."""
        found = {name: self._without_number(node) for name, node in self.outputs.items() if self.uses[node] == 1}
        return {
            name: node
            for name, node in found.items()
            if self.uses[node] == 1 and node in self.sums and self.sums[node].adds_product_to(name)
        }

    @cached_property
    def averages(self) -> dict[str, Expr]:
        """Find the outputs that take the gradient in: where they are kept, this can be done once more at the end."""
        return {
            name: node
            for name, node in self.outputs.items()
            if node in self.sums and self.sums[node].takes_in("grad", name)
        }

    @staticmethod
    def _without_number(node: Expr) -> Expr:
        """Give what a number multiplies, or the node itself."""
        if not (isinstance(node, Operation) and node.op.name == "multiply"):
            return node
        number, other = sorted(node.operands, key=lambda operand: operand.varies)
        return node if number.varies else other

    def __call__(
        self,
        tensors: Mapping[str, Any],
        options: Mapping[str, Any],
        numbers: Mapping[str, float],
        later: Collection[str],
    ) -> dict[str, Any]:
        """Calculate all outputs; of those among `later` that can wait, say how."""
        waiting = {node for name, node in (self.with_products | self.averages).items() if name in later}
        return _Run(self, tensors, options, numbers, waiting).outputs()


def _is_new(node: Expr) -> bool:
    """Tell if a node's tensor is made anew by it, and is no view of another."""
    is_product = isinstance(node, MatrixFunction) and node.how in PRODUCTS
    return is_product or (isinstance(node, Operation) and node.varies and node.op.name in IN_PLACE)


def _is_waited_for(value: Any) -> bool:
    """Tell if a number lies on a device: to compute with it on the host, one would have to wait."""
    return isinstance(value, Tensor) and value.device.type != "cpu"


class _Run:
    """One calculation, with its tensors."""

    def __init__(
        self,
        graph: Calculation,
        tensors: Mapping[str, Any],
        options: Mapping[str, Any],
        numbers: Mapping[str, float],
        waiting: set[Expr],
    ) -> None:
        self.graph, self.tensors, self.options, self.numbers = graph, tensors, options, numbers
        self.waiting, self.left = waiting, Counter(graph.uses)
        self.again: dict[Expr, Again] = {}
        """Averages that are taken once more, where they are kept, so that they need not be held until then."""
        self.values: dict[Expr, Any] = {}
        self.several: dict[tuple[Any, ...], Any] = {}
        """The results of functions that have more than one."""
        self.awaited: set[int] = set()
        """What products are made of at the end."""

    def outputs(self) -> dict[str, Any]:
        """Calculate everything, and forget what nothing reads any more."""
        for node in self.graph.nodes:
            operands = self.graph.operands(node)
            for operand in operands:
                self.left[operand] -= 1
            made = self.values[node] = self.value(node)
            if isinstance(made, Later):
                self.awaited.update(map(id, made.read))
            for operand in operands:
                if not self.left[operand]:
                    self.values.pop(operand, None)
        made_at_last = self.values | self.again
        return {name: made_at_last[node] for name, node in self.graph.outputs.items()}

    def value(self, node: Expr) -> Any:
        """Calculate one node."""
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, Symbol):
            return self.symbol(node)
        if node in self.graph.sums:
            return self.sum(node, self.graph.sums[node])
        given = [self.values[operand] for operand in node.operands]
        if isinstance(node, Reduction):
            return getattr(words, node.how)(*given)
        return self.function(node, given) if isinstance(node, MatrixFunction) else self.operation(node, given)

    def symbol(self, node: Symbol) -> Any:
        """Find what was given: a tensor, a number of the parameter or of the step, or an option."""
        if node.scope != "group" and node.name in self.tensors:
            return self.tensors[node.name]
        return self.numbers[node.name] if node.name in self.numbers else option(self.options, node)

    def operation(self, node: Any, given: list[Any]) -> Any:
        """Calculate with numbers, or with tensors, where one of these is if it can be."""
        name, operands = node.op.name, node.operands
        if any(isinstance(each, Later) for each in given):
            number, waits = sorted(given, key=lambda each: isinstance(each, Later))
            return replace(waits, number=number)
        is_number = not (node.varies or any(map(_is_waited_for, given)))
        if is_number or (name == "where" and not isinstance(given[0], Tensor)):
            return node.op.host(*given)
        if name in ("add", "multiply") and not isinstance(given[0], Tensor):
            given, operands = given[::-1], operands[::-1]
        if name in IN_PLACE and isinstance(given[0], Tensor):
            out = self.free(operands, given)
            is_done = out is given[0] and name == "multiply" and is_one(given[1])
            return out if is_done else IN_PLACE[name](*given, out=out)
        return node.op.torch(*given)

    def function(self, node: MatrixFunction, given: list[Any]) -> Any:
        """Call a function of whole matrices, and once for all its results."""
        if node.how == "orthogonalize":
            x, steps, eps, batch_dims, blocks, *coefficients = given
            return words.orthogonalize(x, coefficients, steps, eps, batch_dims, blocks)
        if node.how == "matmul" and are_turned(*node.operands) and given[0].dim() <= STACKED:
            return symmetric_product(*given)
        key = node.how, *map(id, node.operands)
        made = self.several[key] if key in self.several else ON_LINES[node.how](*given)
        if not isinstance(made, tuple):
            return made
        self.several[key] = made
        return made[node.result]

    def sum(self, node: Expr, found: WeightedSum) -> Any:
        """Calculate a tensor and a share of another, in one call."""
        old, new = self.values[found.old], [self.values[each] for each in found.new]
        weight = 1.0 if found.weight is None else self.values[found.weight]
        if not found.is_product:
            self.note_again(node, found.how, old, new[0], weight)
            return self.taken_in(found, old, new[0], weight)
        left, right = new
        scale = 1.0 if found.scale is None else self.values[found.scale]
        # Each element of a product of two vectors is one product, to which a call for sums would add a rounding.
        is_alone = left.shape[-1] == 1 or not left.dim() == right.dim() == old.dim() <= STACKED
        if is_alone or any(map(_is_waited_for, (weight, scale))):
            return self.taken_in(found, old, scale * ON_LINES["matmul"](left, right), weight)
        beta = 1 - weight if found.how == "lerp" else 1.0
        alpha = (-weight if found.how == "subtract" else weight) * scale
        later = Later(old, (left, right), (beta, alpha), found.is_symmetric)
        return later if node in self.waiting else later.new()

    def taken_in(self, found: WeightedSum, old: Any, new: Any, weight: float) -> Any:
        """Take one tensor into another."""
        is_apart = _is_waited_for(weight)
        if found.how == "lerp" and (is_apart or old.dtype != new.dtype):
            return old + weight * (new - old)
        if is_apart:
            return old + weight * new if found.how == "add" else old - weight * new
        out = None if found.is_product else self.free((found.old, *found.new), [old, new])
        return taken_in(found.how, old, new, weight, out)

    def note_again(self, node: Expr, how: str, old: Any, grad: Any, weight: float) -> None:
        """Note that an average waits, if it is made in one call, and that no output holds what is made of it now."""
        if node in self.waiting and not _is_waited_for(weight) and old.dtype == grad.dtype:
            self.again[node] = Again(how, old, grad, weight)
            self.left[node] -= 1

    def free(self, nodes: tuple[Expr, ...], given: list[Any]) -> Tensor | None:
        """Find a tensor that nothing reads any more, of the shape and dtype of the result."""
        tensors = [each for each in given if isinstance(each, Tensor)]
        for node, each in zip(nodes, given, strict=True):
            is_left = isinstance(each, Tensor) and not self.left[node] and node not in self.graph.kept
            is_free = is_left and id(each) not in self.awaited
            if is_free and all(_fits(other, each) for other in tensors if other is not each):
                return each  # type: ignore[no-any-return]
        return None


def _fits(other: Tensor, each: Tensor) -> bool:
    """Tell if what is made of two tensors has the shape and the dtype of the second."""
    shape = other.shape
    if shape == each.shape or not shape:
        return not shape or other.dtype == each.dtype
    sizes = zip(reversed(shape), reversed(each.shape), strict=False)
    return len(shape) <= each.dim() and other.dtype == each.dtype and all(one in (1, size) for one, size in sizes)
