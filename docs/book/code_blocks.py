"""Every piece of Python on a page runs as it stands, one after the other, on a small net."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

import thalweg


def run(text: str, page: str, folder: Path) -> None:
    """Run the pieces of a page; raises whatever they raise. Pieces marked `py` are to be read alone."""
    space = given(folder)
    for piece in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        exec(compile(piece, page, "exec"), space)


def given(folder: Path) -> dict[str, Any]:
    """Make what the pages take for granted; what they save goes into a folder."""
    net = nn.Sequential()
    net.base, net.head = nn.Linear(80, 80), nn.Linear(80, 2)
    inputs, targets = torch.randn(8, 80), torch.randn(8, 2)
    data = {"net": net, "model": net, "inputs": inputs, "targets": targets, "batches": [(inputs, targets)] * 4}
    modules = {"torch": torch, "optim": thalweg, "criterion": nn.functional.mse_loss, "evaluate": lambda net: None}
    return {"__name__": "__main__"} | data | modules | {"path": folder / "checkpoint.pt"}


def failures(pages: Path) -> Iterator[str]:
    """Run all pages of a folder, and say which ones fail."""
    for path in sorted(pages.rglob("*.md")):
        with TemporaryDirectory() as folder, warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            try:
                run(path.read_text(), str(path), Path(folder))
            except Exception as error:
                yield f"{path.relative_to(pages)}: a piece of Python does not run: {type(error).__name__}: {error}"
