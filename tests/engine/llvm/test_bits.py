"""A kernel's bits are those of NumPy: each operation of the built graph rounded once, in the same order."""

import numpy as np
import pytest
import torch

import thalweg
from thalweg.engine.launches import launch
from thalweg.engine.pieces import chunks

from ...traits import in_turn, one_of_each, skip_where_refused
from .. import oracle
from ..conftest import CATALOGUE, plainest_and_fullest
from ..oracle import INTEGERS, assert_same_bits, memory, narrowed, step_and_check, summed

pytestmark = pytest.mark.usefixtures("_compiled_only")

PLACES = ((0, 0), (4099, 1), (7, 1), (1, 0), (4099, 0), (8, 1))
"""Numbers of elements, and where the first one is: even and odd places in each of two groups."""

THOROUGH = one_of_each(CATALOGUE)
SPECIAL = [0.0, -0.0, 1.0, -1.0, torch.inf, -torch.inf, torch.nan]

REAL = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
COMPLEX = [torch.complex64, torch.complex128]


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


def finite(size, dtype, offset):
    """Make a tensor of numbers of many sizes: what is none would make its whole block none, as their scale tells."""
    numbers = torch.randn(size) * 2.0 ** torch.randint(-16, 3, (size,))
    return torch.cat([torch.zeros(offset), numbers]).to(dtype)[offset:]


def check_steps(cls, options, dtype, places=PLACES, values=any_bits):
    """Step over everything that may lie in memory, two groups together, and compare each time."""
    skip_where_refused(cls, options)
    params = [torch.nn.Parameter(values(size, dtype, offset)) for size, offset in places]
    groups = [{"params": params[::2]}, {"params": params[1::2], "lr": 0.375}]
    optimizer = cls(groups, **options)
    for steps in range(3):
        for index, param in enumerate(params):
            # Some rest once, so that from then on neighbours have different step counts.
            param.grad = None if steps == 1 and index % 4 == 0 else values(param.numel(), dtype, steps % 2)
            for state in optimizer.state.get(param, {}).values():
                if steps == 1 and state.shape == param.shape and state.dtype == dtype:
                    state.copy_(values(state.numel(), dtype, 0))
        step_and_check(optimizer)


@pytest.mark.every
def test_every_formula(cls, options):
    check_steps(cls, options, torch.float32)


@pytest.mark.parametrize("dtype", REAL[1:], ids=str)
def test_every_dtype(cls, dtype):
    check_steps(*in_turn(plainest_and_fullest(cls), THOROUGH.index(cls) + REAL.index(dtype)).values, dtype)


KEPT = {
    "stochastic": {"rounding": "stochastic"},
    "kahan": {"rounding": "kahan"},
    "master": {"rounding": "master"},
    "8bit": {"state_dtype": "8bit"},
    "4bit": {"state_dtype": "4bit"},
    "bfloat16": {"state_dtype": torch.bfloat16},
    "bfloat16-stochastic": {"state_dtype": torch.bfloat16, "rounding": "stochastic"},
    "float16-stochastic": {"state_dtype": torch.float16, "rounding": "stochastic"},
    "float32": {"state_dtype": torch.float32, "rounding": "kahan"},
}
AROUND = {
    "max_tensor_norm": {"max_tensor_norm": 0.5},
    "clip_value": {"clip_value": 0.25},
    "decoupled": {"decoupled_weight_decay": True, "weight_decay": 0.125},
    "cautious": {"cautious": True},
    "ema": {"ema_decay": 0.75},
    "track": {"track": True},
    "lookahead": {"lookahead": 2},
    "grokfast": {"grokfast": 2.0, "state_dtype": torch.float32},
    "accumulate": {"accumulate": 2},
    "all": {"max_tensor_norm": 0.5, "clip_value": 0.25, "cautious": True, "ema_decay": 0.75, "track": True},
}


# Each way with parameters in bfloat16; those that make of others what they do not make of bfloat16, with these too.
WAYS = [
    *((name, torch.bfloat16) for name in KEPT),
    *((name, torch.float32) for name in ("8bit", "4bit", "bfloat16-stochastic", "float32")),
    *((name, torch.float16) for name in ("stochastic", "kahan", "8bit", "float16-stochastic")),
]


