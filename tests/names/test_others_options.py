"""Options of other libraries that are none here: what is said of them."""

import re

import pytest
from torch import nn

import thalweg

MATRIX = nn.Linear(4, 4, bias=False)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("sgd", {"lr": 0.1, "beta1": 0.9}, "SGD has no option 'beta1': it is called momentum here"),
        ("adam", {"momentum": 0.9}, "Adam has no option 'momentum': it is the first of betas here"),
        ("adamw", {"alpha": 0.1}, "AdamW has no option 'alpha': it is called lr here"),
        ("bitsandbytes.AdamW", {"optim_bits": 8}, "AdamW has no option 'optim_bits': state_dtype='8bit' keeps states"),
        ("adamw", {"is_paged": True}, "AdamW has no option 'is_paged': states lie where the parameters do: leave it"),
        ("adamw", {"rank": 4}, "AdamW has no option 'rank': a wrapper has few directions: write thalweg.GaLore(params"),
        ("adamw", {"fixed_decay": True}, "AdamW has no option 'fixed_decay': weights decay by lr * weight_decay"),
        ("lion", {"amsgrad": True}, "Lion has no option 'amsgrad': it has lr, betas, weight_decay"),
        ("lion", {"LR": 0.1}, "Lion has no option 'LR': did you mean 'lr'?"),
    ],
    ids=["momentum", "betas", "rate", "bits", "pages", "rank", "decay", "none", "capitals"],
)
def test_options_of_others_that_are_not_here_say_what_is(name, options, sentence):
    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}"):
        thalweg.create(name, MATRIX, **options)


def test_adan_without_its_proximal_decay_decays_first():
    assert thalweg.create("timm.adan", MATRIX, no_prox=True).param_groups[0]["decoupled_weight_decay"]


@pytest.mark.parametrize("theirs", ["wd", "learning_rate", "clip_grad_norm"])
def test_a_group_with_others_words_is_refused_and_not_taken_for_a_label(theirs):
    with pytest.raises(TypeError, match=f"AdamW has no option '{theirs}' in parameter group 0: it is called "):
        thalweg.AdamW([{"params": MATRIX.weight, theirs: 0.1}])


def test_what_is_only_akin_to_an_option_may_be_a_groups_label():
    made = thalweg.AdamW([{"params": MATRIX.weight, "momentum": 0.9, "alpha": "first"}])
    assert made.param_groups[0]["alpha"] == "first"
