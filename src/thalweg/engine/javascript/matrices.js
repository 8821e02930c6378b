// Small matrices in float64, and what formulas do to whole ones.

class Matrix {
  constructor(rows, columns, data) {
    this.rows = rows
    this.columns = columns
    this.data = data || new Float64Array(rows * columns)
  }

  static from(rows, columns, value) {
    const found = new Matrix(rows, columns)
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) found.put(row, column, value(row, column))
    return found
  }

  static identity(size, value = 1) {
    return Matrix.from(size, size, (row, column) => (row === column ? value : 0))
  }

  at(row, column) {
    return this.data[row * this.columns + column]
  }

  put(row, column, value) {
    this.data[row * this.columns + column] = value
  }

  column(place) {
    return Array.from({ length: this.rows }, (_, row) => this.at(row, place))
  }

  slice() {
    return this.data.slice()
  }
}

// Do something to all elements; numbers, rows and columns meet every element.
function each(operation, ...operands) {
  const some = operands.filter(operand => operand instanceof Matrix)
  const rows = Math.max(...some.map(operand => operand.rows)), columns = Math.max(...some.map(operand => operand.columns))
  const read = (operand, row, column) =>
    operand instanceof Matrix ? operand.at(operand.rows === 1 ? 0 : row, operand.columns === 1 ? 0 : column) : operand
  return Matrix.from(rows, columns, (row, column) => operation(...operands.map(operand => read(operand, row, column))))
}

// Give operations on numbers for each element.
function eachWith(operations) {
  const entries = Object.entries(operations).map(([name, operation]) => [name, (...operands) => each(operation, ...operands)])
  return Object.fromEntries(entries)
}

const sumOf = numbers => numbers.reduce((total, each) => total + each, 0)
const along = take => ({
  row: matrix => Matrix.from(matrix.rows, 1, row => take(Array.from({ length: matrix.columns }, (_, column) => matrix.at(row, column)))),
  column: matrix => Matrix.from(1, matrix.columns, (_, column) => take(matrix.column(column))),
})
const totals = along(sumOf), means = along(line => sumOf(line) / line.length), peaks = along(line => Math.max(...line))

