"""What a step makes of a parameter, said again in NumPy: each operation of the built graph rounded once, in its order.

Only the numbers that are one a parameter come from the library, by Python's floats; what is done to the elements, how
narrow formats round, and in which order sums are taken, is said here.
"""

import copy
import math

import numpy as np
import torch

from thalweg.engine.decisions.rules import rule_for
from thalweg.formula.graph.expr import Constant, Reduction, Symbol, walk
from thalweg.formula.matrices.matrix import MATRIX_FUNCTIONS
from thalweg.formula.rule.facts import FACTS, known
from thalweg.formula.tracing.passes import passes, program_of
from thalweg.formula.tracing.program import Slot
from thalweg.formula.tracing.trace import evaluate, formula_of
from thalweg.state.formats.keeping import formats
from thalweg.state.initial import complete

from .summed_lines import added, along, shape_of, total_of_lines

NUMPY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negate": np.negative,
    "absolute": np.abs,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "sign": lambda x: (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype),
    "exponent": lambda x: (np.frexp(x)[1] - 1).astype(x.dtype),
    "mantissa": lambda x: 2 * np.frexp(x)[0],
    "times_power_of_two": lambda x, n: np.ldexp(x, np.nan_to_num(n, posinf=3000, neginf=-3000).astype(np.int32)),
    "maximum": lambda a, b: np.where((a > b) | np.isnan(a), a, b),
    "minimum": lambda a, b: np.where((a < b) | np.isnan(a), a, b),
    "by_precision": lambda a, b: b if b.dtype == np.float64 else a,
    "where": np.where,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "both": np.logical_and,
    "either": np.logical_or,
    "differ": np.logical_xor,
    "opposite": np.logical_not,
    "bits": lambda x: np.float32(x).view(np.int32),
    "from_bits": lambda x: x.astype(np.int32).view(np.float32),
    "scaled_bits": lambda x, factor: (np.float32(x) * np.float32(factor)).view(np.int32),
    "from_scaled_bits": lambda x, factor: x.view(np.float32) * factor,
    "from_integer": lambda x: x.astype(np.float32),
    "bit_and": np.bitwise_and,
    "bit_or": np.bitwise_or,
    "bit_xor": np.bitwise_xor,
    "shift_left": np.left_shift,
    "shift_right": lambda x, places: (x.view(np.uint32) >> np.uint32(places)).view(np.int32),
    "add_bits": np.add,
    "subtract_bits": np.subtract,
    "multiply_bits": np.multiply,
    "maximum_bits": np.maximum,
    "minimum_bits": np.minimum,
    "where_bits": np.where,
    "bfloat16": lambda x: widened(narrowed(np.float32(x), torch.bfloat16), torch.bfloat16).astype(x.dtype),
    "float16": lambda x: np.float32(x).astype(np.float16).astype(x.dtype),
}

INTEGERS = {
    1: (torch.uint8, np.uint8),
    2: (torch.int16, np.uint16),
    4: (torch.int32, np.uint32),
    8: (torch.int64, np.uint64),
}


def memory(tensor):
    """Look at the bits of a tensor."""
    real = torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()
    signed, unsigned = INTEGERS[real.element_size()]
    return real.cpu().view(signed).numpy().view(unsigned)


