"""Type checkers know each optimizer's signature, as users do."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SNIPPET = """
import thalweg as optim
from thalweg import Optimizer, RMSprop, from_torch, in_backward, least_squares, lr_scheduler, minimize
from thalweg.formula import Copy, Scalar, Unsigned, sqrt
from thalweg.hyper import NonNegative
from torch import nn

params = nn.Linear(1, 1).parameters()
optim.SGD(params, 0.1, 0.9)
optim.Adam(params, lr=1e-3, betas=(0.9, 0.99), amsgrad=True)
optim.Adam([{"params": params, "lr": 0.1}], maximize=True)
optim.Adam(nn.Linear(1, 1).named_parameters(), foreach=True)
optim.Adam(params, lr="fast")  # arg-type
optim.Adam(params, momentum=0.9)  # call-arg
optim.SGD(params)  # call-arg
optim.RProp(params, etas=0.5)  # arg-type
optim.AdaDelta(params, 0.9, 1e-6, 0, 1.0, True)  # call-arg
optim.Adam(params).step(lambda: 1.0)
kind: type[Optimizer] = RMSprop
found = minimize(lambda x: x.sum(), [1.0])
"""


@pytest.mark.slow
def test_mypy_holds_calls_to_the_signature(tmp_path):
    pytest.importorskip("mypy")
    file = tmp_path / "snippet.py"
    file.write_text(SNIPPET)
    cache = tmp_path / "cache"
    if (ROOT / ".mypy_cache").exists():  # what `make check` has read of torch need not be read again
        shutil.copytree(ROOT / ".mypy_cache", cache)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        ROOT / "pyproject.toml",
        "--cache-dir",
        cache,
        file,
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout
    errors = {int(line): kind for line, kind in re.findall(r"snippet\.py:(\d+): error: .*\[(.+)\]", found)}
    lines = SNIPPET.splitlines()
    expected = {number: line.split("# ")[1] for number, line in enumerate(lines, 1) if "# " in line}
    assert errors == expected, found
