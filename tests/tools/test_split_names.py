"""Names decide what goes where: those of pairs, of wrapped models, and those that a model tells."""

import re

import pytest
from torch import nn

from tests.tools.test_split import Net, where
from thalweg import split


@pytest.mark.parametrize(
    ("method", "told", "sentence"),
    [
        ("no_weight_decay", "head.weight", "must list names of parameters, but gave 'head.weight'"),
        ("no_weight_decay", None, "must list names of parameters, but gave None"),
        ("group_matcher", {"stem": "("}, "layer_decay asks the group_matcher of Net as those of timm's models"),
        ("group_matcher", 3, "layer_decay asks the group_matcher of Net as those of timm's models"),
    ],
)
def test_a_model_that_tells_something_else_than_timms_is_named(method, told, sentence):
    net = Net()
    setattr(net, method, lambda **_: told)
    with pytest.raises(TypeError, match=re.escape(sentence)):
        split(net, layer_decay=0.5, lr=1.0)


def test_pairs_go_by_the_parameter_and_not_by_the_name():
    one, two = nn.Linear(8, 8), nn.Linear(8, 4)
    pairs = [("first.weight", one.weight), ("tied.weight", one.weight), ("weight", one.bias), ("weight", two.weight)]
    groups = split(pairs, {"tied.*": {"lr": 1}, (4, 8): {"lr": 2}})
    assert [[(name, id(param)) for name, param in group["params"]] for group in groups] == [
        [("first.weight", id(one.weight))],
        [("weight", id(one.bias))],
        [("weight", id(two.weight))],
    ]


def test_a_part_of_a_name_that_wrappers_use_too_can_be_meant():
    net = nn.ModuleDict({"module": nn.Linear(8, 8), "other": nn.Linear(8, 8)})
    assert where(split(net, {"module.*": {"lr": 1}}, no_decay=False)) == {
        "module.weight": {"lr": 1},
        "module.bias": {"lr": 1},
        "other.weight": {},
        "other.bias": {},
    }
    wrapped = nn.DataParallel(net)
    assert where(split(wrapped, {"module.other.*": {"lr": 1}}, no_decay=False))["module.other.weight"] == {"lr": 1}


def test_names_in_the_table_take_one_line():
    table = str(split(nn.ModuleDict({"a\nb": nn.Linear(8, 8)})))
    assert len(table.splitlines()) == 4
    assert "'a\\nb.weight'" in table
