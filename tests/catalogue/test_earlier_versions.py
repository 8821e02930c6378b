"""Checkpoints that earlier versions have written: each loads, and training goes on where that version went."""

import importlib.util
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parent / "earlier"
VERSIONS = sorted(FOLDER.glob("*.pt"))


def writer():
    spec = importlib.util.spec_from_file_location("write", FOLDER / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRITER = writer()

WITHIN = {"Muon": 0.02, "8 bits": 0.02, "4 bits": 0.002, "stochastic": 2**-6}
"""What may differ after two steps: products of matrices in bfloat16 have their own last bits on each machine. Random
bits are a version's own: means of 8 and 4 bits then differ by less than the steps, of 0.01 or 0.001, are long, and a
bfloat16 below 2 by its last digit in each.
"""


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", WRITER.TRAININGS)
def test_a_checkpoint_of_an_earlier_version_goes_on(name, version):
    written = torch.load(version, weights_only=True)[name]
    param, optimizer = WRITER.start(name)
    with torch.no_grad():
        param.copy_(written["param"])
    optimizer.load_state_dict(written["saved"])
    WRITER.train(param, optimizer, 2)
    torch.testing.assert_close(param.detach(), written["after"], rtol=0, atol=WITHIN.get(name, 0))


def test_there_is_one():
    assert VERSIONS