const matrices = {
  total: matrix => sumOf(matrix.data),
  total_square: matrix => sumOf(matrix.data.map(each => each * each)),
  row_total: totals.row,
  row_mean: means.row,
  row_max: peaks.row,
  column_total: totals.column,
  column_mean: means.column,
  column_max: peaks.column,
  transpose: matrix => Matrix.from(matrix.columns, matrix.rows, (row, column) => matrix.at(column, row)),
  matmul: (a, b) => Matrix.from(a.rows, b.columns, (row, column) => {
    let sum = 0
    for (let place = 0; place < a.columns; place++) sum += a.at(row, place) * b.at(place, column)
    return sum
  }),
  upper: matrix => Matrix.from(matrix.rows, matrix.columns, (row, column) => (column >= row ? matrix.at(row, column) : 0)),
  largest: matrix => Matrix.from(1, 1, () => Math.max(...matrix.data.map(Math.abs))),

  // Newton and Schulz's iteration, which torch takes in bfloat16.
  orthogonalize(matrix, steps, eps, batchDims, blocks, ...coefficients) {
    const { matmul, transpose } = matrices, isTall = matrix.rows > matrix.columns
    let x = isTall ? transpose(matrix) : matrix
    const length = Math.max(Math.sqrt(matrices.total_square(x)), eps)
    x = each(value => value / length, x)
    for (let step = 0; step < steps; step++) {
      const first = Math.min(3 * step, coefficients.length - 3), [a, b, c] = coefficients.slice(first, first + 3)
      const gram = matmul(x, transpose(x)), polynomial = each((once, twice) => b * once + c * twice, gram, matmul(gram, gram))
      x = each((old, turned) => a * old + turned, x, matmul(polynomial, x))
    }
    return isTall ? transpose(x) : x
  },

  eigenbasis: symmetric => decomposed(symmetric).vectors,

  inverse_root(symmetric, last, exponent, ridge) {
    const { values, vectors } = decomposed(symmetric), least = Math.min(0, ...values)
    return raised(values.map(value => value - least + ridge), vectors, -exponent)
  },

  iterated_root(symmetric, last, order, ridge) {
    const { values, vectors } = decomposed(symmetric), floor = 100 * 2 ** -52 * Math.sqrt(matrices.total_square(symmetric))
    return raised(values.map(value => value + ridge + floor), vectors, -1 / order)
  },

  // The nearest orthogonal matrix: singular values of one, and of zero where there is nothing.
  polar(matrix) {
    const { values, vectors } = decomposed(matrices.matmul(matrices.transpose(matrix), matrix))
    const powers = values.map(value => (value > 1e-30 * values[0] ? 1 / Math.sqrt(value) : 0))
    return matrices.matmul(matrix, scaled(powers, vectors))
  },

  // A square matrix turned by a little, towards a symmetric one.
  rotated(factor) {
    const { matmul, transpose } = matrices, skew = each((a, b) => a - b, transpose(factor), factor)
    const size = matrices.spectral_bound(skew).data[0] || 1, turn = each(value => value / size, skew)
    const once = matmul(turn, factor), twice = matmul(turn, once)
    const trace = matrix => sumOf(Array.from({ length: matrix.rows }, (_, place) => matrix.at(place, place)))
    const slope = trace(once), bend = trace(twice), length = bend < 0 ? Math.min(Math.max(-slope / bend, 0), 1 / 8) : 1 / 8
    return each((old, a, b) => old + length * (a + length / 2 * b), factor, once, twice)
  },

  // Columns made orthonormal by Householder's reflections.
  orthonormal(matrix) {
    const rest = new Matrix(matrix.rows, matrix.columns, matrix.slice())
    let basis = Matrix.identity(matrix.rows)
    for (let place = 0; place < Math.min(matrix.rows, matrix.columns); place++) {
      const way = rest.column(place).map((value, row) => (row < place ? 0 : value)), size = Math.hypot(...way)
      if (Math.hypot(...way.slice(place + 1)) === 0) continue
      way[place] += way[place] < 0 ? -size : size
      const square = sumOf(way.map(value => value * value))
      const mirror = Matrix.from(matrix.rows, matrix.rows, (row, column) => (row === column) - 2 * way[row] * way[column] / square)
      rest.data = matrices.matmul(mirror, rest).data
      basis = matrices.matmul(basis, mirror)
    }
    return Matrix.from(matrix.rows, Math.min(matrix.rows, matrix.columns), (row, column) => basis.at(row, column))
  },

  iterated_basis: (matrix, basis) => matrices.orthonormal(matrices.matmul(matrix, basis)),

  nearer_basis(matrix, basis) {
    const moved = matrices.matmul(matrix, basis), sizes = totals.column(each((a, b) => a * b, basis, moved)).data
    const order = Array.from(sizes.keys()).sort((one, other) => sizes[other] - sizes[one])
    return [matrices.orthonormal(matrices.sorted_columns(moved, order)), order]
  },

  sorted_rows: (matrix, order) => Matrix.from(matrix.rows, matrix.columns, (row, column) => matrix.at(order[row], column)),
  sorted_columns: (matrix, order) => Matrix.from(matrix.rows, matrix.columns, (row, column) => matrix.at(row, order[column])),

  unit_columns(matrix, eps) {
    const lengths = each(Math.sqrt, totals.column(each(value => value * value, matrix)))
    return each((value, length) => value / (length + eps), matrix, lengths)
  },

  largest_lines(values, count) {
    const order = Array.from(values.data.keys()).sort((one, other) => values.data[other] - values.data[one])
    const chosen = new Set(order.slice(0, count))
    return new Matrix(values.rows, values.columns, values.data.map((_, place) => (chosen.has(place) ? 1 : 0)))
  },

  upper_matmul: (a, b) => matrices.matmul(a, b),
  upper_by_upper: (a, b) => matrices.matmul(a, b),
  lower_matmul: (a, b) => matrices.matmul(a, b),

  // Multiply by the inverse of an upper triangular matrix, from the right.
  over_upper(matrix, factor) {
    const found = new Matrix(matrix.rows, matrix.columns)
    for (let row = 0; row < matrix.rows; row++) {
      for (let column = 0; column < matrix.columns; column++) {
        let left = matrix.at(row, column)
        for (let before = 0; before < column; before++) left -= found.at(row, before) * factor.at(before, column)
        found.put(row, column, left / (factor.at(column, column) || 1))
      }
    }
    return found
  },

  // Two steps of the power method, from the longest row.
  spectral_bound(matrix) {
    const peak = Math.max(...matrix.data.map(Math.abs)), scaled = each(value => value / (peak || 1), matrix)
    const lengths = totals.row(each(value => value * value, scaled)).data, longest = lengths.indexOf(Math.max(...lengths))
    const row = Matrix.from(1, matrix.columns, (_, column) => scaled.at(longest, column))
    const once = matrices.matmul(row, scaled), length = Math.sqrt(matrices.total_square(once)) || 1
    const twice = matrices.matmul(each(value => value / length, once), scaled)
    return Matrix.from(1, 1, () => peak * Math.sqrt(matrices.total_square(twice)))
  },

  // Normal numbers, which torch would draw otherwise.
  normal(like, seed, index, step) {
    let drawn = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x7feb352d) ^ Math.imul(step + 1, 0x846ca68b | 0)
    const next = () => {
      drawn = Math.imul(drawn ^ (drawn >>> 16), 0x7feb352d) + 0x9e3779b1 | 0
      return ((drawn ^ (drawn >>> 15)) >>> 0) / 2 ** 32
    }
    return each(() => Math.sqrt(-2 * Math.log(next() + 2 ** -33)) * Math.cos(2 * Math.PI * next()), like)
  },
}

