"""What would be published: it is built, installed where nothing else of the repository is, and looked at from there."""

import email
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import thalweg

ROOT = Path(__file__).parents[2]
pytest.importorskip("hatchling")
pytest.importorskip("hatch_fancy_pypi_readme")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder), cwd=ROOT)
    [path] = folder.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel is built from the sdist, as for whoever has no wheel: so nothing is missing there."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [unpacked] = folder.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=unpacked)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment of its own, which sees the dependencies that are here and no other copy of the library."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = str(folder / "bin" / "python")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", str(wheel))
    own = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(own, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder


STEPS_AND_TELLS = """
import runpy, sys
sys.modules.update(typer=None, rich=None, matplotlib=None, sklearn=None)  # as if no extra were installed
import thalweg, torch
weight = torch.ones(3, requires_grad=True)
weight.sum().backward()
thalweg.SGD([weight], lr=0.5, engine="eager").step()
print(thalweg.__file__, weight.tolist())
sys.argv[1:] = ["--version"]
runpy.run_path(sys.prefix + "/bin/thalweg", run_name="__main__")
"""
"""One process for both, as importing torch takes longest."""


def test_what_is_installed_steps_and_its_command_tells_the_version_without_any_extra(installed, tmp_path):
    there = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    stepped, version = run(
        str(installed / "bin" / "python"), "-c", STEPS_AND_TELLS, env=there, cwd=tmp_path
    ).splitlines()
    assert stepped.startswith(str(installed))
    assert stepped.endswith("[0.5, 0.5, 0.5]")
    assert version.startswith(f"thalweg {thalweg.__version__}, torch ")


def test_the_wheel_has_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"thalweg/py.typed", "thalweg/engine/javascript/words.js"} <= {*names}
    assert {name.split("/")[0] for name in names} == {"thalweg", f"thalweg-{thalweg.__version__}.dist-info"}


def test_what_is_said_of_the_package(wheel):
    archive = zipfile.ZipFile(wheel)
    said = email.message_from_bytes(archive.read(f"thalweg-{thalweg.__version__}.dist-info/METADATA"))
    assert said["Version"] == thalweg.__version__
    assert said["Author"] == "The thalweg authors"
    supported = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)}
    assert supported <= set(said.get_all("Classifier"))


def test_the_first_page_has_no_dead_link_on_pypi(wheel):
    """PyPI shows it alone: a link leads to an address, or to a heading of the page itself."""
    archive = zipfile.ZipFile(wheel)
    text = email.message_from_bytes(archive.read(f"thalweg-{thalweg.__version__}.dist-info/METADATA")).get_payload()
    assert "# thalweg" in text
    assert "As functions they are" in text
    links = re.findall(r"\]\(([^)]*)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_the_citation_names_this_version():
    assert f"\nversion: {thalweg.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_changelog_knows_this_version():
    assert re.search(rf"^## {re.escape(thalweg.__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
