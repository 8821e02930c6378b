"""How a number lies in memory, in LLVM's words: one row per dtype. Whole numbers are read as 32 bits."""

from dataclasses import dataclass

import torch

from ....state.formats.format import PACKED


@dataclass(frozen=True)
class Format:
    """The type in memory, and the lines that turn it into one to compute with and back, rounded to nearest even."""

    type: str
    bytes: int
    load: str
    store: str
    together: int = 1
    """How many elements share a place in memory; loops see them apart."""


PLAIN_LOAD = "{x} = load {type}, ptr {at}, align {bytes}"
PLAIN_STORE = "store {type} {x}, ptr {at}, align {bytes}"

BFLOAT16_LOAD = """
{x}.half = load i16, ptr {at}, align 2
{x}.low = zext i16 {x}.half to i32
{x}.high = shl i32 {x}.low, 16
{x} = bitcast i32 {x}.high to float"""

# Adding 0x7fff, and one more if the kept part is odd, rounds to nearest even; a NaN stays one.
BFLOAT16_STORE = """
{at}.bits = bitcast float {x} to i32
{at}.kept = lshr i32 {at}.bits, 16
{at}.odd = and i32 {at}.kept, 1
{at}.bias = add i32 {at}.odd, 32767
{at}.rounded = add i32 {at}.bits, {at}.bias
{at}.high = lshr i32 {at}.rounded, 16
{at}.is_nan = fcmp uno float {x}, 0.0
{at}.chosen = select i1 {at}.is_nan, i32 32704, i32 {at}.high
{at}.half = trunc i32 {at}.chosen to i16
store i16 {at}.half, ptr {at}, align 2"""

FLOAT16_LOAD = """
{x}.half = load half, ptr {at}, align 2
{x} = fpext half {x}.half to float"""

FLOAT16_STORE = """
{at}.half = fptrunc float {x} to half
store half {at}.half, ptr {at}, align 2"""

SIGNED_LOAD = """
{x}.short = load {type}, ptr {at}, align {bytes}
{x} = sext {type} {x}.short to i32"""

UNSIGNED_LOAD = """
{x}.short = load {type}, ptr {at}, align {bytes}
{x} = zext {type} {x}.short to i32"""

WHOLE_STORE = """
{at}.short = trunc i32 {x} to {type}
store {type} {at}.short, ptr {at}, align {bytes}"""

FORMATS = {
    torch.float32: Format("float", 4, PLAIN_LOAD, PLAIN_STORE),
    torch.float64: Format("double", 8, PLAIN_LOAD, PLAIN_STORE),
    torch.bfloat16: Format("i16", 2, BFLOAT16_LOAD, BFLOAT16_STORE),
    torch.float16: Format("half", 2, FLOAT16_LOAD, FLOAT16_STORE),
    torch.int16: Format("i16", 2, SIGNED_LOAD, WHOLE_STORE),
    torch.uint8: Format("i8", 1, UNSIGNED_LOAD, WHOLE_STORE),
    PACKED: Format("i8", 1, UNSIGNED_LOAD, WHOLE_STORE, together=2),
}

SINGLE_IN_DOUBLE = Format(
    "float",
    4,
    "{x}.single = load {type}, ptr {at}, align {bytes}\n{x} = fpext {type} {x}.single to double",
    "{at}.single = fptrunc double {x} to {type}\nstore {type} {at}.single, ptr {at}, align {bytes}",
)
"""A float32 that is computed with in float64."""


def format_of(dtype: torch.dtype, compute: str) -> Format:
    """Find the row for a dtype, whose numbers are computed with in some type."""
    return SINGLE_IN_DOUBLE if dtype is torch.float32 and compute == "double" else FORMATS[dtype]


COMPUTE = {torch.float32: "float", torch.float64: "double"}
"""The types that formulas are evaluated in."""


def place_of(element: str, is_of_block: bool, dtype: torch.dtype) -> str:
    """Name the place of an element in a tensor: its block's, the pair's that shares a byte, or its own."""
    if is_of_block:
        return f"{element}.index"
    return f"{element}.pair" if FORMATS[dtype].together > 1 else element
