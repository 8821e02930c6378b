"""How a number lies in memory, in LLVM's words: one row per dtype."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Format:
    """The type in memory, and the lines that turn it into one to compute with and back, rounded to nearest even."""

    type: str
    bytes: int
    load: str
    store: str


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

FORMATS = {
    torch.float32: Format("float", 4, PLAIN_LOAD, PLAIN_STORE),
    torch.float64: Format("double", 8, PLAIN_LOAD, PLAIN_STORE),
    torch.bfloat16: Format("i16", 2, BFLOAT16_LOAD, BFLOAT16_STORE),
    torch.float16: Format("half", 2, FLOAT16_LOAD, FLOAT16_STORE),
}

COMPUTE = {torch.float32: "float", torch.float64: "double"}
"""The types that formulas are evaluated in."""
