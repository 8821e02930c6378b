"""Every piece of Python on the pages runs as it stands, one after the other, on a small net."""

import re
from pathlib import Path

import pytest

import thalweg
from docs.book import optimizer_page
from docs.book.code_blocks import failures, given, run
from tests.traits import one_of_each
from thalweg import LBFGS, LevenbergMarquardt

ROOT = Path(__file__).parents[2]
PAGES = [
    path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if "```python" in path.read_text()
]

FORMULAS = [cls for cls in optimizer_page.catalogue() if hasattr(cls, "update")]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore:Some parameters share memory")
def test_every_piece_runs(page, tmp_path):
    run(page.read_text(), str(page), tmp_path)


def test_each_piece_of_the_first_page_can_be_pasted_alone():
    pieces = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(pieces) >= 3
    for piece in pieces:
        exec(compile(piece, "README.md", "exec"), {"__name__": "__main__"})


class Accelerator:
    """Hands back what it is given, as Accelerate does up to its wrappers."""

    def prepare(self, *things):
        return things


def trainer(model, arguments, *, train_dataset, optimizer_cls_and_kwargs):
    """Make the optimizer from a factory and the model, as Hugging Face's Trainer does."""
    factory, options = optimizer_cls_and_kwargs
    return factory()(model, **options)


def test_the_lines_for_trainers_make_optimizers(tmp_path):
    """With stand-ins; tests/names/test_trainers.py has the trainers themselves."""
    space = given(tmp_path) | {"thalweg": thalweg, "Trainer": trainer, "accelerator": Accelerator()}
    space |= {"arguments": None, "data": None, "loader": None}
    pieces = re.findall(r"^```py\n(.*?)^```", (ROOT / "docs/names.md").read_text(), re.DOTALL | re.MULTILINE)
    for piece in pieces:
        exec(compile(piece, "names.md", "exec"), space)
    made = [space["trainer"], space["configure_optimizers"](space["model"]), space["optimizer"]]
    assert len(pieces) == 4
    assert [type(each).__name__ for each in made] == ["Muon", "Lion", "NAdamW"]


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("cls", [*one_of_each(FORMULAS), LBFGS, LevenbergMarquardt], ids=lambda cls: cls.__name__)
def test_the_example_of_a_derived_page_runs(cls, tmp_path):
    """For one of each set of traits; `make docs` runs all."""
    run(f"```python\n{optimizer_page.example(cls)}\n```", cls.__name__, tmp_path)


def test_a_piece_that_does_not_run_is_told(tmp_path):
    (tmp_path / "good.md").write_text("```python\nassert net and batches\n```\n```py\nnonsense\n```\n")
    (tmp_path / "bad.md").write_text("```python\nnonsense\n```\n")
    [said] = failures(tmp_path)
    assert said == "bad.md: a piece of Python does not run: NameError: name 'nonsense' is not defined"


def test_the_formula_on_the_first_page_is_the_librarys():
    shown = re.search(r"    def update.*?```", (ROOT / "README.md").read_text(), re.DOTALL)[0].removesuffix("```")
    assert shown in (ROOT / "src/thalweg/optimizers/elementwise/signs.py").read_text()
