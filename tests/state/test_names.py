import torch

from thalweg.state.names import name_in, name_of, named

PARAM, OTHER = torch.zeros(2), torch.zeros(3, 1)


def test_by_its_own_name_or_by_its_place():
    assert name_of({"params": [PARAM], "param_names": ["bias"]}, 0, 1) == "parameter 'bias'"
    assert name_of({"params": [PARAM, OTHER]}, 1, 2) == "parameter 1 of group 2 (shape (3, 1))"


def test_found_among_the_groups():
    groups = [{"params": [PARAM], "param_names": ["bias"]}, {"params": [OTHER]}]
    assert name_in(groups, OTHER) == "parameter 0 of group 1 (shape (3, 1))"
    assert name_in(groups, torch.zeros(4)) == "a parameter of shape (4,)"
    assert [name for name, _ in named(groups)] == ["parameter 'bias'", "parameter 0 of group 1 (shape (3, 1))"]
