// The plane: the surface as a map with contour lines, and the paths of points that go down.

const MAP = { width: 480, height: 380, left: 40, right: 8, top: 8, bottom: 38 }

const acrossMap = x => MAP.left + (x - WIDE[0]) / (WIDE[1] - WIDE[0]) * (MAP.width - MAP.left - MAP.right)
const upMap = y => MAP.height - MAP.bottom - (y - HIGH[0]) / (HIGH[1] - HIGH[0]) * (MAP.height - MAP.top - MAP.bottom)

class Plane {
  constructor(moved) {
    this.picture = make("svg", { viewBox: `0 0 ${MAP.width} ${MAP.height}`, class: "live-map", role: "group" })
    this.ground = make("g")
    this.paths = make("g")
    this.handle = make("circle", { class: "live-start", r: 9, tabindex: 0, role: "slider", "aria-label": "Where the point starts" })
    this.picture.append(this.ground, axesOfMap(), this.paths, this.handle)
    this.moved = moved
    this.listen()
  }

  listen() {
    const put = event => {
      const box = this.picture.getBoundingClientRect(), scale = MAP.width / box.width
      const across = (event.clientX - box.left) * scale, up = (event.clientY - box.top) * scale
      const x = WIDE[0] + (across - MAP.left) / (MAP.width - MAP.left - MAP.right) * (WIDE[1] - WIDE[0])
      const y = HIGH[0] + (MAP.height - MAP.bottom - up) / (MAP.height - MAP.top - MAP.bottom) * (HIGH[1] - HIGH[0])
      this.move(x, y)
    }
    this.picture.addEventListener("pointerdown", event => {
      this.picture.setPointerCapture(event.pointerId)
      this.isHeld = true
      this.handle.focus({ preventScroll: true })
      put(event)
    })
    this.picture.addEventListener("pointermove", event => { if (this.isHeld) put(event) })
    for (const end of ["pointerup", "pointercancel"]) this.picture.addEventListener(end, () => { this.isHeld = false })
    this.handle.addEventListener("keydown", event => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key]
      if (!way) return
      event.preventDefault()
      this.move(this.start[0] + way[0] * 0.05, this.start[1] + way[1] * 0.05)
    })
  }

  move(x, y) {
    const within = (value, [low, high]) => Math.fround(Math.min(Math.max(value, low), high))
    this.moved([within(x, WIDE), within(y, HIGH)])
  }

  // Draw the surface anew: it changes seldom.
  drawSurface(surface) {
    this.surface = surface
    this.ground.replaceChildren(make("image", {
      href: shaded(surface, getComputedStyle(this.picture).getPropertyValue("--live-ground")), preserveAspectRatio: "none",
      x: MAP.left, y: MAP.top, width: MAP.width - MAP.left - MAP.right, height: MAP.height - MAP.top - MAP.bottom,
    }), ...levelsOf(surface).map(level => make("path", { class: "live-contour", d: contour(surface, level) })), lowestOf(surface))
  }

  // Draw the paths up to a step, and what the optimizer remembers there.
  draw(runs, step, start) {
    this.start = start
    this.handle.setAttribute("cx", acrossMap(start[0]))
    this.handle.setAttribute("cy", upMap(start[1]))
    this.handle.setAttribute("aria-valuetext", `weight 1: ${start[0].toFixed(2)}, weight 2: ${start[1].toFixed(2)}`)
    this.handle.setAttribute("aria-valuenow", start[0].toFixed(2))
    this.paths.replaceChildren(...[...runs].reverse().flatMap(run => pathOf(run, step)), ...rememberedBy(runs[0], step))
  }
}

function axesOfMap() {
  const axes = make("g", { class: "live-axes" })
  for (const x of [-2, -1, 0, 1, 2]) axes.append(make("text", { x: acrossMap(x), y: MAP.height - MAP.bottom + 15, "text-anchor": "middle" }, String(x).replace("-", "−")))
  for (const y of [-1, 0, 1]) axes.append(make("text", { x: MAP.left - 6, y: upMap(y) + 4, "text-anchor": "end" }, String(y).replace("-", "−")))
  const middle = upMap(0)
  axes.append(make("text", { x: acrossMap(0), y: MAP.height - 6, "text-anchor": "middle", class: "live-name" }, "weight 1"))
  axes.append(make("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})`, class: "live-name" }, "weight 2"))
  return axes
}

// Levels that stand a factor apart, as losses do.
function levelsOf(surface) {
  const highest = Math.max(...[WIDE[0], 0, WIDE[1]].flatMap(x => HIGH.map(y => surface.value(x, y))))
  return Array.from({ length: 11 }, (_, place) => highest * 0.5 ** place)
}

// A picture of few dots in which the loss is shade: the lower, the lighter.
function shaded(surface, colour) {
  const canvas = make("canvas", { width: 140, height: 110 }), painter = canvas.getContext("2d"), levels = levelsOf(surface)
  painter.fillStyle = colour || "#2563a8"
  for (let column = 0; column < canvas.width; column++) {
    for (let row = 0; row < canvas.height; row++) {
      const x = WIDE[0] + (column + 0.5) / canvas.width * (WIDE[1] - WIDE[0])
      const y = HIGH[1] - (row + 0.5) / canvas.height * (HIGH[1] - HIGH[0])
      const octaves = Math.log2(levels[0] / Math.max(surface.value(x, y), 1e-9))
      painter.globalAlpha = Math.min(Math.max(0.34 - 0.032 * octaves, 0), 0.34)
      painter.fillRect(column, row, 1, 1)
    }
  }
  return canvas.toDataURL()
}

// Go through the squares of a grid, and draw the line on which the loss has a level.
function contour(surface, level) {
  const columns = 88, rows = 66, pieces = []
  const at = (column, row) => {
    const x = WIDE[0] + column / columns * (WIDE[1] - WIDE[0]), y = HIGH[0] + row / rows * (HIGH[1] - HIGH[0])
    return [x, y, surface.value(x, y) - level]
  }
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const corners = [at(column, row), at(column + 1, row), at(column + 1, row + 1), at(column, row + 1)]
      const crossings = corners.flatMap((one, place) => crossing(one, corners[(place + 1) % 4]))
      for (let place = 0; place + 1 < crossings.length; place += 2) pieces.push(`M${crossings[place]}L${crossings[place + 1]}`)
    }
  }
  return pieces.join("")
}

