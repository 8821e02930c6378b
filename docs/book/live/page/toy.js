// One toy: controls, pictures, and two runs at most, drawn anew whenever anything has changed.

class Toy {
  constructor(place) {
    this.place = place
    this.own = OPTIMIZERS[place.dataset.optimizer]
    this.view = this.own.toy === "matrix" ? new MatrixView() : new PlaneView(start => this.startFrom(start))
    this.curve = new Curve(step => this.look(step))
    // Where arrows are still long.
    this.step = 15
    this.noise = 0
    this.players = [this.playerOf(this.own, "live-own")]
    this.build()
    this.choose(this.view.problems[0])
  }

  // An optimizer that takes part, with options of its own.
  playerOf(optimizer, kind) {
    return { optimizer, kind, options: structuredClone(optimizer.defaults) }
  }

  build() {
    this.scrubber = make("input", { type: "range", min: 0, max: STEPS, value: 15, "aria-label": "Step" })
    this.scrubber.addEventListener("input", () => this.look(Number(this.scrubber.value)))
    this.shownStep = make("output", { class: "live-count" })
    this.problemList = make("select", { "aria-label": this.view.question }, ...this.view.problems.map(each => make("option", {}, each.name)))
    this.problemList.addEventListener("change", () => this.choose(this.view.problems[this.problemList.selectedIndex]))
    this.told = make("p", { class: "live-told" })
    this.legend = make("p", { class: "live-legend" })
    this.kept = make("div", { class: "live-kept" })
    this.controls = make("div", { class: "live-controls" })
    this.otherControls = make("div", { class: "live-controls" })
    const play = make("button", { type: "button", class: "live-play" }, "Play")
    play.addEventListener("click", () => this.play())
    this.place.replaceChildren(
      make("div", { class: "live-question" }, make("label", {}, `${this.view.question} `, this.problemList), this.told),
      make("div", { class: "live-columns" },
        make("div", { class: "live-stage" }, this.view.picture, make("div", { class: "live-scrub" }, play, this.scrubber, this.shownStep), this.legend),
        make("div", { class: "live-side" }, this.controls, this.comparison(), this.otherControls)),
      make("div", { class: "live-columns" }, make("div", {}, this.curve.picture), this.kept),
    )
  }

  comparison() {
    const names = Object.keys(OPTIMIZERS).filter(name => name !== this.place.dataset.optimizer && this.view.takes(OPTIMIZERS[name]))
    this.otherList = make("select", {}, make("option", {}, "nothing"), ...names.map(name => make("option", {}, name)))
    this.otherList.addEventListener("change", () => this.compareWith(this.otherList.value))
    return make("div", { class: "live-compare" }, make("label", {}, "Compare with ", this.otherList))
  }

  compareWith(name) {
    this.players = this.players.slice(0, 1)
    if (OPTIMIZERS[name]) this.players.push(this.playerOf(OPTIMIZERS[name], "live-other"))
    if (this.players[1]) this.tune(this.players[1])
    this.showControls()
    this.run()
  }

  // Take a problem, and rates that suit it: the defaults are made for networks.
  choose(problem) {
    this.problem = problem
    this.start = problem.start
    this.told.textContent = problem.told
    this.view.take(problem)
    for (const player of this.players) this.tune(player)
    this.showControls()
    this.run()
  }

  tune(player) {
    if (player.options.lr === undefined) return
    player.options.lr = bestRate(player.optimizer, player.options, this.asked(), this.start)
  }

  asked() {
    return this.view.problemOf(this.problem, this.noise)
  }

  showControls() {
    const changed = () => this.run()
    const rows = (player, controls) => controls.map(control => controlOf(control, player.options, changed))
    const [own, other] = this.players
    const noise = { name: "noise", label: "noise", kind: "share", low: 0, high: 4 }
    const best = make("button", { type: "button" }, "Find the best lr here")
    best.addEventListener("click", () => { for (const player of this.players) this.tune(player); this.showControls(); this.run() })
    const defaults = make("button", { type: "button" }, "Take the defaults")
    defaults.addEventListener("click", () => { own.options = structuredClone(own.optimizer.defaults); this.showControls(); this.run() })
    const given = Object.defineProperty({}, "noise", { get: () => this.noise, set: value => { this.noise = value }, enumerable: true })
    this.controls.replaceChildren(
      make("h4", { class: "live-own" }, own.optimizer.name), ...rows(own, own.optimizer.controls),
      controlOf(noise, given, changed), make("div", { class: "live-buttons" }, ...(own.options.lr === undefined ? [] : [best]), defaults),
    )
    this.otherControls.replaceChildren(...(other ? rows(other, other.optimizer.controls.filter(control => control.name === "lr")) : []))
  }

  startFrom(start) {
    this.start = start
    this.run()
  }

  run() {
    const problem = this.asked()
    this.runs = this.players.map(({ optimizer, options, kind }) => ({ ...runOf(optimizer, options, problem, this.start), optimizer, class: kind }))
    this.draw()
  }

  look(step) {
    this.step = step
    this.draw()
  }

  draw() {
    this.scrubber.value = this.step
    this.shownStep.textContent = `step ${this.step} of ${STEPS}`
    this.view.draw(this.runs, this.step, this.start)
    this.curve.draw(this.runs, this.step)
    this.kept.replaceChildren(this.view.kept(this.runs[0], this.step))
    this.legend.replaceChildren(...this.view.legend(this.runs, this.step))
  }

  // Go through the steps one after the other; who wants no motion is shown the end at once.
  play() {
    cancelAnimationFrame(this.playing)
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.look(STEPS)
    // A frame tells when it began, which may be before the click was seen: time is counted from the first one.
    let began
    const next = now => {
      began ??= now
      this.look(Math.min(Math.floor((now - began) / 50), STEPS))
      if (this.step < STEPS) this.playing = requestAnimationFrame(next)
    }
    this.playing = requestAnimationFrame(next)
  }
}

function named(run, step) {
  const loss = run.losses[step]
  return make("span", { class: `live-entry ${run.class}` }, make("span", { class: "live-swatch" }), `${run.optimizer.name}: loss ${Number.isFinite(loss) ? written(Number(loss.toPrecision(3))) : "beyond all numbers"}`)
}

for (const place of document.querySelectorAll(".live-toy")) place.toy = new Toy(place)
