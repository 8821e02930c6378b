"""Writing LLVM: what values are called, how constants and operations read."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from ....formula.graph.expr import Constant, Expr, Operation, Symbol, walk
from ....formula.graph.ops import Op
from ....formula.tracing.program import Slot

SUFFIX = {"float": "f32", "double": "f64"}

ATTRIBUTES = 'noinline "prefer-vector-width"="512" "no-builtins"'
"""Of functions that compute much: wide vectors; and no loop is to become a call of a library's function.

Loops within loops are compiled one by one: as one large function they take half as long again, and run no faster."""

SMALL = f"optsize {ATTRIBUTES}"
"""Of functions that run once a step: what they compute is little, and compiling them shall be."""

ONCE = 'noinline optnone "no-builtins"'
"""Of functions that run once a step, row, chunk or line, and call what computes: they compile in half the time."""

STREAMING = 'noinline "prefer-vector-width"="256" "no-builtins"'
"""Of loops that wait for memory: on narrow numbers, half as wide vectors fetch it up to 1.4 times faster."""

# The operations that are no single instruction, for each type to compute in.
DEFINITIONS = """
declare {type} @llvm.sqrt.{suffix}({type})
declare {type} @llvm.fabs.{suffix}({type})
declare {type} @llvm.floor.{suffix}({type})

define internal {type} @sign.{suffix}({type} %x) alwaysinline {{
  %positive = fcmp ogt {type} %x, 0.0
  %negative = fcmp olt {type} %x, 0.0
  %down = select i1 %negative, {type} -1.0, {type} 0.0
  %result = select i1 %positive, {type} 1.0, {type} %down
  ret {type} %result
}}

; Of a constant, LLVM knows that it is no NaN: then one instruction is left of each of these two.
define internal {type} @maximum.{suffix}({type} %a, {type} %b) alwaysinline {{
  %larger = fcmp ugt {type} %a, %b
  %either = select i1 %larger, {type} %a, {type} %b
  %nan = fcmp uno {type} %b, 0.0
  %result = select i1 %nan, {type} %b, {type} %either
  ret {type} %result
}}

define internal {type} @minimum.{suffix}({type} %a, {type} %b) alwaysinline {{
  %smaller = fcmp ult {type} %a, %b
  %either = select i1 %smaller, {type} %a, {type} %b
  %nan = fcmp uno {type} %b, 0.0
  %result = select i1 %nan, {type} %b, {type} %either
  ret {type} %result
}}

; A whole number of few bits, written over the last of those of {tag}, makes a number of that and itself.
define internal {type} @exponent.{suffix}({type} %x) alwaysinline {{
  %is_small = fcmp olt {type} %x, {smallest}
  %raised = fmul {type} %x, {raise}
  %normal = select i1 %is_small, {type} %raised, {type} %x
  %bits = bitcast {type} %normal to {whole}
  %biased = lshr {whole} %bits, {digits}
  %tagged = or {whole} %biased, {tag}
  %number = bitcast {whole} %tagged to {type}
  %away = select i1 %is_small, {type} {away_of_small}, {type} {away}
  %result = fsub {type} %number, %away
  ret {type} %result
}}

define internal {type} @mantissa.{suffix}({type} %x) alwaysinline {{
  %is_small = fcmp olt {type} %x, {smallest}
  %raised = fmul {type} %x, {raise}
  %normal = select i1 %is_small, {type} %raised, {type} %x
  %bits = bitcast {type} %normal to {whole}
  %last = and {whole} %bits, {mask}
  %digits = or {whole} %last, {one}
  %result = bitcast {whole} %digits to {type}
  ret {type} %result
}}

