"""Options of many groups: what changes counts from the next step on, what does not is not even looked at."""

import copy
import pickle

import pytest
import torch

from thalweg import SGD, Adam
from thalweg.engine.launches.options import Options
from thalweg.state.noted import NotedGroup

GROUPS = 12


def coupled(engine="auto", cls=Adam):
    return cls([{"params": [torch.ones(3)], "lr": 0.01 * (1 + index)} for index in range(GROUPS)], 0.1, engine=engine)


def by_item(group):
    group["lr"] = 0.5


def by_update(group):
    group.update(lr=0.5, weight_decay=0.25)


def by_operator(group):
    group |= {"lr": 0.5, "maximize": True}


def by_removal(group):
    group["lr"] = group.pop("lr") / 2


def by_tensor(group):
    group["lr"] = torch.tensor(0.5)


def by_tuple(group):
    group["betas"] = (torch.tensor([0.5]), torch.tensor([0.75]))


def by_list(group):
    group["betas"] = [0.5, 0.75]


def by_tensor_later(group):
    group.setdefault("other", 1)
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(0.125)
    else:
        group["lr"] = torch.tensor(0.5)


def by_equal_tensor(group):
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(0.125)
    else:
        group["lr"] = torch.tensor(group["lr"], dtype=torch.float64)


def in_place(group):
    if not isinstance(group["betas"], list):
        group["betas"] = [0.5, 0.75]
    group["betas"][1] /= 2


CHANGES = [by_item, by_update, by_operator, by_removal, by_tensor, by_tuple, by_list, by_tensor_later]
CHANGES += [by_equal_tensor, in_place]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("which", [slice(3, 4), slice(None, None, 2), slice(None)], ids=["one", "some", "all"])
def test_every_way_to_change_an_option_counts_from_the_next_step(lockstep, change, which):
    pair = lockstep(coupled)
    pair.step()
    for _ in range(2):
        pair.each(lambda optimizer: list(map(change, optimizer.param_groups[which])))
        pair.step()
        pair.step()


def test_groups_put_in_by_hand_are_plain_dicts(lockstep):
    """Nothing notes their changes, so they are read every time."""
    pair = lockstep(coupled)
    pair.step()

    def replace(optimizer):
        optimizer.param_groups[1] = dict(optimizer.param_groups[1])

    pair.each(replace)
    pair.step()
    pair.each(lambda optimizer: optimizer.param_groups[1].update(lr=2.0))
    pair.step()
    assert type(pair.pair[0].param_groups[1]) is dict


def test_a_plan_that_rests_learns_of_changes_when_its_turn_comes(lockstep):
    pair = lockstep(coupled)
    pair.step()
    pair.step(lambda index: index % 2)
    pair.each(lambda optimizer: optimizer.param_groups[0].update(lr=3.0))
    pair.step(lambda index: index % 2)
    pair.step()


def test_another_formula_and_back(lockstep):
    """The plan of the first formula still knows what changed in between."""
    pair = lockstep(lambda engine: coupled(engine, SGD))
    pair.step()
    for momentum, lr in ((0.5, 1.0), (0, 2.0), (0.25, 3.0), (0, 4.0)):
        pair.each(lambda optimizer, m=momentum, lr=lr: optimizer.param_groups[5].update(momentum=m, lr=lr))
        pair.step()


def test_what_does_not_change_is_not_looked_at(counted):
    """The cost of a step does not grow with the number of groups, nor that of a schedule with that of options."""
    optimizer = coupled()
    params = [param for group in optimizer.param_groups for param in group["params"]]
    for param in params:
        param.grad = torch.ones(3)
    optimizer.step()
    taken = counted(Options, "_take")
    optimizer.step()
    assert not taken
    for group in optimizer.param_groups:
        group["lr"] /= 2
    optimizer.step()
    assert [name for _, name in taken] == ["lr"]


def test_a_value_that_no_formula_can_take_changes_nothing():
    optimizer = coupled()
    for group in optimizer.param_groups:
        group["params"][0].grad = torch.ones(3)
    optimizer.step()
    before = copy.deepcopy([group["params"][0] for group in optimizer.param_groups])
    optimizer.param_groups[7]["lr"] = "fast"
    with pytest.raises((TypeError, ValueError)):
        optimizer.step()
    assert all(torch.equal(group["params"][0], old) for group, old in zip(optimizer.param_groups, before, strict=True))
    optimizer.param_groups[7]["lr"] = 0.5
    optimizer.step()
    assert not torch.equal(optimizer.param_groups[7]["params"][0], before[7])


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda group: pickle.loads(pickle.dumps(group))])
def test_copies_of_a_group_are_plain(duplicate):
    group = coupled().param_groups[0]
    assert type(group) is NotedGroup
    assert type(duplicate(group)) is dict
    assert duplicate(group).keys() == group.keys()


def test_copies_of_an_optimizer_note_their_own_changes(lockstep):
    pair = lockstep(coupled)
    pair.step()
    twin = copy.deepcopy(pair.pair[0])
    twin.param_groups[0]["lr"] = 7.0
    pair.step()
    pair.pair = [copy.deepcopy(optimizer) for optimizer in pair.pair]
    pair.step()
    pair.each(lambda optimizer: optimizer.param_groups[0].update(lr=0.5))
    pair.step()
