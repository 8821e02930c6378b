// What the optimizer keeps for each weight at a step, as bars and in numbers.

function statesTable(run, step) {
  const rows = Object.entries(run.states[step]).filter(([, values]) => values.length === 2)
  const head = make("tr", {}, make("th", {}, "kept for each weight"), make("th", {}, "weight 1"), make("th", {}, "weight 2"))
  const body = rows.map(([name, values]) => {
    const largest = largestOf(run.states.map(states => Array.from(states[name])))
    return make("tr", {}, make("th", { scope: "row" }, breakable(name)), ...Array.from(values, value => barCell(value, largest)))
  })
  const numbers = Object.entries(run.numbers[step]).map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, breakable(name)), make("td", { colspan: 2 }, written(value))))
  if (!body.length && !numbers.length) return make("p", { class: "live-told" }, "This optimizer keeps nothing from step to step.")
  return make("table", { class: "live-states" }, make("thead", {}, ...(body.length ? [head] : [])), make("tbody", {}, ...body, ...numbers))
}

// A name that may go on in the next line after an underscore, where it is longer than its place.
function breakable(name) {
  return name.replaceAll("_", "_\u200b")
}

// A bar that grows to the right from the middle for positive numbers, and to the left for negative ones.
function barCell(value, largest) {
  const share = Number.isFinite(value) ? Math.abs(value) / largest * 50 : 0
  const bar = make("span", { class: "live-bar", style: `width:${share}%;left:${value < 0 ? 50 - share : 50}%` })
  return make("td", {}, make("span", { class: "live-track" }, bar), make("span", { class: "live-value" }, written(Number(value.toPrecision(3)))))
}