; By two powers of two, neither of which overflows: where x is about 1, only the second product is rounded.
define internal {type} @times_power_of_two.{suffix}({type} %x, {type} %exponent) alwaysinline {{
  %is_above = fcmp ogt {type} %exponent, {lowest}
  %raised = select i1 %is_above, {type} %exponent, {type} {lowest}
  %is_below = fcmp olt {type} %raised, {highest}
  %bounded = select i1 %is_below, {type} %raised, {type} {highest}
  %tagged = fadd {type} %bounded, {twice_biased}
  %twice = bitcast {type} %tagged to {whole}
  %half = lshr {whole} %twice, 1
  %rest = sub {whole} %twice, %half
  %first.bits = shl {whole} %half, {digits}
  %second.bits = shl {whole} %rest, {digits}
  %first = bitcast {whole} %first.bits to {type}
  %second = bitcast {whole} %second.bits to {type}
  %once = fmul {type} %x, %first
  %result = fmul {type} %once, %second
  ret {type} %result
}}

define internal {type} @by_precision.{suffix}({type} %narrow, {type} %wide) alwaysinline {{
  ret {type} %{width}
}}

define internal i32 @integer.{suffix}({type} %x) alwaysinline {{
  %whole = fptosi {type} %x to i64
  %result = trunc i64 %whole to i32
  ret i32 %result
}}
"""


def operations(kind: str) -> str:
    """Write the operations that are no single instruction for a type: by its digits and its exponents."""
    digits, bias = {"float": (23, 127), "double": (52, 1023)}[kind]
    places = {
        "width": "narrow" if kind == "float" else "wide",
        "smallest": literal(2.0 ** (1 - bias), kind),
        "raise": literal(2.0 ** (digits + 2), kind),
        "whole": "i32" if kind == "float" else "i64",
        "digits": digits,
        "tag": (bias + digits) << digits,
        "away": literal(2.0**digits + bias, kind),
        "away_of_small": literal(2.0**digits + bias + digits + 2, kind),
        "mask": (1 << digits) - 1,
        "one": bias << digits,
        "lowest": literal(2.0 - 2 * bias, kind),
        "highest": literal(2.0 * bias, kind),
        "twice_biased": literal(2.0**digits + 2 * bias, kind),
    }
    return DEFINITIONS.format(type=kind, suffix=SUFFIX[kind], **places)


# Rounding to narrow formats, and back.
NARROW = """
define internal float @bfloat16(float %x) alwaysinline {
  %bits = bitcast float %x to i32
  %kept = lshr i32 %bits, 16
  %odd = and i32 %kept, 1
  %bias = add i32 %odd, 32767
  %rounded = add i32 %bits, %bias
  %high = and i32 %rounded, -65536
  %number = bitcast i32 %high to float
  %is_nan = fcmp uno float %x, 0.0
  %result = select i1 %is_nan, float %x, float %number
  ret float %result
}

; Both go round denormal numbers, which some processors take a hundred times as long for.
define internal i32 @scaled_bits(float %x, float %factor) alwaysinline {
  %factor.bits = bitcast float %factor to i32
  %ones = sub i32 1065353216, %factor.bits
  %edge.bits = add i32 %ones, 8388608
  %edge = bitcast i32 %edge.bits to float
  %is_small = fcmp olt float %x, %edge
  %raised = fadd float %x, %edge
  %moved = select i1 %is_small, float %raised, float %x
  %bits = bitcast float %moved to i32
  %way = select i1 %is_small, i32 %edge.bits, i32 %ones
  %result = sub i32 %bits, %way
  ret i32 %result
}

define internal float @from_scaled_bits(i32 %x, float %factor) alwaysinline {
  %factor.bits = bitcast float %factor to i32
  %ones = sub i32 %factor.bits, 1065353216
  %edge.bits = add i32 %ones, 8388608
  %edge = bitcast i32 %edge.bits to float
  %size = and i32 %x, 2147483647
  %sign = and i32 %x, -2147483648
  %small.bits = add i32 %size, %edge.bits
  %small.raised = bitcast i32 %small.bits to float
  %small = fsub float %small.raised, %edge
  %normal.bits = add i32 %size, %ones
  %normal = bitcast i32 %normal.bits to float
  %is_small = icmp ult i32 %size, 8388608
  %number = select i1 %is_small, float %small, float %normal
  %number.bits = bitcast float %number to i32
  %signed = or i32 %number.bits, %sign
  %result = bitcast i32 %signed to float
  ret float %result
}

