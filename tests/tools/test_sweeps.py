"""Several seeds, sweeps, tasks of one's own, processes side by side, and the page that tells of them."""

import csv
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from math import nan

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset
from typer.testing import CliRunner

from thalweg.optimizer import registry
from thalweg.tools.commands import app
from thalweg.tools.comparison.choose import Choice, choose, everyone, grid
from thalweg.tools.comparison.compare import compare
from thalweg.tools.comparison.curves import _draw_curve, draw
from thalweg.tools.comparison.page import write_page
from thalweg.tools.comparison.parallel import compare_side_by_side
from thalweg.tools.comparison.repeated import repeated
from thalweg.tools.tasks import Task
from thalweg.tools.tasks.named_tasks import read_task
from thalweg.tools.tasks.text import TEXT

MODULE = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
from thalweg.tools.tasks import Task

def points():
    return tuple(TensorDataset(torch.randn(size, 4), torch.randn(size, 1)) for size in (64, 16))

def loss(net, batch):
    return nn.functional.mse_loss(net(batch[0]), batch[1])

def made(**changed):
    given = dict(name="mine:task", title="points", net=lambda: nn.Linear(4, 1), data=points, loss=loss, epochs=1)
    return Task(**given | changed)

task = made()
lazy = lambda: made(name="mine:lazy")
same = TensorDataset(torch.arange(256.0).view(64, 4) / 256, torch.ones(64, 1))
fixed = made(name="mine:fixed", data=lambda: (same, same))
number = 3
without = made(net=nn.ReLU)
none = made(loss=lambda net, batch: None)
many = made(loss=lambda net, batch: net(batch[0]))
unlearned = made(loss=lambda net, batch: batch[0].sum())
empty = made(data=lambda: (TensorDataset(torch.zeros(0, 4)),) * 2)
broken = lambda: 1 / 0
leaving = lambda: exit(4)
alone = made(data=lambda: same)
wide = made(data=lambda: (same, TensorDataset(torch.randn(4, 5), torch.randn(4, 1))))
endless = made(loss=lambda net, batch: loss(net, batch) / 0)
word = made(accuracy=lambda net, batch: "all")
still = made(net=lambda: nn.Linear(4, 1).requires_grad_(False))
kept = made(net=nn.Linear(4, 1))
netless = made(net=lambda: None)
stream = made(data=lambda: (iter(same), iter(same)))
keyless = made(loss=lambda net, batch: batch["image"])
unasked = made(loss=lambda net, batch: {}["image"])
never = made(epochs=0)
calls = []

def tired(net, batch):
    calls.append(batch)
    return {}["image"] if len(calls) > 5 else loss(net, batch)

breaking = made(loss=tired, name="of another name")
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path


def call(*words):
    return CliRunner().invoke(app, ["compare", *map(str, words)])


def quick(run, **changed):
    """The same run under another name."""
    return replace(run, **changed)


def test_a_task_of_ones_own_several_seeds_and_a_sweep(mine):
    words = ("--task", "mine:task", "--optimizers", "sgd:lr=0.1,adam", "--sweep", "lr=0.01,0.1", "--seeds", 3)
    done = call(*words, "--out", mine / "out")
    assert done.exit_code == 0, done.output
    assert "Linear, 1 epoch, batches of 32, seeds 0 to 2" in done.stdout
    assert "±" in done.stdout
    with (mine / "out" / "summary.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["optimizer"], line["seed"]) for line in lines[:4]] == [
        *(("SGD:lr=0.01", str(seed)) for seed in range(3)),
        ("SGD:lr=0.1", "0"),
    ]
    assert len({line["train_loss"] for line in lines}) == len(lines) == 12
    assert {path.name for path in (mine / "out").iterdir()} == {
        *("losses.png", "losses.csv", "summary.csv", "report.html", "sweep-lr.png")
    }
    page = (mine / "out" / "report.html").read_text()
    assert page.count("<tr") == 5
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"""(src|href)=["']?https?:""", page)


@pytest.mark.slow
def test_side_by_side_the_numbers_are_the_same(mine):
    """In another process, which imports the task by itself; the loss of every step is told as it comes."""
    choices, task, seen, ended = choose("adam,sgd:lr=0.1"), read_task("mine:fixed"), [], []
    how = {"epochs": 1, "batch_size": 16, "seed": 3, "seeds": 2}
    watched = {"watch": lambda *of: seen.append(of), "ended": ended.append}
    runs = compare_side_by_side(choices, "mine:fixed", jobs=1, **how, **watched)
    alone = compare(choices, task.data(), task=task, **how)
    assert [(run.choice, run.seed) for run in runs] == [(run.choice, run.seed) for run in alone]
    assert [[step.loss for step in run.steps] for run in runs] == [[step.loss for step in run.steps] for run in alone]
    assert [run.test_loss for run in runs] == [run.test_loss for run in alone]
    assert len(seen) == sum(len(run.steps) for run in runs)
    assert len(ended) == 4


