"""Rules of several passes go over as many parameters at a time as a cache holds, and come to the same bits."""

import pytest
import torch

import thalweg
from thalweg.engine.pieces.line_pieces import room
from thalweg.engine.plans import parts

SHAPES = [(6, 5), (7,), (4, 3), (5,), (3, 8)]
RULES = {"Adafactor": {}, "LAMB": {"max_grad_norm": 0.5}, "Adam": {"cautious": True}, "CAME": {}}


def stepped(name, options):
    """Take three steps; give all bits, and how many parameters each launch had."""
    torch.manual_seed(0)
    params = [torch.randn(shape, requires_grad=True) for shape in SHAPES]
    optimizer = getattr(thalweg, name)(params, **options)
    for _ in range(3):
        for param in params:
            param.grad = torch.randn_like(param)
        optimizer.step()
    kept = [value for param in params for value in optimizer.state[param].values()]
    sizes = [len(launch.params) for launch in optimizer._watch.plan.launches]
    return [*params, *map(torch.as_tensor, kept)], sizes


@pytest.mark.parametrize("name", RULES)
def test_parts_have_the_bits_of_the_whole(name, monkeypatch):
    whole, sizes = stepped(name, RULES[name])
    assert max(sizes) > 1
    monkeypatch.setattr(parts, "IN_CACHE", 1)
    cut, sizes = stepped(name, RULES[name])
    assert sizes == [1] * len(SHAPES)
    assert all(map(torch.equal, whole, cut))


def test_of_whole_lines_there_is_one_for_each_thread(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    whole, _ = stepped("Gravity", {})
    monkeypatch.setattr(parts, "IN_CACHE", 1)
    cut, sizes = stepped("Gravity", {})
    assert sizes == [2, 2, 1]
    assert all(map(torch.equal, whole, cut))


def test_one_pass_goes_over_all(monkeypatch):
    monkeypatch.setattr(parts, "IN_CACHE", 1)
    assert stepped("Adam", {})[1] == [len(SHAPES)]


def test_what_a_cache_holds_goes_together(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(parts, "IN_CACHE", 40)
    assert stepped("Adam", {"cautious": True})[1] == [2, 2, 1]


def test_sums_of_columns_begin_where_lines_of_the_cache_do():
    for count in range(1, 40):
        assert room(2, count).ctypes.data % 64 == 0
