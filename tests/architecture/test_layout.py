"""Files with an idea for a name, short enough to read; public names in one place, each with its paper."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import thalweg
from thalweg.optimizer import registry

ROOT = Path(thalweg.__file__).parent
REPOSITORY = Path(__file__).parents[2]
FILES = [path for folder in ("src", "tests") for path in sorted((REPOSITORY / folder).rglob("*.py"))]
CATALOGUE = [cls for cls in registry.values() if cls.__module__.startswith("thalweg.")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_file_is_short_and_has_an_idea_for_a_name(path):
    assert path.stem not in {"utils", "misc", "helpers", "common", "base", "core"}
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("cls", CATALOGUE, ids=lambda cls: cls.__name__)
def test_every_optimizer_says_its_idea_and_its_paper(cls):
    doc = cls.__doc__
    assert doc.splitlines()[0].endswith((".", ":"))
    assert re.search(r"https?://\S+", doc)
    assert re.search(r"\b(19|20)\d\d\b", doc)


@pytest.mark.parametrize("cls", CATALOGUE, ids=lambda cls: cls.__name__)
def test_every_optimizer_is_exported(cls):
    assert getattr(thalweg, cls.__name__) is cls
    assert cls.__name__ in importlib.import_module(cls.__module__).__all__


def test_what_is_public_is_shown_and_exported():
    """`dir` has the public names and no module of the machinery, and each is there."""
    assert dir(thalweg) == sorted([*thalweg.__all__, "__version__"])
    assert len(set(thalweg.__all__)) == len(thalweg.__all__)
    assert {cls.__name__ for cls in CATALOGUE} | {"Optimizer", "minimize", "from_torch"} <= set(thalweg.__all__)
    assert all(hasattr(thalweg, name) for name in thalweg.__all__)


@pytest.mark.parametrize("cls", CATALOGUE, ids=lambda cls: cls.__name__)
def test_every_optimizer_has_one_row_in_the_readme(cls):
    rows = re.findall(rf"^\|.*`{cls.__name__}`.*\|", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
    assert len(rows) == 1


def modules():
    for module in pkgutil.walk_packages(thalweg.optimizers.__path__, "thalweg.optimizers."):
        yield importlib.import_module(module.name)


def test_a_family_exports_its_optimizers_and_nothing_else():
    for module in modules():
        own = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
        if hasattr(module, "__all__") and not hasattr(module, "__path__"):
            assert module.__all__ == sorted(set(module.__all__), key=lambda name: (not name.isupper(), name))
            assert set(module.__all__) == {name for name in own if name in registry}


def test_the_vocabulary_exports_its_words():
    exported = thalweg.formula.__all__
    assert exported == sorted(exported)
    assert all(getattr(thalweg.formula, name).__doc__ or name == "Scalar" for name in exported)


def test_types_are_published():
    assert (ROOT / "py.typed").exists()