define internal float @float16(float %x) alwaysinline {
  %half = fptrunc float %x to half
  %result = fpext half %half to float
  ret float %result
}
"""


class Values:
    """The text of each value of a function, named as in the formula where it has a name there."""

    def __init__(self, kind: str, symbols: Mapping[str, str], given: Mapping[Expr, str] | None = None) -> None:
        self.kind = kind
        self.symbols = symbols
        self.given = given or {}
        self.taken = set(symbols.values())
        self.tries: dict[str, int] = {}
        self.names: dict[Expr, str] = {}

    def __getitem__(self, node: Expr) -> str:
        if isinstance(node, Constant):
            return str(int(node.value)) if node.kind == "bits" else literal(node.value, self.kind)
        if isinstance(node, Symbol):
            return self.symbols[node.label]
        if isinstance(node, Slot):
            return f"%slot.{node.index}"
        if node not in self.names:
            self.names[node] = self._free(name_of(self.given[node]) if node in self.given else self._plain(node))
        return self.names[node]

    @staticmethod
    def _plain(node: Expr) -> str:
        return f"%{node.op.name}" if isinstance(node, Operation) else "%number"

    def _free(self, stem: str) -> str:
        tries = self.tries.get(stem, 1)
        name = stem if tries == 1 else f"{stem}.{tries}"
        while name in self.taken:
            tries += 1
            name = f"{stem}.{tries}"
        self.taken.add(name)
        self.tries[stem] = tries
        return name

    def arithmetic(self, roots: Iterable[Expr], known: Iterable[Expr] = ()) -> Iterator[str]:
        """Write one line for each operation that the roots need, unless it is known already."""
        there = set(known)
        return self.lines(node for node in walk(*roots) if isinstance(node, Operation) and node not in there)

    def lines(self, operations: Iterable[Expr]) -> Iterator[str]:
        """Write one line for each operation."""
        for node in operations:
            assert isinstance(node, Operation)
            if node.op.in_float32 and self.kind == "double":
                yield from self._in_float32(node)
            else:
                yield f"{self[node]} = {self._called(node.op, *(self[operand] for operand in node.operands))}"

    def _called(self, op: Op, *operands: str) -> str:
        return op.llvm.format(*operands, type=self.kind, suffix=SUFFIX[self.kind])

    def _in_float32(self, node: Operation) -> Iterator[str]:
        """Round the numbers that an operation takes to float32, and widen the one that it gives."""
        name, operands = self[node], []
        for place, operand in enumerate(node.operands):
            operands.append(f"{name}.{place}.short" if operand.kind == "number" else self[operand])
            if operand.kind == "number":
                yield f"{operands[place]} = fptrunc double {self[operand]} to float"
        is_number = node.kind == "number"
        yield f"{name}{'.short' if is_number else ''} = {self._called(node.op, *operands)}"
        if is_number:
            yield f"{name} = fpext float {name}.short to double"


def name_of(label: str) -> str:
    """Name a tensor, a number, or an option, betas[0] being %$betas.0: no name of a kernel's own has a $.

    What LLVM has no letters for is written as its number.
    """
    plain = label.replace("[", ".").replace("]", "")
    return "%$" + plain.encode("ascii", "backslashreplace").decode().replace("\\", "-")


def literal(value: float, kind: str) -> str:
    """Write a constant exactly, rounded to the type: LLVM reads the bits of a double."""
    rounded = struct.unpack("f", struct.pack("f", value))[0] if kind == "float" else value
    return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"


def block(*lines: str | Iterable[str]) -> str:
    """Set lines, and groups of lines, in a function's body."""
    flat = (line for group in lines for line in ([group] if isinstance(group, str) else group))
    # Line by line, as textwrap does it, this would take a tenth of the time that a kernel's text takes.
    return "  " + "\n".join(flat).replace("\n", "\n  ")


def word(name: str, table: str, place: int | str, kind: str = "ptr") -> list[str]:
    """Read a word of a table."""
    return [
        f"{name}.word = getelementptr i64, ptr %{table}, i64 {place}",
        f"{name} = load {kind}, ptr {name}.word",
    ]


def is_condition(number: Expr) -> bool:
    """Tell if a number is a truth value."""
    return isinstance(number, Operation) and number.op.is_condition
