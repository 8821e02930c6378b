"""What a card has measured, as a page: also of a window that was cut off, wherever that was."""

import json

import gpu_report
import pytest

MACHINE = {"date": "2026-11-27", "device": "H200", "torch": "2.11", "triton": "3.6"}
WRONG = [
    {"optimizer": "SGD", "format": "float32", "has run": True, "unlike": ["param"]},
    {"optimizer": "Ranger", "format": "8bit", "has run": False, "unlike": [], "explain": "eager"},
    {"optimizer": "LAMB", "format": "4bit", "error": "RuntimeError"},
]
SPEED = {"part": "speed", "optimizer": "AdamW", "format": "float32", "us": 10.0, "bytes": 28}
LATENCY = {"part": "latency", "work": "MLP", "optimizer": "SGD", "format": "8bit", "us": 4.0, "host us": 9.0}
ROWS = [
    {"part": "gate", "has run": True},
    {"part": "bits", "checked": 3, "of": 9, "wrong": WRONG},
    {"part": "copy", "GB/s": 4300.0},
    SPEED | {"of a copy": 0.97, "torch": {"fused": {"us": 11.0, "host us": 3.0}}},
    LATENCY | {"host us, new gradients": 10.0},
    {"part": "graph", "work": "MLP", "us": 3.0, "torch fused, us": 6.0},
    {"part": "Muon", "matrices": 48, "us": 2000.0, "host us": 90.0, "torch us": 4000.0},
]


def page(rows):
    return "\n".join(gpu_report.measured({"machine": MACHINE, "rows": rows, "errors": []}))


def test_a_window_may_be_cut_off_anywhere():
    pages = [page(ROWS[:count]) for count in range(len(ROWS) + 1)]
    titles = {part: [part in text for text in pages].index(True) for part in ("GB/s", "1 GiB", "Short steps", "Muon")}
    assert titles == {"GB/s": 3, "1 GiB": 4, "Short steps": 5, "Muon": 7}
    assert "3 of 9 pairs of a rule and a format: 1 pairs differ. Not in kernels alone: Ranger in 8bit." in pages[2]
    assert "Ended in an error: LAMB in 4bit." in pages[2]
    assert "| AdamW | 97% | 10" in pages[4]


def test_there_is_no_share_of_a_copy_that_was_not_measured():
    assert "| AdamW |  | 10" in page([SPEED])


@pytest.mark.parametrize("text", ["", '{"machine": {"date": "20', "[]", json.dumps({"machine": MACHINE, "rows": []})])
def test_a_file_without_results_changes_nothing(tmp_path, monkeypatch, text):
    monkeypatch.setattr(gpu_report, "RESULTS", tmp_path)
    (tmp_path / "gpu.json").write_text("those before")
    (tmp_path / "new.json").write_text(text)
    with pytest.raises(SystemExit, match=r"new\.json .*: nothing was changed"):
        gpu_report.keep(tmp_path / "new.json")
    assert (tmp_path / "gpu.json").read_text() == "those before"
