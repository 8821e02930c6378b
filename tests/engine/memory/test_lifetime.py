"""What an optimizer has is freed when it is dropped, by counting references alone, as with torch.optim."""

import gc
import weakref

import pytest
import torch

from thalweg import SGD, AdamW, Prodigy

CASES = [
    (AdamW, {}),
    (AdamW, {"engine": "eager"}),
    (AdamW, {"state_dtype": "8bit", "max_grad_norm": 1.0, "track": True}),
    (AdamW, {"accumulate": 2, "ema_decay": 0.9, "cautious": True}),
    (SGD, {"momentum": 0.9, "weight_decay": 0.125}),
    (Prodigy, {}),
]


@pytest.fixture(autouse=True)
def _no_cyclic_collector():
    # torch's own first optimizer of a process is freed by it: that one is made here.
    torch.optim.SGD([torch.zeros(1)])
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def refs(tensors):
    return [weakref.ref(tensor) for tensor in tensors]


@pytest.mark.parametrize(("kind", "more"), CASES, ids=str)
def test_dropped_and_freed(kind, more):
    """Also where it is the first of its kind, whose formula is kept for ever."""

    def train():
        model = torch.nn.Linear(5, 5)
        optimizer = kind(model.parameters(), lr=0.1, **more)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.ones(1, 5)).sum().backward()
            optimizer.step()
        states = [value for state in optimizer.state.values() for value in state.values()]
        params = list(model.parameters())
        return refs([optimizer, *params, *states, *(param.grad for param in params)])

    assert [ref() for ref in train()] == [None] * len(train())


def test_what_was_removed_is_freed_after_the_next_step():
    params = [torch.nn.Parameter(torch.ones(10)) for _ in range(3)]
    optimizer = AdamW([{"params": [param]} for param in params])
    for turn in (None, 1, None):
        for place, param in enumerate(params):
            param.grad = None if place == turn else torch.ones(10)
        optimizer.step()
    gone = [value for param in params[1:] for value in optimizer.state.pop(param).values()]
    gone = refs([*params[1:], *gone])
    del optimizer.param_groups[1:], params[1:], param
    optimizer.step()
    assert not any(ref() is not None for ref in gone)
    gone = refs(optimizer.state[params[0]].values())
    optimizer.state.clear()
    optimizer.step()
    assert not any(ref() is not None for ref in gone)


def test_memory_is_flat_over_many_optimizers():
    def objects(count):
        for _ in range(count):
            param = torch.nn.Parameter(torch.ones(16))
            param.grad = torch.ones(16)
            AdamW([param]).step()
        return len(gc.get_objects())

    objects(5)
    assert objects(50) - objects(50) == 0
