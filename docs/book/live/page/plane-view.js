// The plane as the stage of a toy: its problems are surfaces, and its legend says what is drawn.

class PlaneView {
  constructor(moved) {
    this.question = "Surface:"
    this.problems = SURFACES
    this.plane = new Plane(moved)
    this.picture = this.plane.picture
    // Shades are drawn in colours of the page, which the reader may change.
    new MutationObserver(() => this.plane.drawSurface(this.plane.surface)).observe(document.body, { attributeFilter: ["data-theme"] })
  }

  takes(optimizer) {
    return optimizer.toy === "plane"
  }

  take(surface) {
    this.plane.drawSurface(surface)
  }

  problemOf(surface, noise) {
    return planeProblem(surface, noise)
  }

  draw(runs, step, start) {
    this.plane.draw(runs, step, start)
  }

  kept(run, step) {
    return statesTable(run, step)
  }

  legend(runs, step) {
    const { momentum, squares } = runs[0].optimizer.remembers, kept = runs[0].states[step]
    const said = ["Drag the ring to start elsewhere; × is the lowest point."]
    if (momentum && kept[momentum]) said.push(`The arrow shows where ${momentum} pushes the point.`)
    if (squares && kept[squares]) said.push(`The ellipse shows the roots of ${squares}: how large the gradients of each weight have been.`)
    if (runs[0].training.rule.average) said.push("The filled dot is the average of the points, which is the result; the loss is its loss.")
    return [...runs.map(run => named(run, step)), make("span", { class: "live-said" }, said.join(" "))]
  }
}
