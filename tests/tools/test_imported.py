"""What users have written themselves, named by its place: my_module:Mine."""

import re
import sys

import pytest
import torch
from typer.testing import CliRunner

from thalweg.tools.commands import app
from thalweg.tools.comparison.choose import choose, read_choice

MINE = """
from thalweg import Optimizer
from thalweg.hyper import NonNegative


class Mine(Optimizer):
    lr: NonNegative = 0.1

    def update(self, param, grad, slow):
        slow = slow + (grad - slow) / 10
        return param - self.lr * slow, slow


class Rule:
    pass
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the folder that one is in; it is forgotten afterwards."""

    def written(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield written
    for name in ("own_rules", "own_rules_broken", "own_rules_needy"):
        sys.modules.pop(name, None)


def test_a_class_of_ones_own_is_shown(module):
    module("own_rules", MINE)
    done = CliRunner().invoke(app, ["show", "own_rules:Mine:lr=0.5"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Mine: \n")
    assert "slow = slow + (grad - slow) / 10" in done.output
    assert "0.5" in done.output
    assert "define internal void @elements" in CliRunner().invoke(app, ["show", "own_rules:Mine", "--llvm"]).output


def test_it_is_compared_like_any_other(module):
    module("own_rules", MINE)
    mine, adam = choose("own_rules:Mine:lr=0.5,adam")
    assert (str(mine), adam.name) == ("own_rules:Mine:lr=0.5", "Adam")
    assert mine.build([torch.zeros(1, requires_grad=True)]).lr == 0.5


@pytest.mark.parametrize(
    ("spelling", "sentence"),
    [
        ("own_rules:Mne", "own_rules has no 'Mne': did you mean 'Mine'?"),
        ("own_rules:Rule", "own_rules:Rule is no class of optimizers"),
        ("nowhere_at_all:Mine", "there is no optimizer and no module 'nowhere_at_all'"),
        ("own_rules_broken:Mine", "own_rules_broken cannot be imported: ZeroDivisionError"),
        ("own_rules_needy:Mine", "own_rules_needy needs no_such_package, which is not installed"),
        ("own_rules:Mine:rate=1", "own_rules:Mine has no option 'rate'"),
        ("adam:amsgrad", "Adam got 'amsgrad' where an option should stand"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(module, spelling, sentence):
    module("own_rules", MINE)
    module("own_rules_broken", "1 / 0")
    module("own_rules_needy", "import no_such_package")
    with pytest.raises(ValueError, match=re.escape(sentence)) as told:
        read_choice(spelling)
    assert str(told.value).startswith(sentence)