def widened(bits, dtype):
    """Read bits as numbers to compute with."""
    if dtype is torch.bfloat16:
        return (bits.astype(np.uint32) << 16).view(np.float32)
    if dtype is torch.float16:
        return bits.view(np.float16).astype(np.float32)
    if dtype is torch.uint4:
        rows = bits.reshape(-1, 128).astype(np.int32)
        return np.concatenate([rows % 16, rows // 16], axis=1).reshape(-1)
    if dtype in (torch.int16, torch.uint8):
        return (bits.view(np.int16) if dtype is torch.int16 else bits).astype(np.int32)
    return bits.view(np.float64 if dtype.to_real() is torch.float64 else np.float32)


def narrowed(numbers, dtype):
    """Round numbers once, to nearest even, and give their bits."""
    if dtype is torch.bfloat16:
        bits = numbers.view(np.uint32)
        kept, rest = bits >> 16, bits & 0xFFFF
        up = (rest > 0x8000) | ((rest == 0x8000) & (kept % 2 == 1))
        return np.where(np.isnan(numbers), 0x7FC0, kept + up).astype(np.uint16)
    if dtype is torch.float16:
        return numbers.astype(np.float16).view(np.uint16)
    if dtype is torch.uint4:
        rows = np.pad(numbers, (0, -len(numbers) % 256)).reshape(-1, 256)
        return (rows[:, :128] + 16 * rows[:, 128:]).astype(np.uint8).reshape(-1)
    if dtype in (torch.int16, torch.uint8):
        return numbers.astype(np.uint8 if dtype is torch.uint8 else np.uint16)
    if dtype.to_real() is torch.float32:
        return numbers.astype(np.float32).view(np.uint32)
    return numbers.view(np.uint64)


def assert_same_bits(found, wanted, dtype, what):
    found, wanted = found.reshape(-1), wanted.reshape(-1)
    is_number = dtype not in (torch.int16, torch.uint8, torch.uint4)
    are_nan = is_number and np.isnan(widened(found, dtype)) & np.isnan(widened(wanted, dtype))
    wrong = np.flatnonzero((found != wanted) & np.logical_not(are_nan))
    assert not wrong.size, f"{what}[{wrong[0]}] is {found[wrong[0]]:#x}, not {wanted[wrong[0]]:#x}"


class Oracle:
    """What one step makes of a parameter, computed from a copy of everything."""

    def __init__(self, optimizer, group, param, index):
        cls, state = type(optimizer), dict(optimizer.state.get(param, {}))
        facts = known(cls, param, group)
        if cls.phases:
            facts = facts.at(cls.phase_of(group, int(state.get("step", 0)) + 1))
        formula = formula_of(rule_for(optimizer, group), facts)
        is_fresh = any(state.get(name) is None for name in formula.states)
        kept = dict(formats(formula.rule, formula.states, param, group, state))
        complete(state, formula, param, kept, group.__getitem__)
        self.program = program_of(formula, tuple((name, form) for name, form in kept.items() if not form.is_plain))
        # What an optimizer learns in a step is there for the next one.
        self.group = copy.deepcopy({name: value for name, value in group.items() if name != "params"})
        self.param, self.state = param, state
        self.compute = np.float64 if param.dtype.to_real() is torch.float64 else np.float32
        step = state["step"].item() if "step" in state else float(not is_fresh)
        scalars = {name: state[name].item() for name in formula.states if name in formula.rule.scalars}
        self.numbers = {"step_count": step + 1, "param_index": float(index), "numel": float(elements(param))} | scalars
        self.numbers |= {name: facts[name] for name in FACTS}
        self.counts = facts.sides.count(param.shape) if formula.has_lines else None
        parts = [(part.of(name), part) for name, form in kept.items() for part in form.parts]
        tensors = state | {"param": param, "grad": param.grad}
        self.dtypes = {name: part.memory for name, part in parts} | {"grad": param.dtype}
        self.dtypes |= {name: state[name].dtype for name, part in parts if name in state and part.memory is part.dtype}
        self.blocks = {name for name, part in parts if part.scope == "block"}
        self.tensors = {name: memory(tensors[name]).reshape(-1).copy() for name in self.dtypes}

    def values(self, program, roots):
        """Evaluate nodes for each element."""
        slots = [self._rounded(evaluate(number, self.group, **self.numbers)) for number in program.numbers]
        values = {}
        for node in walk(*roots):
            if isinstance(node, Symbol):
                values[node] = self._symbol(node)
            elif isinstance(node, Slot):
                values[node] = slots[node.index]
            elif isinstance(node, Constant):
                values[node] = np.int32(node.value) if node.kind == "bits" else self.compute(node.value)
            elif isinstance(node, Reduction):
                values[node] = of_blocks(values[node.operands[0]])
            else:
                values[node] = NUMPY[node.op.name](*(values[operand] for operand in node.operands))
        return values

    def _symbol(self, symbol):
        if symbol.name == "element_index":
            return self._placed(np.arange(elements(self.param), dtype=np.int32), "element")
        numbers = widened(self.tensors[symbol.name], self.dtypes[symbol.name])
        numbers = numbers if numbers.dtype == np.int32 else numbers.astype(self.compute)
        each = np.repeat(numbers, 256) if symbol.scope == "block" else numbers
        return self._placed(each[: elements(self.param)], symbol.scope)

    def _placed(self, numbers, scope):
        """Let numbers of rows and columns meet those of elements."""
        return numbers.reshape(shape_of(self.counts, scope)) if self.counts else numbers

    def step(self):
        """Evaluate all passes; give the new bits of every tensor."""
        stored = {}
        for program in passes(self.program):
            self.dtypes |= dict.fromkeys(
                program.matrices, torch.bfloat16 if self.compute is np.float32 else torch.float32
            )
            operands = [total.operands[0] for total in program.sums.values()]
            values = self.values(program, [*program.stores.values(), *operands])
            for name, total in program.totals.items():
                self.numbers[name] = self._summed(program, values[total.operands[0]], total.how)
            for name, node in program.along.items():
                self.dtypes[name] = torch.float64 if self.compute is np.float64 else torch.float32
                wide = self._in_lines(program, values[node.operands[0]])
                self.tensors[name] = narrowed(
                    along(wide, node, self.counts, program).astype(self.compute), self.dtypes[name]
                )
            self.dtypes |= dict.fromkeys(
                (name for name in program.stores if name in program.vectors),
                torch.float64 if self.compute is np.float64 else torch.float32,
            )
            stored |= {name: self._kept(name, values[value]) for name, value in program.stores.items()}
            for name, node in program.matrices.items():
                self.tensors[name] = self._of_matrices(stored.pop(name), node)
            self.tensors |= {name: stored.pop(name) for name in [*stored] if name in program.vectors}
        return self.tensors | stored

    def _in_lines(self, program, value):
        """Give every number that a pass goes over, in float64."""
        return np.broadcast_to(value, shape_of(self.counts, program.domain)).astype(np.float64)

    def _summed(self, program, value, how):
        if not self.counts:
            return summed(value, how)
        wide = self._in_lines(program, value)
        return total_of_lines(wide * wide if how == "total_square" else wide, self.counts, program)

    def _of_matrices(self, bits, node):
        """Call the function of whole matrices itself, on the tensor that a pass has left."""
        dtype = torch.bfloat16 if bits.dtype == np.uint16 else torch.float32
        numbers = [evaluate(number, self.group, **self.numbers) for number in node.numbers]
        tensor = torch.from_numpy(bits.view(INTEGERS[dtype.itemsize][1]).view(f"i{dtype.itemsize}")).view(dtype)
        made = MATRIX_FUNCTIONS[node.how](tensor.reshape(1, *self.param.shape), *numbers)
        return memory(made.reshape(-1).to(dtype)).copy()

    def _kept(self, name, value):
        scope = self.program.scope(name)
        whole = shape_of(self.counts, scope) if self.counts else (elements(self.param),)
        value = np.broadcast_to(value, whole).reshape(-1)
        return narrowed(np.ascontiguousarray(value[::256] if name in self.blocks else value), self.dtypes[name])

    def _rounded(self, number):
        return {bool: np.bool_, int: np.int32}.get(type(number), self.compute)(number)

    def scalars(self):
        """Evaluate the states that are one number a parameter."""
        step = {"step": self.numbers["step_count"]} if self.program.formula.rule.counts_steps else {}
        updates = self.program.updates.items()
        return step | {name: evaluate(number, self.group, **self.numbers) for name, number in updates}

    def check(self, state):
        """Compare with what the kernels have made."""
        now = {"param": self.param, "grad": self.param.grad} | dict(state)
        for name, wanted in self.step().items():
            if name not in now:
                continue  # what only waits between two passes
            assert_same_bits(memory(now[name]), wanted, self.dtypes[name], f"{name} of {tuple(self.param.shape)}")
        for name, wanted in self.scalars().items():
            kept = now[name].cpu().numpy()
            assert np.array_equal(kept, np.asarray(wanted, kept.dtype), equal_nan=True), name


def step_and_check(optimizer, leave_out=lambda oracle: False):
    """Take a step, and compare every parameter that has a gradient."""
    with np.errstate(all="ignore"):
        numbered = enumerate((group, param) for group in optimizer.param_groups for param in group["params"])
        oracles = [
            Oracle(optimizer, group, param, index) for index, (group, param) in numbered if param.grad is not None
        ]
        norm = common_norm(oracles)
        optimizer.step()
        for oracle in oracles:
            oracle.numbers["grad_norm"] = norm
            if not leave_out(oracle):
                oracle.check(optimizer.state.get(oracle.param, {}))


def common_norm(oracles):
    """The norm of all gradients together: the squares of each added in order, and then these exactly."""
    grads = [widened(oracle.tensors["grad"], oracle.dtypes["grad"]) for oracle in oracles]
    squares = [summed(grad, "total_square") for grad in grads]
    return math.sqrt(math.fsum(squares) if np.isfinite(squares).all() else sum(squares))


def elements(param):
    return param.numel() * (2 if param.is_complex() else 1)


def of_blocks(values):
    """The largest size in each block of 256, for each of its elements."""
    rows = np.pad(np.abs(values), (0, -len(values) % 256)).reshape(-1, 256)
    return np.repeat(rows.max(1), 256)[: len(values)]


PIECE = 32_768
"""How many elements are summed by themselves; a test that cuts smaller pieces says so here, too."""


def summed(values, how):
    """Sum in the order that is promised: each piece of 32,768 by itself, in columns, and pieces likewise."""
    terms = values.astype(np.float64)
    terms = terms * terms if how == "total_square" else terms
    return float(added(np.array([added(terms[first : first + PIECE]) for first in range(0, len(terms), PIECE)])))
