"""One row per operation, one column per language: a missing case is a visible hole.

Every operation is rounded once, as IEEE 754 says, so each column gives the same bits. What has no correctly rounded
form (`power`) is for numbers alone: no kernel computes it per element.

The last rows work on *bits*: 32 of them, as a whole number that wraps around. Storage formats are made of these.
"""

import math
import operator
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from .power import power
from .powers_of_two import (
    exponent,
    host_exponent,
    host_mantissa,
    host_times_power_of_two,
    in_float32,
    mantissa,
    times_power_of_two,
)

Column = Callable[..., Any]
Kind: TypeAlias = Literal["number", "condition", "bits"]


@dataclass(frozen=True)
class Op:
    """An operation: what it does to tensors and to floats, and how it is written."""

    name: str
    torch: Column
    host: Column
    llvm: str
    triton: str
    javascript: str
    latex: str
    binds: int = 9
    """How tightly the LaTeX binds: 9 needs no parentheses, 1 (a sum) needs them in a product."""
    takes: Kind = "number"
    gives: Kind = "number"
    numbers_only: bool = False
    in_float32: bool = False
    """True for what is said of the digits of float32: numbers of float64 are rounded to it before."""

    @property
    def is_condition(self) -> bool:
        """True for what is true or false."""
        return self.gives == "condition"


def clamp_from_below(a: Any, b: Any) -> Tensor:
    """Take the larger, where at most one side is a number; a NaN on either side is kept."""
    tensor, other = (a, b) if isinstance(a, Tensor) else (b, a)
    return torch.clamp(tensor, min=other) if is_bound(other) else torch.maximum(tensor, as_tensor_like(tensor, other))


def clamp_from_above(a: Any, b: Any) -> Tensor:
    """Take the smaller, where at most one side is a number; a NaN on either side is kept."""
    tensor, other = (a, b) if isinstance(a, Tensor) else (b, a)
    return torch.clamp(tensor, max=other) if is_bound(other) else torch.minimum(tensor, as_tensor_like(tensor, other))


def is_bound(other: Any) -> bool:
    """Tell a number from tensors, and from NaN, which some versions of torch take for no bound at all."""
    return not isinstance(other, Tensor) and bool(other == other)


def as_tensor_like(tensor: Tensor, other: Any) -> Tensor:
    """Make a tensor of a number."""
    return other if isinstance(other, Tensor) else torch.full_like(tensor, other)


def divide(a: float, b: float) -> float:
    """Divide as IEEE 754 does: by zero too."""
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def square_root(a: float) -> float:
    """Take the root as IEEE 754 does: NaN below zero."""
    return math.sqrt(a) if a >= 0 else math.nan


def floor(a: float) -> float:
    """Round down, also what has no whole number."""
    return math.copysign(math.floor(a), a) if math.isfinite(a) else a


def larger(a: float, b: float) -> float:
    """Take the larger; NaN if either is."""
    return a if a > b or a != a else b


def smaller(a: float, b: float) -> float:
    """Take the smaller; NaN if either is."""
    return a if a < b or a != a else b


def choose(condition: bool, a: float, b: float) -> float:
    """Take one of two by a condition."""
    return a if condition else b


def by_precision(a: Any, b: Tensor) -> Tensor:
    """Take one of two by what is computed in: float64 or less."""
    return b if b.dtype is torch.float64 else as_tensor_like(b, a)


def wider(a: float, b: float) -> float:
    """Take what is for float64, as Python's floats are."""
    return b


def sign(a: float) -> float:
    """-1, 0 or 1; 0 for NaN."""
    return float((a > 0) - (a < 0))


def wrapped(a: int) -> int:
    """Keep the last 32 bits, as a number with a sign."""
    return (a + 2**31) % 2**32 - 2**31


def whole(a: float) -> int:
    """Read a whole number as bits."""
    return wrapped(int(a))


def wrapping(operation: Column) -> Column:
    """Let an operation on whole numbers wrap around."""
    return lambda *operands: wrapped(operation(*operands))


def logical_shift(a: Any, places: int) -> Any:
    """Shift to the right, zeros coming in; torch's own lets the sign come in."""
    return (a >> places) & (2 ** (32 - places) - 1)


def bits_of(a: float) -> int:
    """Read the bits of a number in float32."""
    return int(struct.unpack("<i", struct.pack("<f", a))[0])


def number_of(a: int) -> float:
    """Read bits as a number in float32."""
    return float(struct.unpack("<f", struct.pack("<i", a))[0])


