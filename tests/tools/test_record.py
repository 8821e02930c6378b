"""The CSV files hold what was measured, as it was."""

import csv

import pytest

from thalweg.tools.comparison.record import record_losses, record_summary


@pytest.fixture
def read(tmp_path):
    def read(record, runs):
        record(runs, tmp_path / "file.csv")
        with open(tmp_path / "file.csv", newline="") as file:
            return list(csv.DictReader(file))

    return read


def test_losses_has_a_line_per_step(read, runs):
    lines = read(record_losses, runs)
    assert list(lines[0]) == ["optimizer", "seed", "step", "epoch", "loss", "seconds", "seconds_in_step"]
    assert [(line["optimizer"], int(line["step"])) for line in lines] == [
        (str(run.choice), step.number) for run in runs for step in run.steps
    ]
    written = [(float(line["loss"]), float(line["seconds"])) for line in lines]
    assert repr(written) == repr([(step.loss, step.seconds) for run in runs for step in run.steps])


def test_summary_has_a_line_per_optimizer(read, runs):
    lines = read(record_summary, runs)
    assert list(lines[0]) == [
        *("optimizer", "seed", "lr", "steps", "train_loss", "test_loss", "test_accuracy"),
        *("seconds_in_step", "seconds", "trouble"),
    ]
    assert [line["optimizer"] for line in lines] == [str(run.choice) for run in runs]
    assert [float(line["test_accuracy"]) for line in lines] == [run.test_accuracy for run in runs]
    assert [line["trouble"] for line in lines] == [run.trouble for run in runs]


def test_what_stands_in_the_column_can_be_typed(read, runs):
    from thalweg.tools.comparison.choose import choose

    lines = read(record_summary, runs)
    assert choose(",".join(line["optimizer"] for line in lines)) == [run.choice for run in runs]
