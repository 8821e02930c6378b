// Steps of a rule: it keeps a parameter, its states, and the numbers of its group, in float32 and float64.

class Training {
  constructor(rule, options, param, known = {}) {
    this.rule = rule
    this.self = { ...options }
    const none = { state: {}, tensors: {}, learned: {} }
    const start = { ...none, ...rule.start(this.self, { norm: norm(param) }) }
    Object.assign(this.self, start.learned, options)
    this.state = { ...known, numel: param.length, param_index: 0, step_count: 0, ...start.state }
    this.learned = Object.keys(start.learned)
    this.kept = Object.keys(start.state)
    this.tensors = { param: Float32Array.from(param), grad: new Float32Array(param.length) }
    for (const [name, value] of Object.entries(start.tensors)) this.tensors[name] = this.param.map(() => value)
    // As in Python, where a copy is added to zeros: there is no zero below zero.
    for (const name of start.copies ?? []) this.tensors[name] = this.param.map(value => value + 0)
  }

  get param() {
    return this.tensors.param
  }

  // The numbers that are kept for the whole parameter, or learned for its group.
  numbers() {
    const entries = [...this.kept.map(name => [name, this.state[name]]), ...this.learned.map(name => [name, this.self[name]])]
    return Object.fromEntries(entries)
  }

  // Take a step along a gradient, in one phase of a rule's work if it has any; where it learns from sums over all
  // parameters, this is the only one. Some rules ask for the loss, too.
  step(grad, phase = "step", loss = this.self.loss) {
    this.tensors.grad.set(grad)
    this.self.loss = loss
    this.self.grad_norm = norm(this.tensors.grad)
    const sums = this.rule[phase](this.self, this.state, this.tensors)
    if (this.rule.learn) Object.assign(this.self, this.rule.learn(this.self, sums))
  }

  // Take in the diagonal of the Hessian, where the rule looks at it.
  observe(seen) {
    this.tensors.grad.set(seen)
    this.rule.observe(this.self, this.state, this.tensors)
  }

  // The point to judge at, which some rules keep apart from the one to take gradients at.
  result() {
    if (!this.rule.average) return this.param.slice()
    const tensors = { ...this.tensors, param: this.param.slice() }
    this.rule.average(this.self, this.state, tensors)
    return tensors.param
  }
}

function norm(grad) {
  const squares = new Sum()
  grad.forEach((each, place) => squares.add(place, each * each))
  return Math.sqrt(squares.total())
}