def scaled_bits(x: Tensor, factor: float) -> Tensor:
    """Read the bits of x times a power of two, where x is not negative, without making a denormal number."""
    x = x.float()
    edge, ones = 2.0**-126 / factor, bits_of(1 / factor) - bits_of(1.0)
    is_small = x < edge
    moved = torch.where(is_small, x + edge, x).view(torch.int32)
    return moved - torch.where(is_small, ones + (1 << 23), ones)


def from_scaled_bits(bits: Tensor, factor: float) -> Tensor:
    """Read bits as a number, times a power of two, without making a denormal number."""
    edge, ones = 2.0**-126 * factor, bits_of(factor) - bits_of(1.0)
    size = bits & 0x7FFFFFFF
    small = (size + (ones + (1 << 23))).view(torch.float32) - edge
    value = torch.where(size < 1 << 23, small, (size + ones).view(torch.float32))
    return (value.view(torch.int32) | (bits ^ size)).view(torch.float32)


def rounding_to(dtype: torch.dtype) -> Column:
    """Round a tensor to what a narrow format can hold, to nearest even, and keep it as it was kept."""
    return lambda a: a.to(dtype).to(a.dtype)


def rounded_on_host(dtype: torch.dtype) -> Column:
    """Round a float to what a narrow format can hold."""
    return lambda a: float(torch.tensor(a, dtype=torch.float32, device="cpu").to(dtype))


