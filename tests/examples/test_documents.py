"""Every piece of Python on the pages runs as it stands, one after the other, on a small net."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import thalweg

ROOT = Path(__file__).parents[2]
PAGES = [
    path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if "```python" in path.read_text()
]

IMPORTS = """
from thalweg.formula import Unsigned, maximum
from thalweg.hyper import Betas, NonNegative
from thalweg.optimizer import Optimizer
from thalweg.optimizers.elementwise.parts import l2
"""
"""What the piece that shows a class leaves out."""


def names(tmp_path):
    """What the pages take for granted."""
    net = nn.Sequential()
    net.base, net.head = nn.Linear(80, 80), nn.Linear(80, 2)
    inputs, targets = torch.randn(8, 80), torch.randn(8, 2)
    given = {"net": net, "model": net, "inputs": inputs, "targets": targets, "batches": [(inputs, targets)] * 4}
    modules = {"torch": torch, "optim": thalweg, "criterion": nn.functional.mse_loss, "evaluate": lambda net: None}
    return given | modules | {"path": tmp_path / "checkpoint.pt"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore:Some parameters share memory")
def test_every_piece_runs(page, tmp_path):
    space = names(tmp_path)
    exec(IMPORTS, space)
    for piece in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(compile(piece, str(page), "exec"), space)


def test_the_formula_on_the_first_page_is_the_librarys(tmp_path):
    shown = re.search(r"    def update.*?```", (ROOT / "README.md").read_text(), re.DOTALL)[0].removesuffix("```")
    assert shown in (ROOT / "src/thalweg/optimizers/elementwise/adamax.py").read_text()
