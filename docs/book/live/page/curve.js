// The loss over the steps, on a logarithmic scale.

const CURVE = { width: 480, height: 210, left: 60, right: 18, top: 10, bottom: 36 }

const acrossCurve = step => CURVE.left + step / STEPS * (CURVE.width - CURVE.left - CURVE.right)

class Curve {
  constructor(looked) {
    this.picture = make("svg", { viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, class: "live-curve", role: "img", "aria-label": "The loss over the steps" })
    this.picture.addEventListener("pointerdown", event => { this.picture.setPointerCapture(event.pointerId); this.isHeld = true; this.look(event, looked) })
    this.picture.addEventListener("pointermove", event => { if (this.isHeld) this.look(event, looked) })
    for (const end of ["pointerup", "pointercancel"]) this.picture.addEventListener(end, () => { this.isHeld = false })
  }

  look(event, looked) {
    const box = this.picture.getBoundingClientRect(), across = (event.clientX - box.left) * CURVE.width / box.width
    const share = (across - CURVE.left) / (CURVE.width - CURVE.left - CURVE.right)
    looked(Math.round(Math.min(Math.max(share, 0), 1) * STEPS))
  }

  draw(runs, step) {
    const losses = runs.flatMap(run => run.losses).filter(loss => loss > 0 && Number.isFinite(loss)).map(Math.log10)
    const low = Math.max(Math.floor(Math.min(...losses)), -9), high = Math.max(Math.min(Math.ceil(Math.max(...losses)), 6), low + 1)
    const up = loss => {
      const place = (Math.log10(Math.max(loss, 10 ** low)) - low) / (high - low)
      return CURVE.height - CURVE.bottom - Math.min(Math.max(place, 0), 1) * (CURVE.height - CURVE.top - CURVE.bottom)
    }
    this.picture.replaceChildren(axesOfCurve(low, high, up), make("line", {
      class: "live-cursor", x1: acrossCurve(step), x2: acrossCurve(step), y1: CURVE.top, y2: CURVE.height - CURVE.bottom,
    }), ...[...runs].reverse().flatMap(run => lineOf(run, step, up)))
  }
}

function axesOfCurve(low, high, up) {
  const axes = make("g", { class: "live-axes" }), every = Math.ceil((high - low) / 6)
  for (let power = low; power <= high; power += every) {
    const y = up(10 ** power)
    axes.append(make("line", { class: "live-grid", x1: CURVE.left, x2: CURVE.width - CURVE.right, y1: y, y2: y }))
    axes.append(make("text", { x: CURVE.left - 6, y: y + 4, "text-anchor": "end" }, power >= -2 && power <= 3 ? String(Number((10 ** power).toPrecision(3))) : `1e${String(power).replace("-", "−")}`))
  }
  for (let step = 0; step <= STEPS; step += 20) axes.append(make("text", { x: acrossCurve(step), y: CURVE.height - CURVE.bottom + 15, "text-anchor": "middle" }, String(step)))
  const middle = (CURVE.top + CURVE.height - CURVE.bottom) / 2
  axes.append(make("text", { x: acrossCurve(STEPS / 2), y: CURVE.height - 5, "text-anchor": "middle", class: "live-name" }, "step"))
  axes.append(make("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})`, class: "live-name" }, "loss"))
  return axes
}

function lineOf(run, step, up) {
  const points = run.losses.map((loss, place) => [place, loss]).filter(([, loss]) => Number.isFinite(loss))
  const line = points.map(([place, loss]) => `${acrossCurve(place).toFixed(1)},${up(loss).toFixed(1)}`).join(" ")
  const here = Number.isFinite(run.losses[step]) ? [make("circle", { class: `live-here ${run.class}`, cx: acrossCurve(step), cy: up(run.losses[step]), r: 4.5 })] : []
  return [make("polyline", { class: `live-path ${run.class}`, points: line }), ...here]
}