@pytest.mark.parametrize("kept", KEPT)
def test_every_way_to_keep_numbers(cls, kept):
    dtypes = [dtype for name, dtype in WAYS if name == kept]
    check_steps(cls, {"lr": 0.05, **KEPT[kept]}, in_turn(dtypes, THOROUGH.index(cls) + [*KEPT].index(kept)))


def test_single_precision_states_of_double_parameters(cls):
    check_steps(cls, {"lr": 0.05, "state_dtype": torch.float32}, torch.float64)


@pytest.mark.parametrize("name", AROUND)
def test_everything_around_a_formula(cls, name):
    around, turn = AROUND[name], THOROUGH.index(cls) + [*AROUND].index(name)
    dtype = in_turn(REAL if name == "all" else REAL[:2], turn)
    if "weight_decay" in around and ("weight_decay" not in cls.options or "decoupled_weight_decay" in cls.refuses):
        pytest.skip("it decays no weights, or in its own way")
    check_steps(cls, {"lr": 0.05, **around}, dtype)


def in_pieces(length, monkeypatch):
    """Cut the work into pieces of a length, which sums take in whole blocks, and tell the oracle."""
    monkeypatch.setattr(chunks, "CHUNK_LENGTHS", (length, length))
    monkeypatch.setattr(oracle, "PIECE", -(-length // 256) * 256)


ENDS = ((4096, 0), (4096 + 127, 1), (4096 + 128, 1), (4096 + 129, 0))
"""Where a block ends: full, or about its half, as elements of both halves share bytes."""


@pytest.mark.parametrize("state_dtype", ["8bit", "4bit"])
def test_blocks_of_numbers_with_any_end(cls, state_dtype, monkeypatch):
    in_pieces(in_turn((256, 4096), THOROUGH.index(cls) + (state_dtype == "4bit")), monkeypatch)
    check_steps(cls, {"lr": 0.05, "state_dtype": state_dtype}, torch.float32, ENDS, finite)


@pytest.mark.parametrize("state_dtype", ["8bit", "4bit"])
def test_everything_at_once(cls, state_dtype):
    check_steps(
        cls, {"lr": 0.05, "state_dtype": state_dtype, "rounding": "stochastic", **AROUND["all"]}, torch.bfloat16
    )


@pytest.mark.every
def test_complex_numbers_are_pairs_of_reals(cls):
    check_steps(cls, {"lr": 0.05}, in_turn(COMPLEX, CATALOGUE.index(cls)))


LENGTHS = (1, 7, 1000)


@pytest.mark.parametrize("length", LENGTHS)
def test_any_number_of_threads_and_any_piece(cls, length, monkeypatch):
    monkeypatch.setattr(launch, "ALONE", 0)
    in_pieces(length, monkeypatch)
    torch.set_num_threads(in_turn((1, 2), THOROUGH.index(cls) + LENGTHS.index(length)))
    check_steps(cls, {"lr": 0.05}, torch.float32)


def test_the_oracle_rounds_to_nearest_even():
    numbers = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -3e38, 3.4e38, np.nan], np.float32)
    wanted = torch.from_numpy(numbers).bfloat16()
    assert_same_bits(memory(wanted), narrowed(numbers, torch.bfloat16), torch.bfloat16, "rounded")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [1, 255, 4099, 32_768, 70_001, 300 * 32_768 + 5])
def test_sums_are_taken_in_the_promised_order(size, threads, monkeypatch):
    monkeypatch.setattr(launch, "ALONE", 0)
    torch.set_num_threads(threads)
    param = torch.nn.Parameter(torch.randn(size))
    param.grad = torch.randn(size)
    wanted = [summed(value.detach().numpy(), "total_square") for value in (param.grad, param)]
    optimizer = thalweg.SGD([param], lr=0.1, track=True)
    optimizer.step()
    assert [optimizer._metrics.sums[name] for name in ("grad_square", "param_square")] == [[each] for each in wanted]
