"""The command line, from outside."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import thalweg
from thalweg.__main__ import EXTRA, main
from thalweg.names import TABLE
from thalweg.optimizer import registry as everyones
from thalweg.optimizers.closure import closure_methods
from thalweg.tools.commands import app

# Other tests define optimizers of their own.
registry = {name: cls for name, cls in everyones.items() if cls.__module__.startswith("thalweg.")}


@pytest.fixture
def call():
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def compare(call):
    return lambda optimizers, out: call("compare", "--optimizers", optimizers, "--epochs", "1", "--out", str(out))


def test_compare_leaves_a_table_a_picture_and_the_numbers(compare, tmp_path):
    folder = tmp_path / "new" / "folder"
    result = compare("adam,torch.SGD:lr=0.1", folder)
    assert result.exit_code == 0, result.output
    assert "torch.SGD" in result.stdout
    for name in ("losses.png", "losses.csv", "summary.csv"):
        assert str(folder / name) in result.stdout
        assert (folder / name).stat().st_size > 0
    with (folder / "summary.csv").open(newline="") as file:
        assert [line["optimizer"] for line in csv.DictReader(file)] == ["Adam", "torch.SGD:lr=0.1"]


def test_diverging_is_told_and_is_no_failure(compare, tmp_path):
    result = compare("sgd:lr=1e6,adam", tmp_path)
    assert result.exit_code == 0
    assert "SGD:lr=1000000.0: diverged at step" in result.stdout


def test_a_step_that_fails_is_told_by_the_exit_code_too(compare, tmp_path):
    result = compare("torch.SparseAdam,adam", tmp_path)
    assert result.exit_code == 1
    assert "torch.SparseAdam: SparseAdam does not support dense gradients" in result.stdout
    assert (tmp_path / "losses.png").exists()


@pytest.mark.parametrize(
    ("optimizers", "words"),
    [
        ("adm", ["'adm'", "Adam"]),
        ("torch.Sdg:lr=1", ["'torch.Sdg'", "torch.SGD"]),
        ("adamax", ["AdaMax or Adamax"]),
        ("adam:leraning_rate=1", ["Adam", "'leraning_rate'"]),
        ("adam:lr=-1", ["Adam", "lr", "-1"]),
        ("adam:lr=fast", ["Adam", "lr", "'fast'"]),
        ("adam:betas=0.9/1", ["Adam", "betas", "1"]),
        ("adam:betas=0.9", ["Adam", "betas", "0.9"]),
        ("torch.Adam:lr=-1", ["torch.Adam", "-1"]),
        ("torch.Adam:lr=fast", ["torch.Adam", "fast"]),
        ("torch.Muon", ["torch.Muon"]),
        ("sgd", ["SGD", "lr"]),
        ("sgd:lr=0.1,nesterov=true", ["SGD", "momentum"]),
        ("levenbergmarquardt", ["LevenbergMarquardt", "residuals", "leave it out"]),
        ("cg:beta=fr", ["CG", "beta", "'shanno'", "'fr'"]),
        ("lbfgs:histroy_size=3", ["LBFGS", "'histroy_size'", "history_size"]),
    ],
)
def test_a_mistake_is_one_sentence_before_anything_is_done(compare, tmp_path, optimizers, words):
    result = compare(optimizers, tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert all(word in result.stderr for word in words)
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "option", ["--epochs=0", "--batch-size=0", "--seed=-1", "--seed=99999999999999999999", "--epochs=many", "--epoch=3"]
)
def test_a_mistaken_option_is_refused(call, option):
    result = call("compare", option)
    assert result.exit_code == 2
    assert option.partition("=")[0] in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_that_cannot_be_is_refused_before_training(call, tmp_path, monkeypatch):
    monkeypatch.setattr("thalweg.tools.comparison.compare.compare", None)
    (tmp_path / "file").touch()
    result = call("compare", "--out", str(tmp_path / "file" / "folder"))
    assert result.exit_code == 2
    assert f"cannot write into the folder {tmp_path / 'file' / 'folder'}" in result.stderr


def test_a_folder_that_is_gone_after_training_is_told_too(call, tmp_path, monkeypatch):
    def gone(*_, **__):
        raise FileNotFoundError(2, "No such file or directory", "losses.png")

    monkeypatch.setattr("thalweg.tools.comparison.report.draw", gone)
    monkeypatch.setenv("HOME", str(tmp_path))
    result = call("compare", "--optimizers", "adam", "--epochs", "1", "--batch-size", "720", "--out", "~/new")
    assert (result.exit_code, (tmp_path / "new").is_dir()) == (2, True)
    sentence = f"cannot write into the folder {tmp_path / 'new'} (No such file or directory): name another folder"
    assert result.stderr.splitlines()[-1] == f"Error: {sentence} with --out"


def test_list_names_every_optimizer(call):
    result = call("list")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in (*registry, *closure_methods))


def test_show_is_given_the_class_and_its_options(call, monkeypatch):
    shown = {}
    monkeypatch.setattr(
        "thalweg.tools.showing.show.show", lambda kind, console, **options: shown.update(options, kind=kind)
    )
    assert call("show", "adam:amsgrad=true").exit_code == 0
    assert (shown["kind"], shown["amsgrad"]) == (registry["Adam"], True)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("adm", "there is no optimizer 'adm': did you mean Adam?"),
        ("adam:lrr=1", "Adam has no option 'lrr': did you mean 'lr'?"),
        ("torch.Adam", "torch.Adam has no formula to show: name one that updates number by number, as adam"),
        ("lbfgs", "LBFGS has no formula to show: name one that updates number by number, as adam"),
    ],
)
def test_show_refuses_in_one_sentence(call, name, sentence):
    result = call("show", name)
    assert (result.exit_code, result.stderr) == (2, f"Error: {sentence}\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("list --nmaes", "no such option: --nmaes"),
        ("show", "missing argument 'name': see thalweg show --help"),
        ("shwo adam", "no such command 'shwo': did you mean 'show'?"),
        ("compare --epochs 0", "invalid value for '--epochs': "),
        ("compare --seed x", "invalid value for '--seed': "),
    ],
)
def test_what_is_mistyped_is_told_in_one_sentence(call, words, sentence):
    result = call(*words.split())
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {sentence}")
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith(("--help\n", "?\n"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", ["list", "show adam"])
def test_a_full_disk_is_told_in_one_sentence(words):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "thalweg", *words.split()]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("(No space left on device): send it where there is room\n")
    assert done.stderr.count("\n") == 1


def test_a_mistake_in_a_formula_is_told_in_one_sentence_too(call, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mistaken.py").write_text(
        "from thalweg import Optimizer\nclass Mine(Optimizer):\n    lr: float = 0.1\n"
        "    def update(self, param, grad):\n        return param - self.lr * grad.mean()\n"
    )
    result = call("show", "mistaken:Mine")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Mine.update, line 5, `return param - self.lr * grad.mean()`: ")
    assert call("show", "mistaken:Yours").stderr.endswith("has no 'Yours': it has Mine\n")


def test_without_a_command_it_says_which_there_are(call):
    result = call()
    assert result.exit_code == 0
    assert all(word in result.stdout for word in ("compare", "list", "show", "thalweg.find_lr"))


def test_version_and_help(call):
    assert call("--version").stdout.startswith(f"thalweg {thalweg.__version__}, torch ")
    assert all(command in call("--help").stdout for command in ("compare", "list", "show"))


def test_without_the_extra_packages_it_says_how_to_get_them(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "thalweg.tools.commands")
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert capsys.readouterr().err == 'Error: the command line needs typer: pip install "thalweg[tools]"\n'


def test_python_m_works_and_import_stays_light():
    light = f"import sys, thalweg; print(sorted({EXTRA} & set(sys.modules)))"
    told = "import runpy; sys.argv[1:] = ['--version']; runpy.run_module('thalweg', run_name='__main__')"
    lines = subprocess.check_output([sys.executable, "-c", f"{light}; {told}"], text=True).splitlines()
    assert lines[0] == "[]"
    assert lines[1].startswith("thalweg")


def test_list_names_has_every_name_of_every_library(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = call("list", "--names")
    assert result.exit_code == 0
    assert all(row.spelling in result.stdout for row in TABLE)
    assert "it needs a TPU and torch_xla" in result.stdout


def test_show_says_what_another_librarys_name_is(call):
    result = call("show", "adamw_bnb_8bit")
    assert result.exit_code == 0, result.output
    first, *rest = result.stdout.splitlines()
    assert first.startswith(
        "adamw_bnb_8bit, as transformers calls it, is AdamW(lr=5e-05, weight_decay=0.0, state_dtype='8b"
    )
    assert first.endswith("states are rounded to codes of this library, not to bitsandbytes' codes.")
    assert any(line.split()[:1] == ["exp_avg_sq_scale"] for line in rest)


def test_show_says_why_a_name_cannot_be_had(call):
    result = call("show", "transformers.adamw_torch_xla")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: transformers.adamw_torch_xla cannot be had here: it needs a TPU")
