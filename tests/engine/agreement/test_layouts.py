"""Kernels and the eager engine agree, wherever and however tensors lie in memory, and whatever they are."""

from itertools import pairwise

import pytest
import torch
from torch.testing._internal.two_tensor import TwoTensor

from thalweg import SGD, Adam
from thalweg.engine.launches import launch

SHAPE = (2, 3, 4, 5)

LAYOUTS = {
    "contiguous": torch.clone,
    "channels_last": lambda tensor: tensor.contiguous(memory_format=torch.channels_last),
    "transposed": lambda tensor: tensor.mT.contiguous().mT,
    "permuted": lambda tensor: tensor.permute(3, 1, 0, 2).contiguous().permute(2, 1, 3, 0),
    "with gaps": lambda tensor: torch.stack((tensor, tensor), -1)[..., 0],
    "a slice of rows": lambda tensor: torch.cat((tensor, tensor))[1 : 1 + len(tensor)].copy_(tensor),
    "unaligned": lambda tensor: torch.zeros(tensor.numel() + 1)[1:].view(tensor.shape).copy_(tensor),
}
DENSE = {"contiguous", "channels_last", "transposed", "permuted", "a slice of rows", "unaligned"}

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128]


@pytest.fixture
def launches(counted, monkeypatch):
    # A small launch is run in one breath with the look at its tensors.
    monkeypatch.setattr(launch, "ALONE", 0)
    return counted(launch.Launch, "stages")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parameter_and_gradient_lie_as_they_like(cls, layout, lockstep):
    pair = lockstep(lambda engine: cls([LAYOUTS[layout](torch.randn(SHAPE))], lr=0.05, engine=engine))
    for gradient_layout in [*LAYOUTS, *LAYOUTS]:
        pair.step(laid_out=LAYOUTS[gradient_layout])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_dense_runs_as_it_lies(layout, launches, lockstep):
    pair = lockstep(lambda engine: Adam([LAYOUTS[layout](torch.randn(SHAPE))], engine=engine))
    pair.step(laid_out=LAYOUTS[layout])
    assert len(launches) == (layout in DENSE)


def test_a_gradient_may_be_expanded(cls, lockstep):
    """As that of `param.sum()` is."""
    pair = lockstep(lambda engine: cls([torch.randn(3, 4)], lr=0.05, engine=engine))
    for _ in range(3):
        pair.step(laid_out=lambda gradient: gradient[:1, :1].expand(3, 4))


@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (3, 0, 2), (1, 1, 1), (5, 1, 7)])
def test_small_and_empty_shapes(cls, shape, lockstep):
    pair = lockstep(lambda engine: cls([torch.randn(shape), torch.randn(shape)], lr=0.05, engine=engine))
    for _ in range(3):
        pair.step()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype(cls, dtype, lockstep):
    pair = lockstep(
        lambda engine: cls([torch.randn(11).to(dtype), torch.randn(3, 5).to(dtype)], lr=0.05, engine=engine)
    )
    for _ in range(3):
        pair.step()


def test_states_of_a_narrow_parameter_may_be_wide(cls, lockstep, launches):
    """As a checkpoint of a float32 training leaves them."""
    pair = lockstep(lambda engine: cls([torch.randn(33).bfloat16()], lr=0.05, engine=engine))
    pair.step()

    def widen(optimizer):
        for state in optimizer.state.values():
            state.update({name: value.float() for name, value in state.items()})

    pair.each(widen)
    pair.step()
    pair.step()
    assert len(launches) == 3


OVERLAPS = {
    "the same": lambda base: (base, base.view(12)),
    "shifted": lambda base: (base.view(12)[:8], base.view(12)[4:]),
    "within": lambda base: (base, base.view(12)[5:7]),
    "every second": lambda base: (base.view(12)[::2], base.view(12)),
    "whole, then every second": lambda base: (base.view(12), base.view(12)[1::2]),
    "every second, and the end": lambda base: (base.view(12)[::2], base.view(12)[9:]),
    "neighbours": lambda base: (base.view(12)[:5], base.view(12)[5:]),
    "other bits": lambda base: (base, base.view(torch.bfloat16)),
}


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_parameters_that_share_memory_are_updated_one_after_the_other(cls, overlap, lockstep):
    pair = lockstep(lambda engine: cls(OVERLAPS[overlap](torch.rand(3, 4)), lr=0.05, engine=engine))
    for _ in range(3):
        pair.step()


def test_neighbours_in_one_buffer_run_on_kernels(lockstep, launches):
    pair = lockstep(lambda engine: Adam(torch.randn(12).split(4), engine=engine))
    pair.step()
    assert len(launches) == 1


