// A small matrix as the stage of a toy: the singular values of gradient and step, and what is kept, as tiles.

const ROWS = 4, COLUMNS = 3

// A loss whose slope depends on the direction: one half of the squares of A (W - T) B.
function matrixProblems() {
  const told = {
    Even: "All directions are equally steep.",
    Uneven: "Some directions are a hundred times as steep as others, as in networks. The gradient shows hardly anything else.",
    "Very uneven": "Some directions are ten thousand times as steep as others.",
  }
  return [["Uneven", 3.2], ["Even", 1], ["Very uneven", 10]].map(([name, spread]) => ({
    name, told: told[name], start: Float32Array.from({ length: ROWS * COLUMNS }, (_, place) => 0.4 * Math.sin(7 * place + 1)), ...steepness(spread),
  }))
}

function steepness(spread) {
  const basis = (size, seed) => matrices.orthonormal(Matrix.from(size, size, (row, column) => Math.sin(seed + 5 * row + 3 * column + row * column)))
  const squared = (size, seed) => {
    const turn = basis(size, seed), sizes = Matrix.from(1, size, (_, place) => spread ** (2 - 4 * place / (size - 1)) / spread)
    return matrices.matmul(each((value, size) => value * size, turn, sizes), matrices.transpose(turn))
  }
  return { left: squared(ROWS, 1), right: squared(COLUMNS, 2), target: matrices.matmul(basis(ROWS, 3), Matrix.from(ROWS, COLUMNS, (row, column) => (row === column ? 1 : 0))) }
}

class MatrixView {
  constructor() {
    this.question = "Loss:"
    this.problems = matrixProblems()
    this.picture = make("svg", { viewBox: "0 0 480 300", class: "live-values", role: "img", "aria-label": "Singular values of the gradient and of the step" })
  }

  takes(optimizer) {
    const known = { machine_epsilon: 2 ** -23, ...MATRIX }
    return Boolean(variantOf(optimizer, optimizer.defaults, known))
  }

  take() {}

  problemOf({ left, right, target }, noise) {
    const away = param => each((value, aim) => value - aim, new Matrix(ROWS, COLUMNS, Float64Array.from(param)), target)
    const slope = param => matrices.matmul(matrices.matmul(left, away(param)), right)
    return {
      leap: 0.8,
      known: MATRIX,
      loss: param => sumOf(slope(param).data.map((value, place) => value * away(param).data[place])) / 2,
      grad: (param, step) => slope(param).data.map((value, place) => value + noise / 10 * noiseOf(step * ROWS * COLUMNS + place)[0]),
      bend: () => Matrix.from(ROWS, COLUMNS, (row, column) => left.at(row, row) * right.at(column, column)).data,
    }
  }

  draw(runs, step) {
    const now = Math.max(step, 1), groups = [barsOf("gradient", runs[0].grads[now - 1], "live-gradient"), ...runs.map(run => barsOf(`step of ${run.optimizer.name}`, stepOf(run, now), run.class))]
    this.picture.replaceChildren(axesOfValues(), ...groups.flatMap((group, place) => group.draw(place, groups.length)))
  }

  kept(run, step) {
    const now = Math.max(step, 1), shown = Object.entries(run.states[step]).filter(([, values]) => values.length === ROWS * COLUMNS)
    const tiles = [["weights", run.path[step]], ["gradient", run.grads[now - 1]], ["step", stepOf(run, now)], ...shown]
    return make("div", { class: "live-tiles" }, ...tiles.map(([name, values]) => tilesOf(name, values)), ...othersOf(run, step))
  }

  legend(runs, step) {
    const gradient = make("span", { class: "live-entry live-gradient" }, make("span", { class: "live-swatch" }), "gradient")
    return [gradient, ...runs.map(run => named(run, step)), make("span", { class: "live-said" },
      "Singular values say how large a matrix is in each of its directions. The gradient is large in one of them. If the bars of the step are even, the step goes equally far in all directions, also where the gradient is small.")]
  }
}

const MATRIX = { numel: ROWS * COLUMNS, ndim: 2, is_matrix: 1, rows: ROWS, columns: COLUMNS, shape: [ROWS, COLUMNS] }

function stepOf(run, step) {
  return Array.from(run.path[step], (value, place) => value - run.path[step - 1][place])
}

// The singular values of a matrix as a group of bars for each place.
function barsOf(name, values, kind) {
  const isFinite = Array.from(values).every(Number.isFinite)
  const sizes = isFinite ? singularValues(new Matrix(ROWS, COLUMNS, Float64Array.from(values))) : Array(COLUMNS).fill(0)
  return {
    draw: (place, count) => sizes.map((size, which) => {
      const share = sizes[0] > 0 ? size / sizes[0] : 0, width = 100 / count, x = 70 + which * 138 + place * width
      const title = make("title", {}, `${name}: ${size.toPrecision(3)}`)
      return make("rect", { class: `live-column ${kind}`, x, width: width - 4, y: 250 - 230 * share, height: Math.max(230 * share, 1.5) }, title)
    }),
  }
}

function axesOfValues() {
  const axes = make("g", { class: "live-axes" })
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const y = 250 - 230 * share
    axes.append(make("line", { class: "live-grid", x1: 52, x2: 472, y1: y, y2: y }), make("text", { x: 46, y: y + 4, "text-anchor": "end" }, String(share)))
  }
  for (const [which, text] of ["first", "second", "third"].entries()) axes.append(make("text", { x: 118 + which * 138, y: 268, "text-anchor": "middle" }, text))
  axes.append(make("text", { x: 258, y: 292, "text-anchor": "middle", class: "live-name" }, "singular value"))
  axes.append(make("text", { x: 12, y: 135, "text-anchor": "middle", transform: "rotate(-90 12 135)", class: "live-name" }, "share of the largest"))
  return axes
}

// A matrix as tiles: one colour for positive numbers, the other for negative ones, the largest being full.
function tilesOf(name, values) {
  const largest = largestOf([Array.from(values)]), picture = make("svg", { viewBox: `0 0 ${COLUMNS * 20} ${ROWS * 20}`, role: "img", "aria-label": name })
  Array.from(values).forEach((value, place) => {
    const share = Number.isFinite(value) ? Math.abs(value) / largest : 0
    const at = { x: place % COLUMNS * 20 + 1, y: Math.floor(place / COLUMNS) * 20 + 1, width: 18, height: 18 }
    picture.append(make("rect", { ...at, class: value < 0 ? "live-tile live-other" : "live-tile live-own", "fill-opacity": share.toFixed(3) }, make("title", {}, written(Number(value.toPrecision(3))))))
  })
  return make("figure", {}, picture, make("figcaption", {}, breakable(name)))
}

function othersOf(run, step) {
  const others = Object.entries(run.states[step]).filter(([, values]) => values.length !== ROWS * COLUMNS).map(([name]) => name)
  return others.length ? [make("p", { class: "live-told" }, `States of other shapes: ${others.join(", ")}.`)] : []
}
