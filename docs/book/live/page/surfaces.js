// The surfaces that a point goes down on: the loss, its gradient, and the diagonal of its Hessian, in float64.

const SURFACES = [
  {
    name: "Narrow valley",
    told: "Across the valley the loss is twenty times as steep as along it.",
    start: [-1.6, 1],
    lowest: [0, 0],
    value: (x, y) => (x * x + 20 * y * y) / 2,
    slope: (x, y) => [x, 20 * y],
    bend: () => [1, 20],
  },
  {
    name: "Narrow valley, turned",
    told: "The same valley, but it does not follow the axes: optimizers that look at each weight by itself find it harder.",
    start: [-1.6, 0.5],
    lowest: [0, 0],
    value: (x, y) => ((x + y) ** 2 + 20 * (x - y) ** 2) / 4,
    slope: (x, y) => [(x + y) / 2 + 10 * (x - y), (x + y) / 2 - 10 * (x - y)],
    bend: () => [10.5, 10.5],
  },
  {
    name: "Bent valley",
    told: "Rosenbrock's function: the way to the lowest point is a curve with almost no slope.",
    start: [-1.2, 1.2],
    lowest: [1, 1],
    value: (x, y) => ((1 - x) ** 2 + 30 * (y - x * x) ** 2) / 10,
    slope: (x, y) => [(-2 * (1 - x) - 120 * x * (y - x * x)) / 10, (60 * (y - x * x)) / 10],
    bend: (x, y) => [(2 - 120 * (y - 3 * x * x)) / 10, 6],
  },
  {
    name: "Saddle",
    told: "In the middle the slope is zero, but this is not the lowest point: there is a valley on either side.",
    start: [-1.5, 0.02],
    lowest: [0, 1],
    value: (x, y) => x * x / 2 + (y * y - 1) ** 2 / 4,
    slope: (x, y) => [x, y * (y * y - 1)],
    bend: (x, y) => [1, 3 * y * y - 1],
  },
]

const WIDE = [-2, 2]
const HIGH = [-1.5, 1.5]

// Noise as of mini-batches: the same numbers each time, so that two optimizers meet the same ones.
function noiseOf(step) {
  const draw = salt => {
    let x = Math.imul(step * 2 + salt + 1, 0x9e3779b1)
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b | 0)
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32
  }
  const size = Math.sqrt(-2 * Math.log(draw(0) + 2 ** -33)), angle = 2 * Math.PI * draw(1)
  return [size * Math.cos(angle), size * Math.sin(angle)]
}

// A surface as a problem for a run: what is minimized, and from where.
function planeProblem(surface, noise) {
  return {
    leap: 0.4,
    known: { ndim: 1, is_matrix: 0, rows: 2, columns: 1, shape: [2] },
    loss: ([x, y]) => surface.value(x, y),
    grad: ([x, y], step) => {
      const [across, up] = surface.slope(x, y), [one, other] = noise ? noiseOf(step) : [0, 0]
      return [across + noise * one, up + noise * other]
    },
    bend: ([x, y]) => surface.bend(x, y),
  }
}
