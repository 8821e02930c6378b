"""Sharded parameters, on 2 and 4 processes: the bits of one process, and what processes tell each other."""

import pytest

from .estimate_cases import ESTIMATED_ON_TWO
from .processes import outcomes
from .shard_cases import ON_FOUR, ON_TWO
from .trouble_cases import WRONG_ON_TWO


@pytest.fixture(scope="module")
def two():
    return outcomes([*ON_TWO, *ESTIMATED_ON_TWO, *WRONG_ON_TWO], 2)


@pytest.mark.parametrize("case", ["rows", "columns"])
def test_two_processes_have_the_bits_of_one(two, case):
    assert two[f"{case}_have_the_bits_of_one_process"] == [[], []]


@pytest.mark.parametrize("case", ["hybrid_shards", "both_dimensions", "rows_of_four"])
def test_four_processes_have_the_bits_of_one(four, case):
    assert four[f"{case}_have_the_bits_of_one_process"] == [[]] * 4


@pytest.fixture(scope="module")
def four():
    return outcomes(ON_FOUR, 4)


@pytest.mark.parametrize(
    "case",
    [
        "a_warm_step_takes_few_messages",
        "plain_and_sharded_parameters_share_a_launch",
        "gradients_that_are_terms_are_added_up",
        "a_gradient_is_let_go",
        "wrappers_measure_what_all_processes_have",
        "directions_are_of_whole_gradients",
        "heads_are_clipped_where_they_are",
        "a_shared_loss_is_whole",
        "one_rate_is_found_for_all",
        "signs_are_of_whole_tensors",
        "memory_is_that_of_all_processes",
    ],
)
def test_it_is_so_on_each_process(two, case):
    assert two[case] == [True, True]


def test_fully_shard_trains_as_one_process(two):
    assert two["fsdp_trains_as_one_process"] == [[], []]


def test_closure_methods_go_the_way_of_one_process(two):
    assert two["closure_methods_go_the_way_of_one_process"] == [[], []]


def test_a_process_without_gradients_takes_part(two):
    assert two["a_process_without_gradients_takes_part"] == [2**0.5, 2**0.5]
    assert two["a_process_without_gradients_sends_sums_and_sizes"] == [[True, True], [False, False]]


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (
            "a_gradient_that_is_divided_otherwise_is_refused",
            "cannot step parameter 'weight': its gradient is (Shard(dim=1),)",
        ),
        ("a_plain_state_is_refused", "but its exp_avg is a plain tensor of shape (8, 8)"),
        ("one_process_has_fewer_parameters", "process 0 has 2 parameters in groups of [2]"),
        ("one_process_has_an_empty_group", "process 1 has 1 parameters in groups of [1, 0]"),
        ("one_process_gets_an_empty_group_later", "process 0 has 1 parameters in groups of [1, 0]"),
        ("one_process_clips_no_more", "max_grad_norm of group 0 is 1.0 on process 0 and None on process 1"),
        (
            "one_process_has_a_wrong_gradient_at_first",
            "cannot step parameter 'weight': its gradient is (Shard(dim=1),)",
        ),
        ("one_process_knows_another_mesh", "parameter 'alone' by [0]: use an optimizer for each mesh"),
        (
            "one_process_fails_where_only_blocks_are_shared",
            "cannot step parameter 'weight': its gradient is (Shard(dim=1),)",
        ),
        ("least_squares_needs_whole_parameters", "takes the derivative of each residual by whole parameters"),
        ("meshes_that_differ_are_refused", "use an optimizer for each mesh"),
        ("rates_are_not_tried_on_what_cannot_be_copied", "cannot be copied (FSDP does not support deepcopy."),
    ],
)
def test_one_sentence_on_every_process(two, case, sentence):
    assert all(sentence in told for told in two[case]), two[case]


def test_options_must_be_the_same_on_all(two):
    for told in two["one_process_has_other_options"]:
        assert "max_grad_norm of group 0 is None on process 0 and 1.0 on process 1" in told[0]
        assert "lr of group 0 is 0.001 on process 0 and 0.5 on process 1" in told[3]
        assert "betas of group 0 is (0.9, 0.999) on process 0 and (0.5, 0.9) on process 1" in told[6]
        assert [told[1:3], told[4:6], told[7:9]] == [["nothing", False]] * 3


def test_an_optimizer_of_replaced_parameters_says_so(two):
    for (sentence,) in two["an_optimizer_was_made_before_fully_shard"]:
        assert "AdamW has nothing to step: parameter '0.weight' has no gradient" in sentence
        assert "make AdamW after fully_shard(model)" in sentence


def test_fully_shard_has_no_second_derivatives(two):
    """Where torch has freed whole parameters, their second derivatives would have ended the process."""
    for stays, parts, step in two["fully_shard_has_no_second_derivatives"]:
        assert "but got none that has one" in stays
        assert "but got no" in parts
        assert "before it has seen its Hessian" in step
        for sentence in (stays, parts, step):
            assert "or, for a model under fully_shard, which has no second derivatives in torch, use" in sentence


def test_who_cannot_step_tells_the_others(two):
    (first, *first_rest), (second, *second_rest) = two["one_process_fails_in_a_later_step"]
    assert "process 1 cannot: RuntimeError: LAMB cannot step parameter 'weight': its gradient is" in first
    assert "LAMB cannot step parameter 'weight': its gradient is" in second
    assert first_rest == second_rest == [True, False]


def test_who_cannot_load_is_not_waited_for(two):
    (first, first_step), (second, second_step) = two["one_process_cannot_load"]
    assert (first, first_step, second_step) == ("nothing",) * 3
    assert "parameter 'weight' is sharded" in second
    assert "but its exp_avg is a plain tensor of shape (100, 50)" in second


def test_an_infinite_gradient_counts_once(two):
    assert two["an_infinite_gradient_counts_once"] == [float("inf")] * 2


def test_who_leaves_is_missed(two):
    (old, new), _ = two["a_process_leaves"]
    norm, end = "the common norm of all gradients", "of processes [0, 1], but one of them left"
    assert f"SGD waited for the all_reduce of {norm} {end}" in old
    assert f"the all_gather of what each is about to do (this process needs {norm}) {end}" in new
