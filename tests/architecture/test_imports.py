"""Who imports whom: every import of the package is held to the tables in `rooms.py`."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import thalweg

from .rooms import HOUSES, MAY_IMPORT

ROOT = Path(thalweg.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

ONLY_IN = {
    "torch.distributed": "distributed",
    "llvmlite": "engine/llvm",
    "triton": "engine/triton",
    "rich": "tools",
    "typer": "tools",
    "matplotlib": "tools",
    "sklearn": "tools",
}
"""Where alone a module outside the package may be imported."""


def part_of(path):
    for part in ("closure", "wrappers"):
        if path.is_relative_to(ROOT / "optimizers" / part):
            return part
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def rooms_of(house):
    """List the files of a house by room."""
    found = {}
    for path in sorted((ROOT / house).rglob("*.py")):
        found.setdefault(path.relative_to(ROOT / house).parts[0].removesuffix(".py"), []).append(path)
    return found


@cache
def imports(path):
    """List the modules that a file imports, in full; those for type checkers alone are left out."""
    return list(imports_of(ast.parse(path.read_text()), path))


def imports_of(tree, path):
    """Find those of a tree that was read from a file: all that stand in it, functions included."""
    here = ("thalweg", *path.relative_to(ROOT).parts[:-1])
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom):
        base = here[: len(here) - tree.level + 1] if tree.level else ()
        module = ".".join((*base, *filter(None, [tree.module])))
        yield from (f"{module}.{alias.name}" for alias in tree.names)
    elif isinstance(tree, ast.stmt | ast.Module | ast.excepthandler | ast.match_case):
        for inner in statements(tree):
            yield from imports_of(inner, path)


def statements(node):
    """List what a statement holds; an import is none of an expression's parts."""
    is_for_checkers = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    held = [node.orelse] if is_for_checkers else [value for _, value in ast.iter_fields(node) if type(value) is list]
    return [inner for values in held for inner in values if isinstance(inner, ast.AST)]


def own_part(module):
    """The part of the package that a module name stands for."""
    first = module.removeprefix("thalweg.").split(".")[0]
    return first if (ROOT / first).is_dir() or (ROOT / f"{first}.py").is_file() else "__init__"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_parts_know_only_those_below(path):
    part = part_of(path)
    known = {own_part(module) for module in imports(path) if module.split(".")[0] == "thalweg"}
    assert known - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize("house", HOUSES)
def test_rooms_know_only_those_below(house):
    name = f"thalweg.{house.replace('/', '.')}."
    for room, paths in rooms_of(house).items():
        modules = {module.removeprefix(name) for path in paths for module in imports(path) if module.startswith(name)}
        known = {module.split(".")[0] for module in modules}
        assert known - {room} <= HOUSES[house][room], room


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_outside_modules_stay_where_they_belong(path):
    place = path.relative_to(ROOT).as_posix()
    for module in imports(path):
        for outside, folder in ONLY_IN.items():
            assert not f"{module}.".startswith(f"{outside}.") or place.startswith(folder), module


def test_a_rule_knows_the_vocabulary_alone():
    folders = [
        ROOT / "optimizers" / name
        for name in ("elementwise", "interpolation", "layerwise", "matrix", "modelwise", "second_order")
    ]
    for path in (path for folder in folders for path in folder.glob("*.py")):
        own = {module for module in imports(path) if module.startswith("thalweg.")}
        family = f"thalweg.optimizers.{path.parent.name}."
        # What takes a whole model, has two points, or is told more than gradients, is a class that others inherit from.
        parents = (
            *("thalweg.optimizer.", "thalweg.beyond_gradients.two_points."),
            *("thalweg.beyond_gradients.with_hessian.", "thalweg.beyond_gradients.with_loss."),
            "thalweg.beyond_gradients.with_samples.",
            *("thalweg.optimizers.routing.", "thalweg.optimizers.elementwise.schedule_free."),
        )
        allowed = ("thalweg.formula.", "thalweg.hyper.", *parents, family)
        assert all(module.startswith(allowed) for module in own), path
        assert not any(module.startswith("thalweg.formula.") and module.count(".") > 2 for module in own), path


@pytest.mark.parametrize("table", [MAY_IMPORT, *HOUSES.values()], ids=["parts", *HOUSES])
def test_there_is_no_circle(table):
    """In the order of the table, with `tools` last, every part knows earlier ones only."""
    order = list(table)
    for part, known in table.items():
        assert all(order.index(other) < order.index(part) for other in known), part


def test_no_file_is_imported_by_what_it_imports():
    """Not even for the sake of a type: whatever two files both speak of has a file of its own."""
    everything = {path: imports_of_all(path) - {path} for path in FILES}
    assert list(TopologicalSorter(everything).static_order())


def imports_of_all(path):
    """Find the files that a file imports anywhere, for type checkers too."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = [module for node in nodes for module in imports_of(node, path)]
    return {file_of(module) for module in modules if module.split(".")[0] == "thalweg"}


def file_of(module):
    """The file that a name of the package is found in: a module, or the one that it is a name of."""
    path = ROOT.joinpath(*module.split(".")[1:])
    found = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return found[0] if found and path != ROOT else file_of(module.rpartition(".")[0]) if path != ROOT else found[-1]


def test_every_part_stands_in_the_table():
    assert {part_of(path) for path in FILES} <= set(MAY_IMPORT)
    for house, rooms in HOUSES.items():
        assert set(rooms_of(house)) == set(rooms)


def test_the_parser_sees_every_kind_of_import():
    """What the other tests rely on."""
    code = (
        "import triton.language\n"
        "from ..formula import lerp\n"
        "from . import eager\n"
        "def late():\n    from llvmlite import ir\n"
        "if TYPE_CHECKING:\n    from ..optimizer import Optimizer\n"
    )
    assert set(imports_of(ast.parse(code), ROOT / "engine" / "new.py")) == {
        "triton.language",
        "thalweg.formula.lerp",
        "thalweg.engine.eager",
        "llvmlite.ir",
    }
