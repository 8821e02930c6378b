"""Parameters that are alike are decided about once; what differs in anything that decisions ask for is not alike."""

import gc

import pytest
import torch
from torch import Tensor

import thalweg
from thalweg.engine.decisions import choice
from thalweg.engine.decisions.gradients import Ready
from thalweg.engine.decisions.likeness import likeness
from thalweg.engine.decisions.seen import MANY, seen_of, seen_of_all


def with_gradient(shape: tuple[int, ...], seed: int) -> Tensor:
    torch.manual_seed(seed)
    param = torch.randn(shape, requires_grad=True)
    param.grad = torch.randn(shape)
    return param


def test_alike_parameters_are_decided_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decided: list[Ready] = []
    alone = choice._choice

    def noted(optimizer: object, item: Ready, *more: object) -> choice.Choice:
        decided.append(item)
        return alone(optimizer, item, *more)

    monkeypatch.setattr(choice, "_choice", noted)
    thalweg.AdamW([with_gradient((4,) if seed % 2 else (3, 5), seed) for seed in range(20)]).step()
    assert [item.index for item in decided] == [0, 1]


@pytest.mark.parametrize("name", ["AdamW", "Adagrad", "ScheduleFreeAdamW", "Adafactor", "AdamH", "Prodigy", "SOAP"])
def test_steps_are_those_of_each_parameter_in_a_group_of_its_own(name: str) -> None:
    cls = getattr(thalweg, name)
    together, apart = ([with_gradient((6, 8), seed) for seed in range(5)] for _ in range(2))
    one, several = cls(together, lr=0.01), cls([{"params": [param]} for param in apart], lr=0.01)
    for seed in range(3):
        for params in (together, apart):
            for place, param in enumerate(params):
                param.grad = with_gradient((6, 8), 10 * seed + place).grad
        one.step()
        several.step()
    assert all(map(torch.equal, together, apart))
    for a, b in zip(together, apart, strict=True):
        assert one.state[a].keys() == several.state[b].keys()
        assert all(torch.equal(value, several.state[b][key]) for key, value in one.state[a].items())


def test_new_states_of_alike_parameters_are_tensors_of_their_own() -> None:
    params = [with_gradient((4,), seed) for seed in range(3)]
    optimizer = thalweg.Adagrad(params, lr=0.1, initial_accumulator_value=0.5)
    optimizer.step()
    states = [value for param in params for value in optimizer.state[param].values()]
    assert len({value.data_ptr() for value in states}) == len(states)


def test_what_differs_is_not_alike() -> None:
    group = {"params": []}
    usual = with_gradient((4, 4), 0)
    grad = usual.grad
    assert grad is not None
    gone = grad.clone()
    gone.untyped_storage().resize_(0)
    variants = [
        Ready(group, usual, grad, 0, thalweg.Adam),
        Ready({"params": []}, usual, grad, 0, thalweg.Adam),
        Ready(group, usual, grad, 0, thalweg.Adam, "due"),
        Ready(group, usual, grad.T, 0, thalweg.Adam),
        Ready(group, usual, gone, 0, thalweg.Adam),
        Ready(group, usual.detach().T, grad, 0, thalweg.Adam),
        Ready(group, usual.detach().double(), grad, 0, thalweg.Adam),
        Ready(group, usual.detach(), grad.to_sparse(), 0, thalweg.Adam),
        Ready(group, usual.detach(), torch._neg_view(grad), 0, thalweg.Adam),
    ]
    held = [{}, {"step": 1}, {"step": torch.tensor(1.0)}, {"step": torch.tensor(1)}, {"step": [1]}, {"step": None}]
    likes = [likeness(item, {}) for item in variants] + [likeness(variants[0], state) for state in held[1:]]
    assert len(set(likes)) == len(likes)
    assert likeness(Ready(group, with_gradient((4, 4), 1), torch.zeros(4, 4), 7, thalweg.Adam), {}) == likes[0]


def test_many_are_seen_as_each_alone_is() -> None:
    gone, cut = torch.zeros(4, 4), torch.zeros(4, 4)
    gone.untyped_storage().resize_(0)
    cut.untyped_storage().resize_(60)
    odd = [
        gone,
        cut,
        torch.zeros(16)[:0],
        torch.zeros(4, 4).T,
        torch.zeros(8, 4)[4:],
        torch.zeros(1).expand(4, 4),
        torch.zeros(4, 4, dtype=torch.int32),
        torch.zeros(4, 4, device="meta"),
        torch.zeros(4, 4).to_sparse(),
        torch.zeros((2,) * 6),
        torch.zeros((2,) * 6).transpose(0, 5),
        torch._neg_view(torch.zeros(4, 4)),
        torch.nn.Parameter(torch.zeros(4, 4)),
    ]
    values = [*(torch.zeros(4, 4) for _ in range(MANY)), *odd, 1.0, None, "text"]
    seen = seen_of_all(values)
    assert seen == [seen_of(value) for value in values]
    assert len(set(map(id, seen[:MANY]))) == 1


def test_the_one_gradient_among_alike_parameters_that_does_not_fit_is_named() -> None:
    params = [with_gradient((4,), seed) for seed in range(5)]
    optimizer = thalweg.AdamW([(f"weight_{place}", param) for place, param in enumerate(params)])
    assert params[3].grad is not None
    params[3].grad.untyped_storage().resize_(0)
    is_collecting = gc.isenabled()
    with pytest.raises(RuntimeError, match=r"weight_3.*its gradient has no memory"):
        optimizer.step()
    assert gc.isenabled() == is_collecting
    assert not optimizer.state
