// The words of formulas that are no single operation of JavaScript, and sums in the order of the CPU kernel.

// JavaScript computes in float64. Rounding each result once more gives what float32 arithmetic gives.
const f32 = Math.fround

const asNumber = new Float32Array(1)
const asBits = new Int32Array(asNumber.buffer)

function bits(x) {
  asNumber[0] = x
  return asBits[0]
}

function number(x) {
  asBits[0] = x
  return asNumber[0]
}

// 0 for NaN and for both zeros.
function sign(x) {
  return x > 0 ? 1 : x < 0 ? -1 : 0
}

// Of a positive number: the logarithm to base 2, rounded down, and what is left of the number.
function exponent(x) {
  const [m, e] = takenApart(x)
  return m < 1 ? e - 1 : e
}

function mantissa(x) {
  const [m] = takenApart(x)
  return m < 1 ? 2 * m : m
}

// Of a number that is about 1, times 2 to a whole number.
function scaled(x, exponent) {
  const bounded = Math.min(Math.max(exponent, -2044), 2046)
  return bounded === bounded ? timesPowerOfTwo(x, bounded) : NaN
}

// NaN if either is, and the second of two zeros: Math.max would choose by their signs.
function maximum(a, b) {
  return a > b || a !== a ? a : b
}

function minimum(a, b) {
  return a < b || a !== a ? a : b
}

function bfloat16(x) {
  const all = bits(x)
  return x !== x ? x : number((all + 0x7fff + ((all >>> 16) & 1)) & 0xffff0000)
}

// Below 2^-14 numbers of float16 stand 2^-24 apart, as those of float64 do around 2^28.
function float16(wide) {
  const x = Math.fround(wide), size = Math.abs(x)
  if (size < 2 ** -14) return (Object.is(x, size) ? 1 : -1) * (size + 2 ** 28 - 2 ** 28)
  const all = bits(x)
  const rounded = number((all + 0xfff + ((all >>> 13) & 1)) & 0xffffe000)
  return x !== x ? x : size < 65520 ? rounded : sign(x) * Infinity
}

// A sum in float64 that depends on nothing but the size: 256 partial sums of 32,768 elements, and of their sums again.
class Sum {
  constructor() {
    this.columns = new Float64Array(256)
    this.pieces = []
  }

  add(place, term) {
    if (place && place % 32768 === 0) this.cut()
    this.columns[place % 256] += term
  }

  cut() {
    this.pieces.push(folded(this.columns))
    this.columns.fill(0)
  }

  total() {
    this.cut()
    const columns = new Float64Array(256)
    this.pieces.forEach((piece, place) => { columns[place % 256] += piece })
    return folded(columns)
  }
}

// Add the second half to the first until one number is left.
function folded(columns) {
  const sums = Float64Array.from(columns)
  for (let half = 128; half >= 1; half /= 2) {
    for (let place = 0; place < half; place++) sums[place] += sums[place + half]
  }
  return sums[0]
}
