"""Launches for CUDA's own driver, which a stand-in takes: what it is given, and what is left to Triton."""

import ctypes
from types import SimpleNamespace

import pytest
import torch
import triton

from thalweg.engine.commit import given_to_driver
from thalweg.engine.triton.device import cuda_driver
from thalweg.engine.triton.device.cuda_driver import Configuration, launch_of
from thalweg.engine.triton.device.repetition import Repetition

SIZES = [8, 4, 8, 8]
"""An address, a whole number, and two addresses of Triton's own."""


class Driver:
    """Takes one kernel, whose parameters it knows."""

    def __init__(self, sizes, answer=0):
        self.sizes, self.answer, self.taken = sizes, answer, []
        self.cuLaunchKernelEx = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)(self.launch)

    def launch(self, configuration, function, parameters, extra):
        how = Configuration.from_address(configuration)
        places = (ctypes.c_void_p * 4).from_address(parameters)
        address, count = ctypes.c_int64.from_address(places[0]), ctypes.c_int32.from_address(places[1])
        shape = [getattr(how, f"{of}_{axis}") for of in ("grid", "block") for axis in "xyz"]
        self.taken.append((function, *shape, how.shared_bytes, how.stream, address.value, count.value))
        return self.answer

    def cuFuncGetParamInfo(self, function, index, place, size):
        if index.value >= len(self.sizes):
            return 1
        size._obj.value = self.sizes[index.value]
        return 0


def handle(**asked):
    """Stand for a kernel that Triton has compiled: it takes an address, a constant and a whole number."""
    plain = {"num_ctas": 1, "num_warps": 4, "shared": 1024, "target": SimpleNamespace(backend="cuda")}
    plain |= dict.fromkeys(cuda_driver.NOTHING_MORE, 0)
    signature = {"rows": "*i64", "ROWS": "constexpr", "row_count": "i32"}
    return SimpleNamespace(
        src=SimpleNamespace(signature=signature),
        metadata=SimpleNamespace(**plain | asked),
        function=77,
    )


@pytest.fixture
def put(monkeypatch):
    def put(driver):
        monkeypatch.setattr(cuda_driver, "driver", lambda: driver)
        return driver

    return put


def test_a_configuration_is_that_of_cuda_h():
    places = [getattr(Configuration, name).offset for name, _ in Configuration._fields_]
    assert places == [0, 4, 8, 12, 16, 20, 24, 32, 40, 48]
    assert ctypes.sizeof(Configuration) == 56


def test_a_launch_is_given_as_it_is(put):
    driver = put(Driver(SIZES))
    launch = launch_of(handle(), 9, [2**40 + 8, 32, 5], 123)
    assert (launch(), launch()) == (0, 0)
    assert driver.taken == [(77, 9, 1, 1, 128, 1, 1, 1024, 123, 2**40 + 8, 5)] * 2


@pytest.mark.parametrize("sizes", [SIZES[:-1], [*SIZES, 8], [8, 8, 8, 8], []])
def test_other_parameters_are_left_to_triton(put, sizes):
    put(Driver(sizes))
    assert launch_of(handle(), 9, [8, 32, 5], 0) is None


@pytest.mark.parametrize(
    "asked",
    [{name: 1} for name in cuda_driver.NOTHING_MORE] + [{"num_ctas": 2}, {"target": SimpleNamespace(backend="hip")}],
)
def test_what_needs_more_than_a_launch_is_left_to_triton(put, asked):
    put(Driver(SIZES))
    assert launch_of(handle(**asked), 9, [8, 32, 5], 0) is None


@pytest.mark.parametrize("name", cuda_driver.NOTHING_MORE)
def test_what_a_version_of_triton_does_not_say_is_left_to_it(put, name):
    put(Driver(SIZES))
    silent = handle()
    delattr(silent.metadata, name)
    assert launch_of(silent, 9, [8, 32, 5], 0) is None


@pytest.mark.parametrize("hook", ["launch_enter_hook", "launch_exit_hook"])
def test_whoever_watches_triton_is_told_of_later_steps_too(hook):
    repetition = Repetition(torch.device("cpu"))
    repetition.where, repetition.launches = (0, 0), [lambda: 0]
    hooks = getattr(triton.knobs.runtime, hook)
    assert repetition.is_possible
    hooks.add(print)
    try:
        assert not repetition.is_possible
    finally:
        hooks.remove(print)
    assert repetition.is_possible


def test_without_a_driver_all_is_left_to_triton(put):
    put(None)
    assert launch_of(handle(), 9, [8, 32, 5], 0) is None


@pytest.mark.parametrize(("answers", "is_taken"), [([[]], False), ([[0, 0], [0]], True), ([[201, 201], [201]], False)])
def test_all_launches_are_taken_or_none(answers, is_taken):
    launches = [[lambda answer=answer: answer for answer in of_one] for of_one in answers]
    assert given_to_driver(launches) is is_taken


def test_it_is_told_if_only_some_are_taken():
    with pytest.raises(RuntimeError, match="took only some of the kernels"):
        given_to_driver([[lambda: 0, lambda: 700]])
