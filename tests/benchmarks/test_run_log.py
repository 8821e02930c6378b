"""A log of runs: what was interrupted goes on, and comes to the same."""

import pytest
from measuring.run_log import add, go_on, read

RUNS = [{"rule": "AdamW", "seed": seed} for seed in range(5)]


def following(rows):
    return RUNS[len(rows)] if len(rows) < len(RUNS) else None


def trained(wanted):
    return {"loss": 2.0 + wanted["seed"]}


def test_a_sweep_that_was_interrupted_goes_on(tmp_path):
    """It is stopped in the middle of its third run, and then in the middle of a line."""

    def interrupted(wanted):
        if wanted["seed"] == 2:
            raise KeyboardInterrupt
        return trained(wanted)

    whole, path = tmp_path / "whole.jsonl", tmp_path / "results" / "runs.jsonl"
    assert len([*go_on(whole, following, trained)]) == 5
    with pytest.raises(KeyboardInterrupt):
        list(go_on(path, following, interrupted))
    assert len(read(path)) == 2
    with path.open("a") as file:
        file.write('{"rule": "Ada')
    assert len(read(path)) == 2
    assert [row["seed"] for row in go_on(path, following, trained)] == [2, 3, 4]
    assert path.read_text() == whole.read_text()


def test_what_is_done_is_not_done_again(tmp_path):
    path = tmp_path / "runs.jsonl"
    add(path, {"loss": None})
    assert read(path) == [{"loss": None}]
    assert list(go_on(path, lambda rows: None, trained)) == []
    assert read(tmp_path / "none.jsonl") == []