function crossing(one, other) {
  if (one[2] < 0 === other[2] < 0) return []
  const share = one[2] / (one[2] - other[2])
  const x = one[0] + share * (other[0] - one[0]), y = one[1] + share * (other[1] - one[1])
  return [`${acrossMap(x).toFixed(1)} ${upMap(y).toFixed(1)}`]
}

function lowestOf(surface) {
  const x = acrossMap(surface.lowest[0]), y = upMap(surface.lowest[1])
  return make("path", { class: "live-lowest", d: `M${x - 5} ${y - 5}L${x + 5} ${y + 5}M${x - 5} ${y + 5}L${x + 5} ${y - 5}` }, make("title", {}, "the lowest point"))
}

const isThere = point => Number.isFinite(point[0]) && Number.isFinite(point[1])
// What leaves the map far behind is cut off there: pictures end somewhere.
const inPicture = point => [acrossMap(Math.max(Math.min(point[0], 40), -40)), upMap(Math.max(Math.min(point[1], 40), -40))]

function pathOf(run, step) {
  const all = run.path.filter(isThere).map(inPicture), points = all.slice(0, step + 1), here = points.at(-1)
  const line = some => some.map(point => point.map(each => each.toFixed(1)).join(",")).join(" ")
  return [
    make("polyline", { class: `live-path live-later ${run.class}`, points: line(all.slice(points.length - 1)) }),
    make("polyline", { class: `live-path ${run.class}`, points: line(points) }),
    ...points.map(([cx, cy]) => make("circle", { class: `live-step ${run.class}`, cx, cy, r: 1.8 })),
    ...judged(run, step),
    make("circle", { class: `live-here ${run.class}`, cx: here[0], cy: here[1], r: 5.5 }),
  ]
}

// The point to judge at, where it is another one.
function judged(run, step) {
  if (!run.training.rule.average || !isThere(run.results[step])) return []
  const [cx, cy] = inPicture(run.results[step])
  return [make("circle", { class: `live-judged ${run.class}`, cx, cy, r: 5 }, make("title", {}, "the average, which is the result"))]
}

// The momentum as an arrow, the second moment as an ellipse; each longest where it is largest in the run.
function rememberedBy(run, step) {
  const point = run.path[step]
  if (!isThere(point)) return []
  const [x, y] = inPicture(point), { momentum, squares } = run.optimizer.remembers, drawn = []
  if (squares && run.states[step][squares]) {
    const roots = run.states.map(states => Array.from(states[squares], each => Math.sqrt(Math.max(each, 0)))), largest = largestOf(roots)
    const [rx, ry] = roots[step].map(each => 34 * each / largest)
    if (rx + ry > 0) drawn.push(make("ellipse", { class: "live-squares", cx: x, cy: y, rx, ry }))
  }
  if (momentum && run.states[step][momentum]) {
    const largest = largestOf(run.states.map(states => Array.from(states[momentum])))
    const [right, up] = Array.from(run.states[step][momentum], each => -48 * each / largest)
    if (Math.hypot(right, up) > 1) drawn.push(arrow(x, y, x + right, y - up))
  }
  return drawn
}

function largestOf(rows) {
  return Math.max(...rows.flat().map(Math.abs).filter(Number.isFinite), 1e-30)
}

function arrow(x, y, toX, toY) {
  const angle = Math.atan2(toY - y, toX - x), side = turn => `${toX - 9 * Math.cos(angle + turn)} ${toY - 9 * Math.sin(angle + turn)}`
  return make("path", { class: "live-momentum", d: `M${x} ${y}L${toX} ${toY}M${side(0.45)}L${toX} ${toY}L${side(-0.45)}` })
}