ROWS = [
    #   name            torch             host              LLVM                                                                            Triton                      JavaScript                      LaTeX
    Op("add",           operator.add,     operator.add,     "fadd {type} {0}, {1}",                                                         "{0} + {1}",                "{round}({0} + {1})",           "{0} + {1}", 1),
    Op("subtract",      operator.sub,     operator.sub,     "fsub {type} {0}, {1}",                                                         "{0} - {1}",                "{round}({0} - {1})",           "{0} - {1}", 1),
    Op("multiply",      operator.mul,     operator.mul,     "fmul {type} {0}, {1}",                                                         "{0} * {1}",                "{round}({0} * {1})",           r"{0} \, {1}", 2),
    Op("divide",        operator.truediv, divide,           "fdiv {type} {0}, {1}",                                                         "divide({0}, {1})",         "{round}({0} / {1})",           r"\frac{{{0}}}{{{1}}}"),
    Op("negate",        operator.neg,     operator.neg,     "fneg {type} {0}",                                                              "negate({0})",              "(-{0})",                       "-{0}", 1),
    Op("absolute",      torch.abs,        abs,              "call {type} @llvm.fabs.{suffix}({type} {0})",                                  "tl.abs({0})",              "Math.abs({0})",                r"\left|{0}\right|"),
    Op("sqrt",          torch.sqrt,       square_root,      "call {type} @llvm.sqrt.{suffix}({type} {0})",                                  "square_root({0})",         "{round}(Math.sqrt({0}))",      r"\sqrt{{{0}}}"),
    Op("sign",          torch.sign,       sign,             "call {type} @sign.{suffix}({type} {0})",                                       "sign({0})",                "sign({0})",                    r"\operatorname{{sign}}\left({0}\right)"),
    Op("floor",         torch.floor,      floor,            "call {type} @llvm.floor.{suffix}({type} {0})",                                 "tl.floor({0})",            "Math.floor({0})",              r"\left\lfloor {0} \right\rfloor"),
    Op("exponent",      in_float32(exponent), host_exponent, "call {type} @exponent.{suffix}({type} {0})",                                   "exponent({0})",            "exponent({0})",                r"\left\lfloor \log_2 {0} \right\rfloor"),
    Op("mantissa",      in_float32(mantissa), host_mantissa, "call {type} @mantissa.{suffix}({type} {0})",                                   "mantissa({0})",            "mantissa({0})",                r"\operatorname{{mantissa}}\left({0}\right)"),
    Op("times_power_of_two", in_float32(times_power_of_two), host_times_power_of_two, "call {type} @times_power_of_two.{suffix}({type} {0}, {type} {1})", "times_power_of_two({0}, {1})", "{round}(scaled({0}, {1}))", r"{0} \, 2^{{{1}}}", 2),
    Op("maximum",       clamp_from_below, larger,           "call {type} @maximum.{suffix}({type} {0}, {type} {1})",                        "maximum({0}, {1})",        "maximum({0}, {1})",            r"\max\left({0}, {1}\right)"),
    Op("minimum",       clamp_from_above, smaller,          "call {type} @minimum.{suffix}({type} {0}, {type} {1})",                        "minimum({0}, {1})",        "minimum({0}, {1})",            r"\min\left({0}, {1}\right)"),
    Op("where",         torch.where,      choose,           "select i1 {0}, {type} {1}, {type} {2}",                                        "tl.where({0}, {1}, {2})",  "({0} ? {1} : {2})",            r"\begin{{cases}}{1} & {0}\\{2} & \text{{otherwise}}\end{{cases}}"),
    Op("by_precision",  by_precision,     wider,            "call {type} @by_precision.{suffix}({type} {0}, {type} {1})",                   "by_precision({0}, {1})",   "({round}(0.1) === 0.1 ? {1} : {0})", r"\begin{{cases}}{0} & \text{{in float32}}\\{1} & \text{{in float64}}\end{{cases}}"),
    Op("greater",       operator.gt,      operator.gt,      "fcmp ogt {type} {0}, {1}",                                                     "{0} > {1}",                "({0} > {1})",                  "{0} > {1}", 0, gives="condition"),
    Op("greater_equal", operator.ge,      operator.ge,      "fcmp oge {type} {0}, {1}",                                                     "{0} >= {1}",               "({0} >= {1})",                 r"{0} \ge {1}", 0, gives="condition"),
    Op("less",          operator.lt,      operator.lt,      "fcmp olt {type} {0}, {1}",                                                     "{0} < {1}",                "({0} < {1})",                  "{0} < {1}", 0, gives="condition"),
    Op("less_equal",    operator.le,      operator.le,      "fcmp ole {type} {0}, {1}",                                                     "{0} <= {1}",               "({0} <= {1})",                 r"{0} \le {1}", 0, gives="condition"),
    Op("equal",         operator.eq,      operator.eq,      "fcmp oeq {type} {0}, {1}",                                                     "{0} == {1}",               "({0} === {1})",                "{0} = {1}", 0, gives="condition"),
    Op("not_equal",     operator.ne,      operator.ne,      "fcmp une {type} {0}, {1}",                                                     "{0} != {1}",               "({0} !== {1})",                r"{0} \ne {1}", 0, gives="condition"),
    Op("both",          operator.and_,    operator.and_,    "and i1 {0}, {1}",                                                              "{0} & {1}",                "({0} && {1})",                 r"{0} \wedge {1}", 1, takes="condition", gives="condition"),
    Op("either",        operator.or_,     operator.or_,     "or i1 {0}, {1}",                                                               "{0} | {1}",                "({0} || {1})",                 r"{0} \vee {1}", 1, takes="condition", gives="condition"),
    Op("differ",        operator.xor,     operator.xor,     "xor i1 {0}, {1}",                                                              "{0} ^ {1}",                "({0} !== {1})",                r"{0} \oplus {1}", 1, takes="condition", gives="condition"),
    Op("opposite",      operator.invert,  operator.not_,    "xor i1 {0}, true",                                                             "{0} == 0",                 "(!{0})",                       r"\neg {0}", 1, takes="condition", gives="condition"),
    Op("power",         operator.pow,     power,            "call {type} %raise(ptr %powers, {type} {0}, {type} {1})",                      "power({0}, {1})",          "power({0}, {1})",              "{0}^{{{1}}}", 3, numbers_only=True),
    Op("bfloat16",      rounding_to(torch.bfloat16), rounded_on_host(torch.bfloat16), "call float @bfloat16(float {0})",                    "bfloat16({0})",            "bfloat16({0})",                r"\operatorname{{bfloat16}}\left({0}\right)", in_float32=True),
    Op("float16",       rounding_to(torch.float16),  rounded_on_host(torch.float16),  "call float @float16(float {0})",                     "float16({0})",             "float16({0})",                 r"\operatorname{{float16}}\left({0}\right)", in_float32=True),
    Op("bits",          lambda a: a.float().view(torch.int32), bits_of,   "bitcast float {0} to i32",                                            "bits({0})",                "bits({0})",                    r"\operatorname{{bits}}\left({0}\right)", gives="bits", in_float32=True),
    Op("from_bits",     lambda a: a.view(torch.float32),  number_of, "bitcast i32 {0} to float",                                            "from_bits({0})",           "number({0})",                  r"\operatorname{{number}}\left({0}\right)", takes="bits", in_float32=True),
    Op("scaled_bits",   scaled_bits,      lambda a, b: bits_of(a * b), "call i32 @scaled_bits(float {0}, float {1})",                        "scaled_bits({0}, {1})",    "bits({round}({0} * {1}))",     r"\operatorname{{bits}}\left({0} \, {1}\right)", gives="bits", in_float32=True),
    Op("from_scaled_bits", from_scaled_bits, lambda a, b: number_of(a) * b, "call float @from_scaled_bits(i32 {0}, float {1})",             "from_scaled_bits({0}, {1})", "{round}(number({0}) * {1})",   r"\operatorname{{number}}\left({0}\right) \, {1}", 2, takes="bits", in_float32=True),
    Op("integer",       lambda a: a.to(torch.int32),      whole,     "call i32 @integer.{suffix}({type} {0})",                              "integer({0})",             "({0} | 0)",                    "{0}", gives="bits"),
    Op("from_integer",  lambda a: a.to(torch.float32),    float,     "sitofp i32 {0} to {type}",                                            "({0}).to({type})",         "{0}",                          "{0}", takes="bits"),
    Op("bit_and",       operator.and_,    operator.and_,             "and i32 {0}, {1}",                                                    "{0} & {1}",                "({0} & {1})",                  r"{0} \wedge {1}", 1, takes="bits", gives="bits"),
    Op("bit_or",        operator.or_,     operator.or_,              "or i32 {0}, {1}",                                                     "{0} | {1}",                "({0} | {1})",                  r"{0} \vee {1}", 1, takes="bits", gives="bits"),
    Op("bit_xor",       operator.xor,     operator.xor,              "xor i32 {0}, {1}",                                                    "{0} ^ {1}",                "({0} ^ {1})",                  r"{0} \oplus {1}", 1, takes="bits", gives="bits"),
    Op("shift_left",    operator.lshift,  wrapping(operator.lshift), "shl i32 {0}, {1}",                                                    "{0} << {1}",               "({0} << {1})",                 r"{0} \ll {1}", 1, takes="bits", gives="bits"),
    Op("shift_right",   logical_shift,    logical_shift,             "lshr i32 {0}, {1}",                                                   "shift_right({0}, {1})",    "(({0} >>> {1}) | 0)",          r"{0} \gg {1}", 1, takes="bits", gives="bits"),
    Op("add_bits",      operator.add,     wrapping(operator.add),    "add i32 {0}, {1}",                                                    "{0} + {1}",                "(({0} + {1}) | 0)",            "{0} + {1}", 1, takes="bits", gives="bits"),
    Op("subtract_bits", operator.sub,     wrapping(operator.sub),    "sub i32 {0}, {1}",                                                    "{0} - {1}",                "(({0} - {1}) | 0)",            "{0} - {1}", 1, takes="bits", gives="bits"),
    Op("where_bits",    torch.where,      choose,                    "select i1 {0}, i32 {1}, i32 {2}",                                     "tl.where({0}, {1}, {2})",  "({0} ? {1} : {2})",            r"\begin{{cases}}{1} & {0}\\{2} & \text{{otherwise}}\end{{cases}}", takes="bits", gives="bits"),
    Op("maximum_bits",  clamp_from_below, larger,                    "call i32 @llvm.smax.i32(i32 {0}, i32 {1})",                           "tl.maximum({0}, {1})",     "Math.max({0}, {1})",           r"\max\left({0}, {1}\right)", takes="bits", gives="bits"),
    Op("minimum_bits",  clamp_from_above, smaller,                   "call i32 @llvm.smin.i32(i32 {0}, i32 {1})",                           "tl.minimum({0}, {1})",     "Math.min({0}, {1})",           r"\min\left({0}, {1}\right)", takes="bits", gives="bits"),
    Op("multiply_bits", operator.mul,     wrapping(operator.mul),    "mul i32 {0}, {1}",                                                    "{0} * {1}",                "Math.imul({0}, {1})",          r"{0} \, {1}", 2, takes="bits", gives="bits"),
]  # fmt: skip

OPS = {row.name: row for row in ROWS}

ON_CONDITIONS = {
    "multiply": "both",
    "bit_and": "both",
    "bit_or": "either",
    "bit_xor": "differ",
    "not_equal": "differ",
    "invert": "opposite",
}
"""What an operation is where it meets conditions alone."""

COUNTING = {"add", "multiply", "divide", "maximum", "minimum"}
"""The operations in which a condition counts as 1 or 0 beside a number, as torch has it."""

ON_BITS = {name: f"{name}_bits" for name in ("add", "subtract", "multiply", "maximum", "minimum", "where")}
"""What an operation is where it meets bits."""

WORDS = (
    *(
        "sqrt",
        "cbrt",
        "exp",
        "log",
        "tanh",
        "sigmoid",
        "atan2",
        "sign",
        "floor",
        "maximum",
        "minimum",
        "clamp",
        "lerp",
        "where",
    ),
    *("total", "total_square", "orthogonalize"),
)
"""What formulas may say beside + - * / and comparisons: `formula/words/elements.py` says them."""
