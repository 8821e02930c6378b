"""Kernels between pages that may not be touched: one byte too far ends the process."""

import ctypes
import mmap
import sys

import pytest
import torch

from tests.engine.conftest import CATALOGUE
from tests.traits import one_of_each
from thalweg import engine
from thalweg.state.formats import keeping

PAGE = mmap.PAGESIZE
SIZES = (*range(18), 31, 32, 33, 47, 48, 49, 63, 64, 65, 70, 255, 256, 257, 512)
AT_START = (1, 7, 16, 33, 257)
"""How much is written before the first element depends on no size: few are tried at the start of a page."""

UNTOUCHED = 0xA5
NO_ACCESS = 0

if sys.platform != "win32":
    mprotect = ctypes.CDLL(None).mprotect
    mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int


def guarded(values, at_end):
    """Copy a tensor to the very start or end of a page between two that are out of bounds; give it and the rest."""
    area = mmap.mmap(-1, 3 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    for guard in (start, start + 2 * PAGE):
        assert mprotect(guard, PAGE, NO_ACCESS) == 0
    page = torch.frombuffer(memoryview(area)[PAGE : 2 * PAGE], dtype=torch.uint8).fill_(UNTOUCHED)
    size = values.numel() * values.element_size()
    inside, rest = (page[PAGE - size :], page[: PAGE - size]) if at_end else (page[:size], page[size:])
    return inside.view(values.dtype).copy_(values), rest


def step_between_guards(turn, dtype, **options):
    """Let every other optimizer of those of each set of traits step over every size at both ends of a page."""
    dtype = getattr(torch, dtype)
    keeping.FEWEST = 0  # the smallest tensors have blocks too
    engine.eager.step = None  # kernels are what is watched here
    for cls in one_of_each(CATALOGUE)[turn % 2 :: 2]:
        if cls.refuses.keys() & options.keys():
            continue
        print(cls.__name__, flush=True)
        places = [*((size, True) for size in SIZES), *((size, False) for size in AT_START)]
        params, rests = zip(*(guarded(torch.randn(size).to(dtype), at_end) for size, at_end in places), strict=True)
        rests = list(rests)
        optimizer = cls(params, lr=0.1, **options)
        engine.create_states(optimizer, optimizer.param_groups[0])
        for param, (size, at_end) in zip(params, places, strict=True):
            param.grad, rest = guarded(torch.randn(size).to(dtype), at_end)
            rests.append(rest)
            state = optimizer.state[param]
            for key in [key for key, value in state.items() if value.dim()]:
                state[key], rest = guarded(state[key], at_end)
                rests.append(rest)
        for _ in range(4):
            optimizer.step()
        assert all((rest == UNTOUCHED).all() for rest in rests), f"{cls.__name__} wrote beside its tensors"


DTYPES = ("float32", "float64", "bfloat16", "float16", "complex64")
FORMATS = (
    {"rounding": "stochastic", "state_dtype": "8bit", "ema_decay": 0.9, "cautious": True, "track": True},
    {"rounding": "stochastic", "state_dtype": "4bit", "ema_decay": 0.9},
    {"rounding": "master", "max_tensor_norm": 1.0, "accumulate": 2},
    {"rounding": "kahan", "max_grad_norm": 1.0, "skip_nonfinite": True},
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pages are protected by mprotect")
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_beside_the_tensors_is_touched(dtype, apart):
    apart(step_between_guards, DTYPES.index(dtype), dtype)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pages are protected by mprotect")
@pytest.mark.parametrize("options", FORMATS, ids=lambda options: f"{options['rounding']}-{options.get('state_dtype')}")
def test_nothing_beside_formats_is_touched(options, apart):
    apart(step_between_guards, FORMATS.index(options), "bfloat16", **options)


@pytest.mark.skipif(sys.platform == "win32", reason="pages are protected by mprotect")
@pytest.mark.parametrize("at_end", [False, True])
def test_the_guards_are_awake(at_end, apart):
    with pytest.raises(AssertionError, match=r"Segmentation|Bus error"):
        apart(read_too_far, at_end)


def read_too_far(at_end):
    """Read the element beside a guarded tensor."""
    tensor, _ = guarded(torch.ones(3), at_end)
    beside = tensor.data_ptr() + (3 if at_end else -1) * tensor.element_size()
    ctypes.c_float.from_address(beside).value  # noqa: B018
