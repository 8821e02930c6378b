"""CUDA graphs: a captured step replayed gives the bits of stepping."""

import pytest
import torch

import thalweg

from .test_steps import CATALOGUE, params


def training(cls, **options):
    """Make a step of a small training, without the host's numbers."""
    tensors = params("cuda", [(33, 65), (7,)])
    optimizer = cls(tensors, capturable=True, **{"lr": 0.01} | options)

    def train():
        optimizer.zero_grad()
        sum((param**3 + param).sum() for param in tensors).backward()
        optimizer.step()

    return tensors, optimizer, train


def captured(train, warm=3):
    """Warm up on a stream of its own, as torch's documentation has it, and capture."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(warm):
            train()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        train()
    return graph


@pytest.mark.parametrize("cls", [cls for cls in CATALOGUE if not cls.phases], ids=lambda cls: cls.__name__)
def test_replaying_is_stepping(cls):
    found, optimizer, train = training(cls)
    graph = captured(train)
    for _ in range(5):
        graph.replay()
    wanted, _, train = training(cls)
    for _ in range(8):
        train()
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    counts = {state["step"].item() for state in optimizer.state.values() if "step" in state}
    assert counts <= {8}


def test_a_learning_rate_that_is_a_tensor_counts_at_each_replay():
    lr = torch.tensor(0.01, device="cuda")
    found, _, train = training(thalweg.AdamW, lr=lr)
    graph = captured(train)
    for factor in (2.0, 0.5):
        lr.mul_(factor)
        graph.replay()
    other = torch.tensor(0.01, device="cuda")
    wanted, _, train = training(thalweg.AdamW, lr=other)
    for factor in (1, 1, 1, 2.0, 0.5):
        other.mul_(factor)
        train()
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_steps_between_replays():
    """Each writes its own gradients' addresses."""
    found, _, train = training(thalweg.Adam)
    graph = captured(train)
    for _ in range(3):
        graph.replay()
        train()
    wanted, _, train = training(thalweg.Adam)
    for _ in range(9):
        train()
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


# torch warns that nothing was captured.
@pytest.mark.filterwarnings("ignore:The CUDA Graph is empty")
@pytest.mark.parametrize("cls", [cls for cls in CATALOGUE if cls.phases], ids=lambda cls: cls.__name__)
def test_steps_that_differ_are_not_captured(cls):
    param = torch.ones(3, device="cuda")
    param.grad = torch.ones_like(param)
    optimizer = cls([param], lr=0.1)
    for _ in range(3):
        optimizer.step()
    before = param.clone()
    with pytest.raises(RuntimeError, match="depends on the step's number"), torch.cuda.graph(torch.cuda.CUDAGraph()):
        optimizer.step()
    assert torch.equal(param, before)


# torch warns that nothing was captured.
@pytest.mark.filterwarnings("ignore:The CUDA Graph is empty")
def test_a_capture_before_the_first_step_is_refused():
    param = torch.ones(3, device="cuda")
    param.grad = torch.ones_like(param)
    optimizer = thalweg.Adam([param], capturable=True)
    with pytest.raises(RuntimeError, match="take one, then capture"), torch.cuda.graph(torch.cuda.CUDAGraph()):
        optimizer.step()
    assert not optimizer.state
