// Sliders, switches and lists for an optimizer's options; where a slider stands says what its value is.

const PLACES = 1000

function valueAt(control, place) {
  if (control.none && place === 0) return null
  if (control.kind === "share") return control.low + (control.high - control.low) * place
  if (control.kind === "memory") return Number((1 - 10 ** (-4 * place)).toPrecision(6))
  if (control.kind === "whole") return Math.round(control.low + (control.high - control.low) * place)
  if (control.zero && place === 0) return 0
  return Number((control.low * (control.high / control.low) ** place).toPrecision(3))
}

function placeOf(control, value) {
  if (value === null || value === undefined) return 0
  const clipped = place => Math.min(Math.max(place, 0), 1)
  if (control.kind === "share" || control.kind === "whole") return clipped((value - control.low) / (control.high - control.low))
  if (control.kind === "memory") return clipped(-Math.log10(1 - value) / 4)
  if (value === 0) return 0
  return clipped(Math.log(value / control.low) / Math.log(control.high / control.low))
}

function read(options, control) {
  return control.index === undefined ? options[control.name] : options[control.name][control.index]
}

function write(options, control, value) {
  if (control.index === undefined) options[control.name] = value
  else options[control.name] = options[control.name].map((old, index) => (index === control.index ? value : old))
}

function written(value) {
  if (value === null || value === false) return "off"
  if (value === true) return "on"
  if (typeof value !== "number") return String(value)
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace(".0e", "e")
  return String(Number(value.toPrecision(4)))
}

// Make an element with attributes and children.
function make(tag, attributes = {}, ...children) {
  const isDrawn = DRAWN.has(tag)
  const element = isDrawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

const DRAWN = new Set(["svg", "g", "path", "line", "circle", "ellipse", "text", "rect", "image", "polyline", "title", "defs", "marker"])

let made = 0

// Write a control's row: its name, what it is moved with, and its value.
function controlOf(control, options, changed) {
  const id = `live-${(made += 1)}`
  const name = control.label || (control.index === undefined ? control.name : `${control.name}[${control.index}]`)
  const label = make("label", { for: id, title: name }, name)
  const shown = make("output", { for: id })
  const show = () => { shown.textContent = written(read(options, control)) }
  const input = inputOf(control, options, id, value => { write(options, control, value); show(); changed() })
  show()
  const row = make("div", { class: "live-control" }, label, input, shown)
  row.refresh = () => { input.refresh(); show() }
  return row
}

function inputOf(control, options, id, take) {
  if (control.kind === "switch") return switchOf(control, options, id, take)
  if (control.kind === "choice") return choiceOf(control, options, id, take)
  const input = make("input", { id, type: "range", min: 0, max: PLACES, step: control.kind === "whole" ? PLACES / (control.high - control.low) : 1 })
  input.refresh = () => {
    input.value = placeOf(control, read(options, control)) * PLACES
    input.setAttribute("aria-valuetext", written(read(options, control)))
  }
  input.addEventListener("input", () => {
    take(valueAt(control, input.value / PLACES))
    input.setAttribute("aria-valuetext", written(read(options, control)))
  })
  input.refresh()
  return input
}

function switchOf(control, options, id, take) {
  const input = make("input", { id, type: "checkbox" })
  input.refresh = () => { input.checked = read(options, control) }
  input.addEventListener("change", () => take(input.checked))
  input.refresh()
  return input
}

function choiceOf(control, options, id, take) {
  const input = make("select", { id }, ...control.values.map(value => make("option", {}, written(value))))
  input.refresh = () => { input.selectedIndex = control.values.indexOf(read(options, control)) }
  input.addEventListener("change", () => take(control.values[input.selectedIndex]))
  input.refresh()
  return input
}
