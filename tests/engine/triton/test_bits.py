"""A kernel's bits are those of NumPy, as for the CPU's kernels: the same oracle, on other machinery."""

import pytest
import torch

import thalweg

from ...traits import in_turn, one_of_each
from ..conftest import CATALOGUE, variants
from ..llvm.test_bits import AROUND, COMPLEX, ENDS, KEPT, REAL, WAYS, any_bits, finite
from ..oracle import step_and_check
from .conftest import DEVICE

pytestmark = pytest.mark.usefixtures("_compiled_only")

PLACES = ((7, 0), (4099, 1), (7, 1), (0, 0))
"""None, fewer than a block has, and more than a tile has, and where the first one is.

The interpreter takes as long for few as for many.
"""


def memory(size, dtype, offset=0, values=any_bits):
    return moved(values(size, dtype, offset), offset) if offset else values(size, dtype, 0).to(DEVICE)


def moved(tensor, offset):
    """Copy a tensor to the device so that it starts at an odd place there too."""
    room = torch.zeros(tensor.numel() + offset, dtype=tensor.dtype, device=DEVICE)[offset:]
    return room.copy_(tensor)


def check_steps(cls, options, dtype, steps=3, places=PLACES, values=any_bits):
    """Step over everything that may lie in memory, two groups together, and compare each time."""
    params = [torch.nn.Parameter(memory(size, dtype, offset, values)) for size, offset in places]
    groups = [{"params": params[::2]}, {"params": params[1::2], "lr": 0.375}]
    optimizer = cls(groups, **options, engine="triton")
    for step in range(steps):
        for index, param in enumerate(params):
            # Some rest once, so that from then on neighbours have different step counts.
            param.grad = None if step == 1 and index % 4 == 0 else memory(param.numel(), dtype, step % 2, values)
            for state in optimizer.state.get(param, {}).values():
                if step == 1 and state.shape == param.shape and state.dtype == dtype:
                    state.copy_(values(state.numel(), dtype, 0))
        step_and_check(optimizer)


def formulas(cls):
    """List the variants of a class; maximize only changes a sign, so that one class has it."""
    return [item for item in variants(cls) if cls is thalweg.SGD or not item.values[1].get("maximize")]


def with_most(cls):
    """Choose the variant that has most options on: of a class whose traits another has, the arithmetic is new."""
    return max(formulas(cls), key=lambda item: sum(map(bool, item.values[1].values())))


# The interpreter takes its time.
THOROUGH = one_of_each(CATALOGUE)
FORMULAS = [item for cls in CATALOGUE for item in (formulas(cls) if cls in THOROUGH else [with_most(cls)])]


@pytest.mark.parametrize(("kind", "chosen"), FORMULAS)
def test_every_formula(kind, chosen):
    check_steps(kind, chosen, torch.float32, steps=2)


@pytest.mark.parametrize("dtype", [*REAL[1:], *COMPLEX], ids=str)
@pytest.mark.parametrize("name", ["Adagrad", "RMSProp", "RProp", "SGD"])
def test_every_dtype(name, dtype):
    check_steps(getattr(thalweg, name), {"lr": 0.05}, dtype)


@pytest.mark.parametrize(("kept", "dtype"), WAYS, ids=str)
def test_every_way_to_keep_numbers(kept, dtype):
    cls = in_turn((thalweg.RMSProp, thalweg.Adagrad), WAYS.index((kept, dtype)))
    check_steps(cls, {"lr": 0.05, **KEPT[kept]}, dtype)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, torch.float32) for name in AROUND), *(("all", dtype) for dtype in (torch.float64, torch.bfloat16))],
    ids=str,
)
def test_everything_around_a_formula(name, dtype):
    check_steps(thalweg.RMSProp, {"lr": 0.05, **AROUND[name]}, dtype)


def test_single_precision_states_of_double_parameters():
    check_steps(thalweg.RMSProp, {"lr": 0.05, "state_dtype": torch.float32}, torch.float64)


@pytest.mark.slow
@pytest.mark.parametrize("around", [{}, {"max_tensor_norm": 0.5, "track": True}], ids=["alone", "with sums"])
@pytest.mark.parametrize("state_dtype", ["8bit", "4bit"])
def test_blocks_of_numbers_with_any_end(state_dtype, around):
    check_steps(thalweg.Adam, {"state_dtype": state_dtype, **around}, torch.float32, places=ENDS, values=finite)


@pytest.mark.parametrize("name", [cls.__name__ for cls in THOROUGH])
def test_every_kind_of_optimizer_in_four_bits(name):
    check_steps(
        getattr(thalweg, name),
        {"lr": 0.05, "state_dtype": "4bit"},
        torch.float32,
        steps=2,
        places=((4099, 0), (4099, 1)),
        values=finite,
    )


@pytest.mark.parametrize("state_dtype", ["8bit", "4bit"])
def test_everything_at_once(state_dtype):
    check_steps(
        thalweg.AdamW, {"state_dtype": state_dtype, "rounding": "stochastic", **AROUND["all"]}, torch.bfloat16, steps=2
    )
