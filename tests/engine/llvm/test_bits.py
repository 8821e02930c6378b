"""A kernel's bits are those of NumPy: each operation of the built graph rounded once, in the same order.

Only the numbers that are one a parameter come from the library, by Python's floats; what is done to the elements, and
how narrow formats round, is said again here.
"""

import numpy as np
import pytest
import torch

from thalweg.engine import launch
from thalweg.formula.expr import Constant, Symbol, walk
from thalweg.formula.passes import Slot, program_of
from thalweg.formula.rule import initial_value
from thalweg.formula.trace import evaluate, formula_of

pytestmark = pytest.mark.usefixtures("_compiled_only")

NUMPY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negate": np.negative,
    "absolute": np.abs,
    "sqrt": np.sqrt,
    "sign": lambda x: (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype),
    "maximum": lambda a, b: np.where((a > b) | np.isnan(a), a, b),
    "minimum": lambda a, b: np.where((a < b) | np.isnan(a), a, b),
    "where": np.where,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
}

INTEGERS = {2: (torch.int16, np.uint16), 4: (torch.int32, np.uint32), 8: (torch.int64, np.uint64)}

SIZES = (0, 1, 7, 8, 4099)
SPECIAL = [0.0, -0.0, 1.0, -1.0, torch.inf, -torch.inf, torch.nan]

REAL = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
COMPLEX = [torch.complex64, torch.complex128]


def memory(tensor):
    """Look at the bits of a tensor."""
    real = torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()
    signed, unsigned = INTEGERS[real.element_size()]
    return real.view(signed).numpy().view(unsigned)


def widened(bits, dtype):
    """Read bits as numbers to compute with."""
    if dtype is torch.bfloat16:
        return (bits.astype(np.uint32) << 16).view(np.float32)
    if dtype is torch.float16:
        return bits.view(np.float16).astype(np.float32)
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
    return numbers.view(np.uint64 if numbers.dtype == np.float64 else np.uint32)


def any_bits(size, dtype, offset):
    """Make a tensor of any bits, of common numbers and of special ones, that may start at an odd place."""
    real = dtype.to_real()
    parts = 2 if dtype.is_complex else 1
    signed, _ = INTEGERS[real.itemsize]
    edges = [*SPECIAL, torch.finfo(real).max, torch.finfo(real).tiny, torch.finfo(real).smallest_normal / 3]
    bits = torch.randint(0, 256, (size * parts * real.itemsize,), dtype=torch.uint8).view(signed).view(real)
    common = torch.randn(size * parts).to(real)
    special = torch.tensor(edges, dtype=real)[torch.randint(len(edges), (size * parts,))]
    kind = torch.randint(3, (size * parts,))
    values = torch.where(kind == 0, bits, torch.where(kind == 1, common, special))
    tensor = torch.zeros(size + offset, dtype=dtype)[offset:]
    (torch.view_as_real(tensor) if dtype.is_complex else tensor).view(-1).copy_(values)
    return tensor


def assert_same_bits(found, wanted, dtype, what):
    found, wanted = found.reshape(-1), wanted.reshape(-1)
    are_nan = np.isnan(widened(found, dtype)) & np.isnan(widened(wanted, dtype))
    wrong = np.flatnonzero((found != wanted) & ~are_nan)
    assert not wrong.size, f"{what}[{wrong[0]}] is {found[wrong[0]]:#x}, not {wanted[wrong[0]]:#x}"


