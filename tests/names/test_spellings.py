"""Names that are written otherwise than in the table, and those of what is no optimizer."""

import re

import pytest

from thalweg.names import find
from thalweg.names.sentences import BY_NAME


def test_what_is_no_optimizer_is_called_as_no_optimizer_is():
    for name in BY_NAME:
        with pytest.raises(ValueError, match=r"^(there is no optimizer .*|[\w.]+ cannot be had here): it.*: .*"):
            find(name)


def test_what_is_advised_in_place_of_a_name_is_there():
    advised = re.findall(r"\btake ((?:[A-Z]\w+(?:, | or )?)+)", " ".join(BY_NAME.values()))
    rules = {rule for listed in advised for rule in re.split(", | or ", listed) if rule}
    assert rules >= {"MARS", "NewtonCG", "Prodigy", "AdaMuon", "ScheduleFreeRAdam"}
    for rule in rules:
        assert find(rule).kind.__name__ == rule


@pytest.mark.parametrize("name", ["adam-mini", "Adam_Mini", "ADAM MINI", "adammini"])
def test_hyphens_are_not_told_apart(name):
    assert find(name).name == "AdamMini"


@pytest.mark.parametrize(
    "name",
    ["bnb.AdamW8bit", "bitsandbytes.optim.AdamW8bit", "bitsandbytes.adamw_8bit", "BNB.optim.adamw.AdamW8bit"],
)
def test_a_class_may_be_named_by_its_path(name):
    assert find(name).name == "bitsandbytes.AdamW8bit"


@pytest.mark.parametrize("name", ["torch.optim.adamw.AdamW", "torch.AdamW", "optim.AdamW", "tf.keras.optimizers.AdamW"])
def test_the_path_says_whose_name_it_is(name):
    assert find(name).name == ("keras.AdamW" if "keras" in name else "torch.optim.AdamW")


def test_a_hyphen_stands_for_an_underscore_before_it_stands_for_nothing():
    """`adamw8bit` is another library's name, with other defaults."""
    assert find("adamw-8bit").name == find("adamw_8bit").name == "transformers.adamw_8bit"
