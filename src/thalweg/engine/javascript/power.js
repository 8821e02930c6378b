// Powers in float64 from additions, products and quotients alone: the library's own, as Math.pow has other last digits.
// The logarithm and the exponential are computed with twice float64's digits: a pair is a number, and what rounding
// took from it. Operation for operation this is `power` of thalweg/formula/graph/power.py, which has the source.

const wide = new Float64Array(1)
const halves = new Uint32Array(wide.buffer)
const high = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0

const LOG_2 = [0.693147180559663, 2.8235290563031577e-13]
const FIRST = [
  [0.1111111111111111, 6.1679056923619804e-18],
  [0.14285714285714285, 7.93016446160826e-18],
  [0.2, -1.1102230246251566e-17],
  [0.3333333333333333, 1.850371707708594e-17],
  [1, 0],
]
const LATER = [
  0.03225806451612903, 0.034482758620689655, 0.037037037037037035, 0.04, 0.043478260869565216, 0.047619047619047616,
  0.05263157894736842, 0.058823529411764705, 0.06666666666666667, 0.07692307692307693, 0.09090909090909091,
]
const FACTORIALS = [
  4.96031746031746e-05, 0.0003968253968253968, 0.002777777777777778,
  0.016666666666666666, 0.08333333333333333, 0.3333333333333333,
]

function restOfProduct(a, b, product) {
  const aWide = a * 134217729, bWide = b * 134217729
  const aHigh = aWide - (aWide - a), bHigh = bWide - (bWide - b)
  const aLow = a - aHigh, bLow = b - bHigh
  return ((aHigh * bHigh - product) + aHigh * bLow + aLow * bHigh) + aLow * bLow
}

function addExactly(a, b) {
  const total = a + b, part = total - a
  return [total, (a - (total - part)) + (b - part)]
}

function addSmallerExactly(a, b) {
  const total = a + b
  return [total, b - (total - a)]
}

function addSmallerPair(a, b) {
  const [total, rest] = addSmallerExactly(a[0], b[0])
  return addSmallerExactly(total, rest + (a[1] + b[1]))
}

function multiplyPairs(a, b) {
  const product = a[0] * b[0]
  return addSmallerExactly(product, restOfProduct(a[0], b[0], product) + (a[0] * b[1] + a[1] * b[0]))
}

function multiplyPair(a, b) {
  const product = a[0] * b
  return addSmallerExactly(product, restOfProduct(a[0], b, product) + a[1] * b)
}

function squarePair(a) {
  const product = a[0] * a[0]
  return addSmallerExactly(product, restOfProduct(a[0], a[0], product) + 2 * a[0] * a[1])
}

function series(factors, x) {
  return factors.slice(1).reduce((total, factor) => total * x + factor, factors[0])
}

// Write a positive number as m 2^e, with m between the roots of 1/2 and 2.
function takenApart(x) {
  const isSmall = x < 2.2250738585072014e-308
  wide[0] = isSmall ? x * 18014398509481984 : x
  const exponent = (halves[high] >>> 20) - (isSmall ? 1077 : 1023)
  halves[high] = (halves[high] & 0xfffff) | (1023 << 20)
  return wide[0] > 1.4142135623730951 ? [0.5 * wide[0], exponent + 1] : [wide[0], exponent]
}

function powerOfTwo(exponent) {
  wide[0] = 0
  halves[high] = (exponent + 1023) << 20
  return wide[0]
}

// In four factors, none of which overflows: only the last product may be rounded.
function timesPowerOfTwo(x, exponent) {
  const quarter = exponent >> 2, fourth = powerOfTwo(quarter)
  return x * fourth * fourth * fourth * powerOfTwo(exponent - 3 * quarter)
}

function logarithm(x) {
  const [mantissa, exponent] = takenApart(x)
  const below = addSmallerExactly(1, mantissa), inverse = 1 / below[0], ratio = (mantissa - 1) * inverse
  const [product, rest] = multiplyPair(below, ratio)
  const ratioRest = ((mantissa - 1 - product) - rest) * inverse
  const square = squarePair([ratio, ratioRest])
  const [first, ...others] = FIRST
  let total = addSmallerExactly(first[0], series(LATER, square[0]) * square[0] + first[1])
  for (const other of others) total = addSmallerPair(other, multiplyPairs(total, square))
  return addSmallerPair([exponent * LOG_2[0], exponent * LOG_2[1]], multiplyPairs(total, [2 * ratio, 2 * ratioRest]))
}

function exponential(x) {
  const whole = Math.floor(x[0] * 1.4426950408889634 + 0.5)
  let [left, leftRest] = addExactly(x[0] - whole * LOG_2[0], x[1] - whole * LOG_2[1])
  left *= 0.00390625
  leftRest *= 0.00390625
  const square = squarePair([left, leftRest]), half = 0.5 * square[0], halfRest = 0.5 * square[1]
  const total = addSmallerPair([left, leftRest], [half, halfRest + series(FACTORIALS, left) * half * left])
  const [one, rest] = addSmallerExactly(1, total[0])
  let grown = [one, rest + total[1]]
  for (let time = 0; time < 8; time++) grown = squarePair(grown)
  return timesPowerOfTwo(grown[0] + grown[1], whole)
}

function power(x, y) {
  const size = Math.abs(x), isWhole = y % 1 === 0
  // Where C gives 1, JavaScript gives NaN.
  if (y === 0 || x === 1 || (x === -1 && Math.abs(y) === Infinity)) return 1
  if (!(size > 0 && size < Infinity && Math.abs(y) < Infinity) || size === 1 || (x < 0 && !isWhole)) return x ** y
  const log = logarithm(size)
  const grows = y > 0 === size > 1
  const found = Math.abs(log[0] * y) > 1400 ? (grows ? Infinity : 0) : exponential(multiplyPair(log, y))
  return x < 0 && Math.abs(y % 2) === 1 ? -found : found
}