// Eigenvalues, the largest first, and their vectors, by Jacobi's rotations.
function decomposed(symmetric) {
  const size = symmetric.rows
  let turned = symmetric, vectors = Matrix.identity(size)
  for (let sweep = 0; sweep < 12; sweep++) {
    for (let one = 0; one < size; one++) {
      for (let other = one + 1; other < size; other++) {
        const away = turned.at(one, other)
        if (away === 0) continue
        const angle = 0.5 * Math.atan2(2 * away, turned.at(other, other) - turned.at(one, one))
        const rotation = Matrix.identity(size)
        rotation.put(one, one, Math.cos(angle))
        rotation.put(other, other, Math.cos(angle))
        rotation.put(one, other, Math.sin(angle))
        rotation.put(other, one, -Math.sin(angle))
        turned = matrices.matmul(matrices.transpose(rotation), matrices.matmul(turned, rotation))
        vectors = matrices.matmul(vectors, rotation)
      }
    }
  }
  const values = Array.from({ length: size }, (_, place) => turned.at(place, place))
  const order = values.map((_, place) => place).sort((one, other) => values[other] - values[one])
  return { values: order.map(place => values[place]), vectors: matrices.sorted_columns(vectors, order) }
}

const raised = (values, vectors, exponent) => scaled(values.map(value => value ** exponent), vectors)

// The symmetric matrix that has these eigenvalues.
function scaled(values, vectors) {
  const row = Matrix.from(1, values.length, (_, column) => values[column])
  return matrices.matmul(each((vector, value) => vector * value, vectors, row), matrices.transpose(vectors))
}

// The singular values of a matrix, the largest first.
function singularValues(matrix) {
  const product = matrices.matmul(matrices.transpose(matrix), matrix)
  return decomposed(product).values.map(value => Math.sqrt(Math.max(value, 0)))
}

// Steps of a rule of whole matrices, all in float64.
class MatrixTraining {
  constructor(rule, options, param, known) {
    const [rows, columns] = known.shape
    this.rule = rule
    this.self = { seed: 0, ...options }
    const start = rule.start(this.self, known)
    this.kept = Object.keys(start.state)
    this.state = { ...known, param_index: 0, step_count: 0, ...start.state }
    const shapes = { element: [rows, columns], row: [rows, 1], column: [1, columns], thin: [columns, known.directions] }
    this.tensors = { param: new Matrix(rows, columns, Float64Array.from(param)), grad: new Matrix(rows, columns) }
    for (const [name, [scope, value]] of Object.entries(start.tensors)) {
      this.tensors[name] = scope === "left" || scope === "right"
        ? Matrix.identity(scope === "left" ? rows : columns, value)
        : Matrix.from(...shapes[scope], () => value)
    }
    for (const name of start.copies ?? []) this.tensors[name] = new Matrix(rows, columns, this.tensors.param.slice())
  }

  get param() {
    return this.tensors.param.data
  }

  result() {
    return this.param.slice()
  }

  numbers() {
    return Object.fromEntries(this.kept.map(name => [name, this.state[name]]))
  }

  step(grad, phase = "step") {
    this.tensors.grad.data.set(grad)
    const found = this.rule[phase](this.self, this.state, this.tensors)
    for (const [name, value] of Object.entries(found)) {
      if (name in this.tensors) this.tensors[name] = each((_, made) => made, this.tensors[name], value)
      else this.state[name] = value
    }
  }
}