def test_a_parameter_that_is_there_twice_is_updated_twice(cls, lockstep):
    def make(engine):
        param = torch.randn(5)
        with pytest.warns(UserWarning, match="duplicate parameters"):
            return cls([param, param], lr=0.05, engine=engine)

    pair = lockstep(make)
    pair.step()
    pair.step()


def test_an_overlapping_parameter_is_refused_alike():
    for engine in ("auto", "eager"):
        param = torch.zeros(1).expand(3)
        param.grad = torch.ones(3)
        with pytest.raises(RuntimeError, match=r"parameter 0 .* several elements at one place in memory"):
            SGD([param], lr=0.1, engine=engine).step()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_a_model_changes_its_dtype_and_back(lockstep, kind):
    models = []

    def make(engine):
        models.append(torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Linear(5, 2)))
        return SGD(models[-1].parameters(), lr=0.1, momentum=0.9, engine=engine)

    pair = lockstep(make)
    for dtype in (torch.float32, kind, torch.float32):
        for model in models:
            model.to(dtype)
        pair.step()
        pair.step()


def test_a_lazily_conjugated_gradient_after_plain_ones(lockstep):
    pair = lockstep(lambda engine: SGD([torch.zeros(3, dtype=torch.complex64)], lr=1.0, engine=engine))
    pair.step()
    pair.step(laid_out=torch.conj)


def test_a_sparse_gradient_after_dense_ones_is_refused_with_everything_as_it_was(pair):
    def refuse(optimizer):
        optimizer.param_groups[0]["params"][0].grad = torch.ones(3, 3).to_sparse()
        with pytest.raises(RuntimeError, match="does not support sparse gradients"):
            optimizer.step()

    pair.each(refuse)
    pair.step()


class Labelled(torch.Tensor):
    """A subclass that changes nothing."""


@pytest.mark.parametrize(
    "wrap", [lambda x: x.as_subclass(Labelled), lambda x: TwoTensor(x, 2 * x)], ids=["labelled", "two"]
)
def test_subclasses_run_on_the_eager_engine(cls, wrap, lockstep, launches):
    if cls.needs_grad_norm and isinstance(wrap(torch.ones(1)), TwoTensor):
        pytest.skip("the norm of all gradients is one number, and two tensors in one have none")
    pair = lockstep(lambda engine: cls([torch.nn.Parameter(wrap(torch.randn(5)))], lr=0.05, engine=engine))
    pair.step(laid_out=wrap)
    pair.step(laid_out=wrap)
    assert launches == []


def test_a_gradient_that_becomes_a_subclass(lockstep, launches):
    pair = lockstep(lambda engine: SGD([torch.randn(5)], lr=0.1, engine=engine))
    pair.step()
    pair.step(laid_out=lambda gradient: TwoTensor(gradient, gradient))
    assert len(launches) == 1


def test_memory_of_a_lazily_negated_parameter_is_not_what_it_says(lockstep, launches):
    pair = lockstep(lambda engine: SGD([torch._neg_view(torch.randn(5))], lr=0.1, engine=engine))
    pair.step()
    assert launches == []


def test_autograd_hears_of_every_step():
    """A step between forward and backward is torch's error of a variable modified in place."""
    param = torch.nn.Parameter(torch.ones(3))
    optimizer = Adam([param])
    for _ in range(4):
        versions = param._version
        loss = (param**2).sum()
        param.grad = torch.ones(3)
        optimizer.step()
        assert param._version > versions
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_a_frozen_graph_is_no_matter():
    """What needs no saved parameter may be stepped over: as with torch.optim."""
    param = torch.nn.Parameter(torch.ones(3))
    optimizer = SGD([param], lr=1.0)
    for expected, after in pairwise([1.0, 0.0, -1.0]):
        loss = param.sum()
        param.grad = torch.ones(3)
        assert param[0].item() == expected
        optimizer.step()
        optimizer.zero_grad()
        loss.backward()
        assert param[0].item() == after


@pytest.mark.parametrize("where", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_any_mode_of_autograd(where, lockstep):
    pair = lockstep(lambda engine: SGD([torch.nn.Parameter(torch.ones(3))], lr=0.1, engine=engine))
    for _ in range(2):
        with where():
            pair.step()


def test_parameters_made_for_inference():
    with torch.inference_mode():
        param = torch.ones(3)
        param.grad = torch.ones(3)
        optimizer = SGD([param], lr=1.0)
        optimizer.step()
        optimizer.step()
    assert param.tolist() == [-1.0] * 3