class Oracle:
    """What one step makes of a parameter, computed from a copy of everything."""

    def __init__(self, optimizer, group, param, steps):
        self.program = program_of(formula_of(optimizer.rule, group))
        self.group, self.param, self.state = group, param, optimizer.state.get(param, {})
        self.compute = np.float64 if param.dtype.to_real() is torch.float64 else np.float32
        step = self.state["step"].item() if "step" in self.state else float(steps)
        self.numbers = {name: self._number(name) for name in self.program.scalars if name != "step"}
        self.numbers["step_count"] = step + 1
        self.tensors = {name: memory(self._tensor(name)).copy() for name in self.program.tensors}

    def _initial(self, name):
        return initial_value(self.program.formula.rule, name, self.group.__getitem__)

    def _number(self, name):
        return self.state[name].item() if name in self.state else float(np.float32(self._initial(name)))

    def _tensor(self, name):
        if name in ("param", "grad"):
            return self.param if name == "param" else self.param.grad
        if name in self.state:
            return self.state[name]
        value = self._initial(name)
        return torch.full_like(self.param, complex(value, value) if self.param.is_complex() else value)

    def elements(self):
        """Evaluate the pass over the elements; give the new bits of every tensor."""
        slots = [self._rounded(evaluate(number, self.group, **self.numbers)) for number in self.program.numbers]
        values = {}
        for node in walk(*self.program.stores.values()):
            if isinstance(node, Symbol):
                values[node] = widened(self.tensors[node.name], self.param.dtype)
            elif isinstance(node, Slot):
                values[node] = slots[node.index]
            elif isinstance(node, Constant):
                values[node] = self.compute(node.value)
            else:
                values[node] = NUMPY[node.op.name](*(values[operand] for operand in node.operands))
        stored = {name: narrowed(values[value], self.param.dtype) for name, value in self.program.stores.items()}
        return self.tensors | stored

    def _rounded(self, number):
        return np.bool_(number) if isinstance(number, bool) else self.compute(number)

    def scalars(self):
        """Evaluate the states that are one number a parameter."""
        step = {"step": self.numbers["step_count"]} if self.program.formula.rule.counts_steps else {}
        updates = self.program.updates.items()
        return step | {name: evaluate(number, self.group, **self.numbers) for name, number in updates}

    def check(self, state):
        """Compare with what the kernel has made."""
        now = {"param": self.param, "grad": self.param.grad} | dict(state)
        for name, wanted in self.elements().items():
            assert_same_bits(memory(now[name]), wanted, self.param.dtype, f"{name} of {tuple(self.param.shape)}")
        for name, wanted in self.scalars().items():
            assert now[name].item() == np.float32(wanted), name


def check_steps(cls, options, dtype):
    """Step over everything that may lie in memory, two groups together, and compare each time."""
    params = [torch.nn.Parameter(any_bits(size, dtype, offset)) for offset in (0, 1) for size in SIZES]
    groups = [{"params": params[::2]}, {"params": params[1::2], "lr": 0.375}]
    optimizer = cls(groups, **options)
    for steps in range(3):
        for index, param in enumerate(params):
            # Some rest once, so that from then on neighbours have different step counts.
            param.grad = None if steps == 1 and index % 4 == 0 else any_bits(param.numel(), dtype, steps % 2)
            for state in optimizer.state.get(param, {}).values():
                if steps == 1 and state.shape == param.shape:
                    state.copy_(any_bits(state.numel(), dtype, 0))
        with np.errstate(all="ignore"):
            oracles = [
                Oracle(optimizer, group, param, steps)
                for group in optimizer.param_groups
                for param in group["params"]
                if param.grad is not None
            ]
            optimizer.step()
            for oracle in oracles:
                oracle.check(optimizer.state.get(oracle.param, {}))


@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_every_formula_and_format(cls, options, dtype):
    check_steps(cls, options, dtype)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_complex_numbers_are_pairs_of_reals(cls, dtype):
    check_steps(cls, {"lr": 0.05}, dtype)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("length", [1, 7, 1000])
def test_any_number_of_threads_and_any_piece(cls, threads, length, monkeypatch):
    monkeypatch.setattr(launch, "ALONE", 0)
    monkeypatch.setattr(launch, "CHUNK_LENGTHS", (length, length))
    torch.set_num_threads(threads)
    check_steps(cls, {"lr": 0.05}, torch.float32)


def test_the_oracle_rounds_to_nearest_even():
    numbers = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -3e38, 3.4e38, np.nan], np.float32)
    wanted = torch.from_numpy(numbers).bfloat16()
    assert_same_bits(memory(wanted), narrowed(numbers, torch.bfloat16), torch.bfloat16, "rounded")
