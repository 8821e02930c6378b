"""Plain arithmetic on vectors, as LLVM text: products, sums, and matrices that are rows one after the other.

Products are summed in float64, in an order that only the processor's vector width decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .text import block

KINDS = {torch.float32: "float", torch.float64: "double"}
WIDEN = {"float": "fpext float {} to double", "double": "fadd double {}, -0.0"}
NARROW = {"float": "fptrunc double {} to float", "double": "fadd double {}, -0.0"}


def definitions(kind: str) -> str:
    """Write the functions for numbers of a kind, "float" or "double".

    - `dot(a, b, n)`: the scalar product.
    - `change(to, from, factor, out, n)`: out = factor (to - from).
    - `add(x, factor, out, n)`: out += factor x.
    - `copy(x, factor, out, n)`: out = factor x, and `weigh(x, factor, out, n)`: out = factor x out.
    - `times(matrix, x, base, sign, out, count, stride, n)`: out = base + sign matrix x, for `count` rows of n.
    - `combine(matrix, factors, sign, out, count, stride, n)`: out += sign matrix' factors.
    """
    widen = WIDEN[kind].format
    numbers = f"""
define internal double @dot(ptr %a, ptr %b, i64 %n) alwaysinline {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %before = phi double [ 0.0, %entry ], [ %sum, %loop ]
  {number("a", kind)}
  {number("b", kind)}
  %a.wide = {widen("%a.i")}
  %b.wide = {widen("%b.i")}
  %product = fmul reassoc contract double %a.wide, %b.wide
  %sum = fadd reassoc contract double %before, %product
  {again("n")}
exit:
  ret double %sum
}}
"""
    change = f"%apart = fsub {kind} %to.i, %from.i\n  %result = fmul {kind} %apart, %factor.kind"
    add = f"%moved = fmul contract {kind} %x.i, %factor.kind\n  %result = fadd contract {kind} %out.i, %moved"
    weigh = f"%weight = fmul {kind} %x.i, %factor.kind\n  %result = fmul {kind} %out.i, %weight"
    return (
        numbers
        + each("change", ["to", "from"], change, kind)
        + each("add", ["x"], add, kind)
        + each("copy", ["x"], f"%result = fmul {kind} %x.i, %factor.kind", kind)
        + each("weigh", ["x"], weigh, kind)
        + matrices(kind)
    )


def each(name: str, inputs: Sequence[str], arithmetic: str, kind: str) -> str:
    """Write a function that computes `out`, number by number, from itself, others and a factor."""
    given = "".join(f"ptr %{x}, " for x in inputs)
    return f"""
define internal void @{name}({given}double %factor, ptr noalias %out, i64 %n) alwaysinline {{
entry:
  %factor.kind = {NARROW[kind].format("%factor")}
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{block(number(x, kind) for x in (*inputs, "out"))}
  {arithmetic}
  store {kind} %result, ptr %out.at
  {again("n")}
exit:
  ret void
}}
"""


def matrices(kind: str) -> str:
    """Write the products of a matrix, and of its transpose, with a vector."""
    size = "i64 %count, i64 %stride, i64 %n"
    widen, narrow = WIDEN[kind].format, NARROW[kind].format
    return f"""
define internal void @times(ptr %matrix, ptr %x, ptr %base, double %sign, ptr %out, {size}) alwaysinline {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %start = mul i64 %i, %stride
  %row = getelementptr {kind}, ptr %matrix, i64 %start
  %product = call double @dot(ptr %row, ptr %x, i64 %n)
  {number("base", kind)}
  %base.wide = {widen("%base.i")}
  %signed = fmul double %product, %sign
  %sum = fadd double %base.wide, %signed
  %result = {narrow("%sum")}
  %out.at = getelementptr {kind}, ptr %out, i64 %i
  store {kind} %result, ptr %out.at
  {again("count")}
exit:
  ret void
}}

define internal void @combine(ptr %matrix, ptr %factors, double %sign, ptr %out, {size}) alwaysinline {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %start = mul i64 %i, %stride
  %row = getelementptr {kind}, ptr %matrix, i64 %start
  {number("factors", kind)}
  %wide = {widen("%factors.i")}
  %factor = fmul double %wide, %sign
  call void @add(ptr %row, double %factor, ptr %out, i64 %n)
  {again("count")}
exit:
  ret void
}}
"""


def number(name: str, kind: str) -> str:
    """Read the i-th number of an array."""
    return f"%{name}.at = getelementptr {kind}, ptr %{name}, i64 %i\n  %{name}.i = load {kind}, ptr %{name}.at"


def again(count: str) -> str:
    """Go on with the next number until there have been so many, at least one."""
    return f"%next = add i64 %i, 1\n  %done = icmp eq i64 %next, %{count}\n  br i1 %done, label %exit, label %loop"
