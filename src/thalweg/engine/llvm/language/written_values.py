"""Arithmetic that is written down: what is computed with its values becomes lines of LLVM text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .text import literal


class Writer:
    """A function's lines so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def value(self, text: str, *operands: Value | float, kind: str = "double") -> Value:
        """Write one operation, and return what stands for its result."""
        name = f"%v{len(self.lines)}"
        words = (each.name if isinstance(each, Value) else literal(each, "double") for each in operands)
        self.lines.append(f"{name} = {text.format(*words)}")
        return Value(self, name, kind)


class Value:
    """A result: a number, a condition or a word of bits."""

    def __init__(self, writer: Writer, name: str, kind: str = "double") -> None:
        self.writer, self.name, self.kind = writer, name, kind

    def __add__(self, other: Value | float) -> Value:
        return self.writer.value("fadd double {}, {}", self, other)

    def __sub__(self, other: Value | float) -> Value:
        return self.writer.value("fsub double {}, {}", self, other)

    def __mul__(self, other: Value | float) -> Value:
        return self.writer.value("fmul double {}, {}", self, other)

    def __radd__(self, other: float) -> Value:
        return self.writer.value("fadd double {}, {}", other, self)

    def __rsub__(self, other: float) -> Value:
        return self.writer.value("fsub double {}, {}", other, self)

    def __rmul__(self, other: float) -> Value:
        return self.writer.value("fmul double {}, {}", other, self)

    def __truediv__(self, other: Value | float) -> Value:
        return self.writer.value("fdiv double {}, {}", self, other)

    def __rtruediv__(self, other: float) -> Value:
        return self.writer.value("fdiv double {}, {}", other, self)

    def __and__(self, other: Value) -> Value:
        return self.writer.value("and i1 {}, {}", self, other)

    def __or__(self, other: Value) -> Value:
        return self.writer.value("or i1 {}, {}", self, other)

    def __xor__(self, other: Value) -> Value:
        return self.writer.value("xor i1 {}, {}", self, other)

    def compared(self, how: str, other: Value | float) -> Value:
        """Compare numbers: "olt", "oeq" and so on."""
        return self.writer.value(f"fcmp {how} double {{}}, {{}}", self, other)

    def chosen(self, one: Value | float, other: Value | float) -> Value:
        """Take one of two numbers by this condition."""
        return self.writer.value("select i1 {}, double {}, double {}", self, one, other)

    def absolute(self) -> Value:
        """Drop the sign."""
        return self.writer.value("call double @llvm.fabs.f64(double {})", self)

    def rounded(self, rounder: float) -> Value:
        """Round to the nearest whole number, by adding a number whose last digit is 1."""
        return (self + rounder) - rounder

    def times_plus(self, factor: Value, other: Value | float) -> Value:
        """Multiply and add: in one instruction where the processor has it, and then rounded once."""
        product = self.writer.value("fmul contract double {}, {}", self, factor)
        return self.writer.value("fadd contract double {}, {}", product, other)

    def polynomial(self, coefficients: Sequence[float]) -> Value:
        """Evaluate by Horner's rule, the constant first."""
        *rest, last = coefficients
        product = self.writer.value("fmul contract double {}, {}", last, self)
        value = self.writer.value("fadd contract double {}, {}", product, rest.pop())
        for coefficient in reversed(rest):
            value = value.times_plus(self, coefficient)
        return value


def function(name: str, arguments: int, body: Callable[..., Value]) -> str:
    """Write a function that is part of whatever calls it."""
    writer = Writer()
    given = [Value(writer, f"%x.{i}") for i in range(arguments)]
    result = body(*given)
    lines = "\n".join(f"  {line}" for line in writer.lines)
    names = ", ".join(f"double {each.name}" for each in given)
    return f"define internal double @{name}({names}) alwaysinline {{\n{lines}\n  ret double {result.name}\n}}\n"
