// A run: the class's own formula takes steps down, and everything that it passes is written down.

const STEPS = 100

// Choose the formula that options select, as Python does.
function variantOf(optimizer, options, known) {
  const chosen = optimizer.variants.find(([, fits]) => fits(options, known))
  return chosen && RULES[chosen[0]]
}

function runOf(optimizer, options, problem, start) {
  const known = { machine_epsilon: 2 ** -23, numel: start.length, directions: optimizer.directions, ...problem.known }
  const rule = variantOf(optimizer, options, known)
  const training = new (rule.isForMatrices ? MatrixTraining : Training)(rule, options, start, known)
  const run = { path: [], results: [], losses: [], grads: [], states: [], numbers: [], training }
  for (let step = 0; step <= STEPS; step++) {
    const param = training.param.slice(), result = training.result()
    run.path.push(param)
    run.results.push(result)
    run.losses.push(problem.loss(result))
    run.states.push(statesOf(training))
    run.numbers.push(training.numbers())
    if (step === STEPS) break
    const grad = Float32Array.from(problem.grad(param, step))
    run.grads.push(grad)
    if (rule.observe && step % optimizer.observesEvery === 0) training.observe(seenBy(optimizer, options, problem, param))
    training.step(grad, phaseOf(optimizer, step), problem.loss(param))
  }
  return run
}

// Which phase of its work a step is, where a rule has any.
function phaseOf(optimizer, step) {
  return optimizer.phase ? optimizer.phases[parseInt(optimizer.phase[step], 36)] : "step"
}

// What a rule sees of the Hessian; one of them sees gradients whose squares, times the batch, are its diagonal.
function seenBy(optimizer, options, problem, param) {
  const bend = problem.bend(param)
  return optimizer.sees === "root" ? bend.map(each => Math.sqrt(Math.abs(each) / options.batch_size)) : bend
}

function statesOf(training) {
  const { param, grad, ...tensors } = training.tensors
  return Object.fromEntries(Object.entries(tensors).map(([name, values]) => [name, values.slice ? values.slice() : values]))
}

// Try the rates of a grid, and take the one with which losses are smallest.
function bestRate(optimizer, options, problem, start) {
  const control = optimizer.controls.find(each => each.name === "lr")
  if (!control || optimizer.keepsRate) return options.lr
  const tried = []
  for (let place = 0.05; place <= 1; place += 0.025) {
    const lr = Number(valueAt(control, place).toPrecision(2))
    tried.push([score(runOf(optimizer, { ...options, lr }, problem, start), problem), lr])
  }
  return tried.reduce((best, each) => (each[0] < best[0] ? each : best))[1]
}

// The mean of all losses on a logarithmic scale, so that no lucky step decides; leaps across the picture do not count.
function score({ losses, path }, problem) {
  const mean = losses.reduce((total, loss) => total + Math.log(Math.max(loss, 1e-9)), 0) / losses.length
  const longest = Math.max(...path.slice(1).map((point, place) => Math.hypot(...point.map((value, axis) => value - path[place][axis]))))
  const found = mean + 10 * Math.max(longest / problem.leap - 1, 0)
  return Number.isFinite(found) ? found : Infinity
}
