"""States before the first step: where, how large, how laid out."""

import torch

from thalweg.state.formats.format import Format
from thalweg.state.formats.stored import empty
from thalweg.state.initial import filled, number


def zeros(param):
    return empty(Format(param.dtype), param)[0]


def test_states_are_laid_out_as_the_parameter():
    param = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert zeros(param).stride() == param.stride()
    assert filled(zeros(param), 0.5).eq(0.5).all()


def test_states_of_a_parameter_with_gaps_are_dense():
    assert zeros(torch.randn(4, 6)[:, ::2]).stride() == (3, 1)


def test_states_want_no_gradient():
    assert not zeros(torch.nn.Parameter(torch.ones(2))).requires_grad


def test_both_parts_of_a_complex_state_start_alike():
    assert filled(torch.zeros(1, dtype=torch.complex64), 0.5).tolist() == [0.5 + 0.5j]


def test_single_numbers_are_as_wide_as_the_default():
    assert number(0.1).dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert number(0.1).dtype == torch.float64
        torch.set_default_dtype(torch.bfloat16)
        assert number(0.1).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)
