"""Nodes that are a tensor plus a share of another, or of a product of matrices: what torch has one call for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .expr import Expr, MatrixFunction, Operation, Symbol, apply, walk

Uses = Mapping[Expr, int]

MULTIPLIED = ("matmul", "transpose")
"""Functions of matrices whose results hardly change where the last bits of these do."""


@dataclass(frozen=True)
class WeightedSum:
    """`old + weight * (new - old)` where it is a lerp, else `old` plus or minus `weight * new`."""

    how: str
    """lerp, add or subtract."""
    old: Expr
    new: tuple[Expr, ...]
    """One tensor, or the two factors of a product."""
    weight: Expr | None
    scale: Expr | None
    """A number that the product is multiplied by, before all else."""
    inside: tuple[Expr, ...]
    """The nodes that are calculated with it, and by nobody else."""

    @property
    def is_product(self) -> bool:
        """True if matrices are multiplied."""
        return len(self.new) == 2

    @property
    def is_symmetric(self) -> bool:
        """True if a matrix is multiplied by itself, transposed."""
        return are_turned(*self.new)

    def takes_in(self, new: str, name: str) -> bool:
        """Tell if a tensor of one name, as it was given, is taken into what has another."""
        given = [each.name for each in (self.old, *self.new) if isinstance(each, Symbol)]
        return not self.is_product and given == [name, new]

    def adds_product_to(self, name: str) -> bool:
        """Tell if a product is taken into what has this name."""
        return self.is_product and isinstance(self.old, Symbol) and self.old.name == name

    @property
    def operands(self) -> tuple[Expr, ...]:
        """What it is calculated from."""
        numbers = (number for number in (self.weight, self.scale) if number is not None)
        return (self.old, *self.new, *numbers)


def weighted_sums(outputs: Mapping[str, Expr]) -> dict[Expr, WeightedSum]:
    """Find them in a graph; what is taken apart into eigenvectors, or the like, stays as the formula has it.

    Of equal eigenvalues, as of zeros in the first step, the last bits decide which vectors are found.
    """
    nodes = list(walk(*outputs.values()))
    uses = Counter(operand for node in nodes for operand in node.operands)
    uses.update(outputs.values())
    decomposed = [node for node in nodes if isinstance(node, MatrixFunction) and node.how not in MULTIPLIED]
    apart = {part for node in decomposed for operand in node.operands for part in _parts(operand)}
    found = {node: _sum_of(node, uses) for node in nodes if node not in apart}
    return {node: each for node, each in found.items() if each is not None}


def _parts(node: Expr) -> Iterator[Expr]:
    """Yield a node, and the factors that it is the product of."""
    yield node
    if isinstance(node, MatrixFunction) and node.how in MULTIPLIED:
        for operand in node.operands:
            yield from _parts(operand)


def are_turned(left: Expr, right: Expr) -> bool:
    """Tell if one matrix is the other, transposed: then their product is symmetric."""
    return turned(left) is right or turned(right) is left


def turned(node: Expr) -> Expr | None:
    """Give what a transposed matrix was before."""
    return node.operands[0] if isinstance(node, MatrixFunction) and node.how == "transpose" else None


def _sum_of(node: Expr, uses: Uses) -> WeightedSum | None:
    if not (isinstance(node, Operation) and node.op.name in ("add", "subtract")):
        return None
    old, other = node.operands
    if not (old.varies and other.varies):
        return None
    weight, end = _multiple(other, uses)
    inside = () if weight is None else (other,)
    is_average = weight is not None and _is(end, "subtract") and end.operands[1] is old and uses[end] == 1
    if node.op.name == "add" and is_average:
        return _taking_in("lerp", old, weight, end.operands[0], (*inside, end), uses)
    found = _taking_in(node.op.name, old, weight, end, inside, uses)
    return found if found.is_product or weight is not None else None


def _taking_in(
    how: str, old: Expr, weight: Expr | None, end: Expr, inside: tuple[Expr, ...], uses: Uses
) -> WeightedSum:
    """Take in a tensor, or the factors of a product that nothing else reads."""
    scale, product = _multiple(end, uses)
    if isinstance(product, MatrixFunction) and product.how == "matmul" and uses[product] == 1:
        within = (*inside, product, *(() if scale is None else (end,)))
        return WeightedSum(how, old, product.operands, weight, scale, within)
    return WeightedSum(how, old, (end,), weight, None, inside)


def _multiple(node: Expr, uses: Uses) -> tuple[Expr | None, Expr]:
    """Take apart a number times a tensor that nothing else reads, or a tensor over a number."""
    if _is(node, "multiply") and uses[node] == 1:
        number, tensor = sorted(node.operands, key=lambda operand: operand.varies)
        if not number.varies and tensor.varies:
            return number, tensor
    if _is(node, "divide") and uses[node] == 1 and not node.operands[1].varies:
        return apply("divide", 1.0, node.operands[1]), node.operands[0]
    return None, node


def _is(node: Expr, name: str) -> bool:
    return isinstance(node, Operation) and node.op.name == name
