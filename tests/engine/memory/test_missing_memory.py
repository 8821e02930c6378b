"""Tensors that have no memory, or not one place for each element: nothing is read or written, and all stays."""

import copy
import re

import pytest
import torch
from torch import nn

from thalweg import SGD, Adam, Dion2, PSGDPro
from thalweg.engine.decisions import batches

ENGINES = ("auto", "eager")


def warm(engine, **options):
    params = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(40, 10))]
    for param in params:
        param.grad = torch.ones_like(param)
    optimizer = Adam(params, lr=0.1, engine=engine, **options)
    optimizer.step()
    optimizer.step()
    return optimizer, params


def refused(optimizer, first, sentence):
    """Tell that a step is refused in one sentence, and that the parameter before the bad one is as it was."""
    before, states = first.detach().clone(), copy.deepcopy(optimizer.state[first])
    with pytest.raises(
        RuntimeError, match=re.escape(f"Adam cannot step parameter 1 of group 0 (shape (40, 10)): {sentence}")
    ):
        optimizer.step()
    assert torch.equal(first, before)
    assert str(states) == str(dict(optimizer.state[first]))


PIECES = {
    "its gradient has no memory": lambda optimizer, param: param.grad,
    "it has no memory": lambda optimizer, param: param,
    "it needs its exp_avg to be written to, but that has no memory": lambda o, param: o.state[param]["exp_avg"],
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [0, 4])
@pytest.mark.parametrize("sentence", PIECES)
def test_storage_that_was_given_back_is_refused(sentence, size, engine):
    optimizer, (first, param) = warm(engine)
    PIECES[sentence](optimizer, param).untyped_storage().resize_(size)
    refused(optimizer, first, f"{sentence}, since its storage was resized to {size} bytes: resize it back")


def test_all_is_examined_before_the_first_of_several_batches_is_written(monkeypatch):
    """What lies where memory was given back may look as if it shared it, and is then updated later than the rest."""
    monkeypatch.setattr(batches, "MOST", 3)
    optimizer, (first, param) = warm("eager")
    optimizer.state[param]["exp_avg"].untyped_storage().resize_(4)
    refused(optimizer, first, "it needs its exp_avg to be written to, but that has no memory")


def test_a_piece_of_storage_that_was_cut_is_refused():
    """The gradient's own first number is still there, but not its last one."""
    optimizer, (first, param) = warm("auto")
    buffer = torch.ones(1000)
    param.grad = buffer[600:].view(40, 10)
    optimizer.step()
    buffer.untyped_storage().resize_(4 * 700)
    refused(optimizer, first, "its gradient has no memory")


@pytest.mark.parametrize("engine", ENGINES)
def test_gradients_of_zeros_without_memory_are_zeros(engine):
    param = nn.Parameter(torch.ones(4))
    optimizer = SGD([param], lr=0.1, momentum=0.5, engine=engine)
    param.grad = torch.ones(4)
    optimizer.step()
    param.grad = torch._efficientzerotensor((4,))
    optimizer.step()
    assert param[0] == torch.tensor(1.0) - torch.tensor(0.1) - torch.tensor(0.05)


UNWRITABLE = {
    "it has several elements at one place in memory: pass a clone()": lambda: torch.ones(1).expand(40, 10),
    "it is a lazily conjugated view: pass its resolve_conj()": lambda: torch.ones(40, 10, dtype=torch.complex64).conj(),
    "there is no arithmetic for torch.float8_e4m3fn": lambda: torch.ones(40, 10).to(torch.float8_e4m3fn),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sentence", UNWRITABLE)
def test_parameters_that_cannot_be_written_to_are_refused_before_others_change(sentence, engine):
    first, param = nn.Parameter(torch.ones(3)), UNWRITABLE[sentence]().requires_grad_()
    first.grad, param.grad = torch.ones(3), torch.ones_like(param)
    refused(Adam([first, param], lr=0.1, engine=engine), first, sentence)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("put", "sentence"),
    [
        (
            lambda state: state | {"exp_avg": torch.zeros(1).expand(40, 10)},
            "it needs its exp_avg to be written to, but",
        ),
        (
            lambda state: state | {"exp_avg": torch.zeros(40, 10).to(torch.float8_e5m2)},
            "it needs its exp_avg to be floating",
        ),
        (lambda state: None, "its states must be a dict, but are NoneType None: delete optimizer.state[parameter]"),
    ],
)
def test_states_that_cannot_be_written_to_are_refused_before_others_change(put, sentence, engine):
    optimizer, (first, param) = warm(engine)
    optimizer.state[param] = put(dict(optimizer.state[param]))
    refused(optimizer, first, sentence)


@pytest.mark.parametrize("kind", [Dion2, PSGDPro])
@pytest.mark.parametrize("shape", [(0, 2), (2, 0)])
def test_matrices_without_elements_are_stepped(shape, kind):
    params = [nn.Parameter(torch.ones(shape)), nn.Parameter(torch.ones(4, 4))]
    for param in params:
        param.grad = torch.ones_like(param)
    kind(params, lr=0.1).step()
    assert not params[1].eq(1).any()
