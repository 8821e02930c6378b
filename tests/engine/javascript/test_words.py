"""The column of JavaScript says what the table's column of the host says, and powers are the library's own."""

import itertools
import math

import numpy as np

from thalweg.formula.graph.ops import ROWS
from thalweg.formula.graph.power import power

from ...formula.test_ops import NUMBERS, SCALED, SHIFTS, SINGLE, WHOLE, operands
from .node import needs_node, packed, run, unpacked

RESULTS = """
const results = given.map(({ text, operands }) => {
  const operation = new Function("a", "b", "c", `return ${text}`)
  return packed(Float64Array.from(unpacked(operands, Float64Array).reduce((rows, value, place) => {
    if (place % 3 === 0) rows.push([])
    rows.at(-1).push(value)
    return rows
  }, []), operands => Number(operation(...operands))))
})
console.log(JSON.stringify(results))
"""


def operands_of(row):
    """Give values that an operation takes: in float32 where it rounds to that, conditions, or bits."""
    if row.name in ("where", "where_bits"):
        return list(itertools.product((0, 1), *[NUMBERS[:4] if row.name == "where" else WHOLE[:4]] * 2))
    if row.name == "from_scaled_bits":
        return [(bits, 2.0**12) for bits in WHOLE if abs(bits) < 2**30]
    if row.name == "scaled_bits":
        return [(single(abs(x)), 2.0**-12) for x in NUMBERS if x == x]
    if row.name in ("exponent", "mantissa", "times_power_of_two"):
        return list(zip(*(array.tolist() for array in operands(row)), strict=True))
    if row.name == "power":
        return list(itertools.product(NUMBERS, repeat=2))
    if row.takes == "condition":
        return list(itertools.product((0, 1), repeat=count(row)))
    if row.takes == "bits":
        second = SHIFTS if row.name.startswith("shift") else WHOLE
        return list(itertools.product(WHOLE, *[second] * (count(row) - 1)))
    if row.name == "integer":
        return [(float(whole),) for whole in WHOLE]
    values = [single(x) for x in NUMBERS] if row.name in SINGLE | SCALED else NUMBERS
    return list(itertools.product(values, repeat=count(row)))


def count(row):
    return sum(f"{{{place}}}" in row.javascript for place in range(3))


def single(x):
    with np.errstate(all="ignore"):
        return float(np.float32(x))


def on_host(row, operands):
    """Compute by the host's column, which raises an error where IEEE 754 has an infinity."""
    if row.takes == "condition" or row.name in ("where", "where_bits"):
        operands = [bool(operands[0]), *operands[1:]] if row.name.startswith("where") else map(bool, operands)
    try:
        return float(row.host(*operands))
    except OverflowError:
        return math.nan


@needs_node
def test_every_operation_is_the_hosts():
    cases = [(row, list(operands_of(row))) for row in ROWS]
    given = []
    for row, values in cases:
        rounded = "f32" if row.name in SCALED else ""
        names = ("a", "b", "c") if row.takes != "condition" else ("!!a", "!!b", "!!c")
        filled = np.array([[*value, *[0] * (3 - len(value))] for value in values], np.float64)
        given.append({"text": row.javascript.format(*names, round=rounded), "operands": packed(filled)})
    for (row, values), text in zip(cases, run(RESULTS, given), strict=True):
        found = unpacked(text, np.float64)
        wanted = np.array([on_host(row, value) for value in values])
        wrong = np.flatnonzero((found.view(np.int64) != wanted.view(np.int64)) & ~(np.isnan(found) & np.isnan(wanted)))
        assert not wrong.size, f"{row.name}{values[wrong[0]]} is {found[wrong[0]]!r}, not {wanted[wrong[0]]!r}"


@needs_node
def test_powers_are_the_librarys():
    """Of betas and steps, and of any numbers: Math.pow has other last digits of one in twenty."""
    draw = np.random.default_rng(0)
    of_betas = [(beta, step) for beta in (0.9, 0.95, 0.98, 0.99, 0.999, 0.9999) for step in range(1, 200)]
    anything = zip(np.exp(draw.normal(0, 30, 2000)), draw.normal(0, 5, 2000), strict=True)
    values = [*of_betas, *((float(x), float(y)) for x, y in anything), (5e-324, 0.5), (5e-324, -1.0), (1e308, 1.02)]
    filled = np.array([[*value, 0] for value in values], np.float64)
    [text] = run(RESULTS, [{"text": "power(a, b)", "operands": packed(filled)}])
    wanted = np.array([power(*value) for value in values])
    assert np.array_equal(unpacked(text, np.float64), wanted)
    naive = unpacked(run(RESULTS, [{"text": "a ** b", "operands": packed(filled)}])[0], np.float64)
    assert not np.array_equal(naive, wanted)


@needs_node
def test_float32_is_rounded_after_each_operation():
    """NumPy is the judge: pairs of any bits, denormals, infinities and NaN among them."""
    draw = np.random.default_rng(1)
    any_bits = draw.integers(0, 2**32, (2000, 2), np.uint64).astype(np.uint32).view(np.float32)
    common = draw.normal(size=(2000, 2)).astype(np.float32)
    pairs = np.concatenate([any_bits, common])
    with np.errstate(all="ignore"):
        filled = np.concatenate([pairs.astype(np.float64), np.zeros((len(pairs), 1))], 1)
    numpys = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
    rows = {row.name: row for row in ROWS}
    texts = [rows[name].javascript.format("a", "b", round="f32") for name in (*numpys, "sqrt")]
    found = run(RESULTS, [{"text": text, "operands": packed(filled)} for text in texts])
    with np.errstate(all="ignore"):
        wanted = [operation(pairs[:, 0], pairs[:, 1]) for operation in numpys.values()] + [np.sqrt(pairs[:, 0])]
    for text, result in zip(found, wanted, strict=True):
        assert np.array_equal(unpacked(text, np.float64), result.astype(np.float64), equal_nan=True)
