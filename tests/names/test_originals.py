"""Each name beside what its own library makes of it, in float64; what is not installed is skipped, and counted."""

import pytest
import torch

import thalweg
from thalweg.names import TABLE

from .originals import is_made_by, original

SHAPES = [(20, 18), (3,)]
MATRICES = {"Muon", "AdaMuon", "NorMuon", "SinkGD"}
"""Rules whose originals want matrices alone, where these are not told their names."""

TOLERANCES = {
    **dict.fromkeys(["timm.lamb", "timm.lambc", "timm.lambw", "timm.lambcw", "timm.fusedlamb"], 1e-7),
    **dict.fromkeys(["timm.muon", "timm.nmuon", "timm.adamuon", "timm.nadamuon"], 1e-4),
    "timm.radamlegacy": 1e-6,
    "onetrainer.MUON_ADV": 1e-5,
}
"""More than 1e-12: timm's LAMB clips gradients without the 1e-6 that torch adds to a norm, products of its
Muons, and of adv_optm's, are in bfloat16, whose sums round in another order, and its old RAdam computes in float32."""

TOLD = {"lr": 1e-2, "weight_decay": 0.1}
NOT_ALONE = {"timm.sgdp"}
"""Names whose originals want to be told the learning rate."""

SLOWLY = {"onetrainer.PRODIGY", "onetrainer.PRODIGY_ADV"}
"""Names that differ in what they learn, after many more steps."""

ELSEWHERE = {
    *("torch.optim.LBFGS", "torch.optim.SparseAdam", "timm.adahessian"),
    *("timm.kron", "timm.kronw", "timm.kronc"),
}
"""Names that take closures, sparse gradients or Hessians, or draw at random: other tests have these side by side."""


def has_original(row):
    """Tell if there is something to compare a name with, on a machine that has the packages."""
    return row.is_served() and row.spelling not in ELSEWHERE and is_made_by(row)


@pytest.fixture(autouse=True)
def _double_precision():
    """Some of them keep numbers of a parameter as precise as torch's default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def parameters(row):
    generator = torch.Generator().manual_seed(7)
    shapes = SHAPES[:1] if row.kind in MATRICES else SHAPES
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def walk(optimizer, params, steps):
    """Step along the same gradients, the last steps at half the rate, and give what is to be judged."""
    getattr(optimizer, "train", int)()
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        for param in params:
            param.grad = param.detach() + torch.randn(param.shape, generator=generator)
        if step == 3:
            for group in optimizer.param_groups:
                group["lr"] *= 0.5
        optimizer.step()
    getattr(optimizer, "eval", int)()
    return [param.detach() for param in params]


def difference(row, options, steps):
    """Give the largest difference of two walks, of the largest number."""
    ours, theirs = parameters(row), parameters(row)
    try:
        other = original(row, theirs, **options)
    except ImportError as error:
        pytest.skip(str(error).splitlines()[0])
    mine = walk(thalweg.create(row.spelling, ours, engine="eager", **options), ours, steps)
    others = walk(other, theirs, steps)
    size = max(float(value.abs().max()) for value in others)
    return max(float((one - two).abs().max()) for one, two in zip(mine, others, strict=True)) / size


@pytest.mark.filterwarnings("ignore")  # of theirs
@pytest.mark.parametrize("row", [*filter(has_original, TABLE)], ids=lambda row: row.spelling)
def test_a_name_steps_as_its_original(row):
    """With the defaults of the name, and with a rate and a decay that are given; or it says in what it differs."""
    told = {name: value for name, value in TOLD.items() if name in row.owner().options}
    found = [difference(row, told, steps=6)]
    if row.spelling not in NOT_ALONE and row.library != "onetrainer":
        found.append(difference(row, {}, steps=2))
    tolerance = TOLERANCES.get(row.spelling, 1e-12)
    if row.spelling not in SLOWLY:
        assert (max(found) > tolerance) is bool(row.differs), found