def test_all_are_all_that_train_by_themselves():
    names = {choice.name for choice in everyone()}
    own = {name for name, kind in registry.items() if kind.__module__.startswith("thalweg.")}
    for_matrices_alone = {"SinkGD", "RACS", "PSGDPro", "ObliqueSGD", "ObliqueAdam"}
    assert own - names == {*for_matrices_alone, "SparseAdam", "SophiaG"}
    assert choose("all") == everyone()
    for choice in everyone():
        choice.build(nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)))


def test_a_grid_has_every_combination():
    found = grid(choose("adam,sgd:lr=1"), ["lr=0.1,0.2", "betas=0.9/0.99,0.8/0.9"])
    assert list(map(str, found)) == [
        *(f"Adam:lr={lr},betas={betas}" for lr in (0.1, 0.2) for betas in ("0.9/0.99", "0.8/0.9")),
        *("SGD:lr=0.1", "SGD:lr=0.2"),
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--task", "digit"], "there is no task 'digit': write digits, text, or my_module:task"),
        (
            ["--task", "nowhere_at_all:task"],
            "the task nowhere_at_all:task cannot be had: ModuleNotFoundError: No module",
        ),
        (["--task", "mine:tusk"], "the task mine:tusk cannot be had: AttributeError: module 'mine' has no attribute"),
        (["--task", "mine:broken"], "the task mine:broken cannot be had: ZeroDivisionError"),
        (["--task", "mine:leaving"], "the task mine:leaving cannot be had: SystemExit: 4"),
        (["--task", "mine.py:task"], "a task is named as Python imports it, and not by its file: write mine:task"),
        (
            ["--task", "mine:number"],
            "mine:number must be a thalweg.tools.tasks.Task, or a function that makes one, but got",
        ),
        (["--task", "mine:without"], "its net has no parameters that take gradients, so there is nothing to train"),
        (["--task", "mine:still"], "its net has no parameters that take gradients, so there is nothing to train"),
        (["--task", "mine:kept"], "net must be a function that makes a fresh net, as each run needs its own"),
        (["--task", "mine:netless"], "net() must return a torch.nn.Module, but returned NoneType"),
        (["--task", "mine:stream"], "data sets that have a length, and items by number, but one is of type"),
        (["--task", "mine:keyless"], "the task mine:keyless cannot be trained: list indices must be"),
        (["--task", "mine:unasked"], "the task mine:unasked cannot be trained: KeyError: 'image'"),
        (["--task", "mine:never"], "epochs must be 1 or more, but got 0"),
        (["--task", "mine:none"], "must return a tensor of one number, but returned NoneType"),
        (["--task", "mine:many"], "but its shape is (32, 1): take its mean"),
        (["--task", "mine:unlearned"], "must depend on the parameters of the model"),
        (["--task", "mine:empty"], "its data is empty"),
        (
            ["--task", "mine:alone"],
            "data() must return two data sets, to train and to test with, but returned TensorDataset",
        ),
        (["--task", "mine:wide"], "mat1 and mat2 shapes cannot be multiplied"),
        (["--task", "mine:endless"], "the loss of its first batch is inf before any step"),
        (["--task", "mine:word"], "accuracy(net, batch) must return a number, but returned str"),
        (["--sweep", "lr"], "a sweep is written as lr=0.001,0.01,0.1, but got 'lr'"),
        (["--sweep", "lr="], "a sweep is written as lr=0.001,0.01,0.1, but got 'lr='"),
        (["--sweep", "momentun=1,2"], "no optimizer that was chosen has an option 'momentun'"),
        (["--sweep", "lr=0.1,-1"], "Adam needs lr at least 0"),
        (["--sweep", "lr=0.1,0.10"], "Adam:lr=0.1 is chosen twice: keep one"),
        (["--optimizers", "adam,"], "optimizers are written as adam,sgd:lr=0.1, but a name is missing in 'adam,'"),
        (
            ["--optimizers", "mechanic"],
            "there is no optimizer 'mechanic': it goes around another optimizer, which is made before it",
        ),
        (["--optimizers", "mine:task"], "mine:task is no class of optimizers, but Task: name one that is"),
        (["--task", "mine:task", "--out", "mine.py"], "cannot write into the folder mine.py"),
        (["--task", "mine:task", "--out", "full"], "report.html (Is a directory): name another folder with --out"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(mine, words, sentence):
    (mine / "full" / "report.html").mkdir(parents=True)
    done = call("--optimizers", "adam", *words)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert sentence in done.stderr
    assert not (mine / "comparison").exists()


def test_a_task_that_raises_in_the_middle_breaks_off_its_run_alone(mine):
    assert read_task("mine:breaking").name == "mine:breaking"  # by which another process finds it
    done = call("--task", "mine:breaking", "--optimizers", "adam,sgd:lr=0.1", "--out", mine / "out")
    assert done.exit_code == 1
    assert done.stdout.count("KeyError: 'image'\n") == 2
    assert (mine / "out" / "report.html").exists()


def test_a_task_may_be_made_by_a_function(mine):
    assert read_task("mine:lazy").title == "points"


def test_text_is_learned_and_its_end_is_not_trained_with():
    train, test = TEXT.data()
    assert (len(train), len(test)) == (3000, 500)
    [run] = compare(choose("adam:lr=0.01"), (train, test), task=TEXT, epochs=1, batch_size=128)
    assert run.test_accuracy > 0.2
    assert run.test_loss < run.steps[0].loss - 1


def test_seeds_are_taken_together(runs):
    adam, _, diverged, _ = runs
    seeds = [quick(adam, train_loss=1.0), quick(diverged, choice=adam.choice), quick(adam, train_loss=3.0)]
    group, alone = repeated([*seeds, runs[1]])
    assert group.mean(lambda run: run.train_loss) == 2.0
    assert group.spread(lambda run: run.train_loss) == pytest.approx(2**0.5)
    assert group.trouble == f"1 of 3 seeds: {diverged.trouble}"
    assert alone.spread(lambda run: run.train_loss) is None
    assert alone.trouble == ""


def test_more_curves_than_colors_differ(runs, tmp_path, monkeypatch):
    """Each has a color and dashes of its own, and its name stands right of the axes."""
    styles = set()

    def seen(axes, curve, *others):
        styles.add((curve.color, str(curve.dashes)))
        _draw_curve(axes, curve, *others)

    monkeypatch.setattr("thalweg.tools.comparison.curves._draw_curve", seen)
    many = [quick(runs[0], choice=Choice("Adam", runs[0].choice.kind, {"lr": lr})) for lr in range(1, 31)]
    draw(many, tmp_path / "many.png", "as tested")
    assert len(styles) == 30


@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed")
def test_the_page_sorts_by_a_click(runs, tmp_path):
    """In a browser without network: numbers by size, what has none last, and the other way by a second click."""
    # Apart, on every processor: on some, our Adam and torch's reach the very same loss.
    adams = [quick(runs[1], train_loss=0.125), quick(runs[0], train_loss=0.25)]
    write_page([*adams[::-1], runs[2]], "A title & more", "conditions", ["A remark <b>"], [], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    clicks = "const heads = [...document.querySelectorAll('th button')]; const out = [];"
    clicks += "const names = () => [...document.querySelectorAll('tbody tr')].map(row => row.cells[0].textContent);"
    clicks += "for (const at of [2, 2, 0]) { heads[at].click(); out.push(names()); }"
    clicks += "document.body.innerHTML = '<pre>' + JSON.stringify(out) + '</pre>';"
    (tmp_path / "clicked.html").write_text(page.replace("</body>", f"<script>{clicks}</script></body>"))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    shown = subprocess.run(
        [*command, f"file://{tmp_path}/clicked.html"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    up, down, by_name = json.loads(re.search(r"<pre>(.*)</pre>", shown)[1])
    assert up[:2] == [run.choice.name for run in adams]
    assert down[:2] == [run.choice.name for run in reversed(adams)]
    assert up[2] == down[2] == "SGD"
    assert by_name == sorted(by_name, key=str.lower)


def test_a_page_without_numbers(runs, tmp_path):
    """What one lacks is empty, what all lack has no column; a learning rate that is a default is told, too."""
    page = tmp_path / "report.html"
    write_page([quick(runs[0], test_accuracy=nan), runs[1]], "t", "c", [], [], page)
    assert 'data-value=""' in page.read_text()
    assert "<td>(lr=0.01)</td>" in page.read_text()
    write_page([quick(runs[0], test_accuracy=nan)], "t", "c", [], [], page)
    assert "Test accuracy" not in page.read_text()


def test_the_data_of_a_task_is_what_it_says():
    three = TensorDataset(torch.ones(3, 1))
    task = Task("x", "x", lambda: nn.Linear(1, 1), lambda: (three, three), lambda net, batch: net(batch[0]).mean())
    [run] = compare(choose("adam"), task.data(), task=task, epochs=2, batch_size=2)
    assert [step.number for step in run.steps] == [1, 2, 3, 4]
