"""Each name beside what its own library makes of it, in float64; what is not installed is skipped, and counted."""

import pytest
import torch

import thalweg
from thalweg.names import TABLE

from .originals import is_made_by, original

SHAPES = [(20, 18), (3,)]
MATRICES = {"Muon", "AdaMuon", "AdaGO", "NorMuon", "SinkGD", "Scion", "RACS"}
"""Rules whose originals want matrices alone, where these are not told their names."""

TOLERANCES = {
    **dict.fromkeys(["timm.lamb", "timm.lambc", "timm.lambw", "timm.lambcw", "timm.fusedlamb"], 1e-7),
    **dict.fromkeys(["timm.muon", "timm.nmuon", "timm.adamuon", "timm.nadamuon"], 1e-4),
    **dict.fromkeys(
        ["timm.radamlegacy", "torch_optimizer.radam", "torch_optimizer.ranger", "torchao.optim._AdamW"], 1e-6
    ),
    "onetrainer.MUON_ADV": 1e-5,
    **dict.fromkeys([f"pytorch_optimizer.{name}" for name in ("muon", "muonclip", "adamuon", "scion")], 2e-4),
    **dict.fromkeys(["pytorch_optimizer.qhadam", "optax.adafactor", "optax.radam", "optax.contrib.madgrad"], 1e-7),
    "pytorch_optimizer.adagc": 1e-8,
    **dict.fromkeys(["optax.contrib.dadapt_adamw", "optax.contrib.prodigy"], 1e-6),
    **dict.fromkeys(["keras.Muon", "optax.contrib.muon"], 1e-4),
    **dict.fromkeys([f"heavyball.{name}" for name in ("SGD", "AdamW", "AdEMAMix", "AdamC", "RMSprop")], 1e-6),
}
"""More than 1e-12: timm's LAMB clips gradients without the 1e-6 that torch adds to a norm; the Muons of timm, adv_optm
and pytorch_optimizer multiply in bfloat16, whose sums round in another order, and those of Keras and optax do not, as
ours does; old RAdams, torchao and HeavyBall compute in float32; optax, and AdaGC and QHAdam of pytorch_optimizer, keep
numbers of a step, such as weights and estimates, in float32."""

TOLD = {"lr": 1e-2, "weight_decay": 0.1}
NOT_ALONE = {"timm.sgdp", "timm.csgdp", "optimi.SGD"}
"""Names whose originals want to be told the learning rate."""

RATES_OF_THE_USER = {"optimi", "optax", "optax.contrib"}
"""Libraries that have no rate by themselves: their other defaults are tried at a rate that is given."""

UNDECAYED = {
    *(
        f"optax.{name}"
        for name in ("adabelief", "adafactor", "adagrad", "adam", "adamax", "amsgrad", "radam", "rmsprop")
    ),
    *("optax.sgd", "optax.sign_sgd", "optax.signum", "optax.yogi", "optax.contrib.adopt", "pytorch_optimizer.msvag"),
    *(
        "pytorch_optimizer.srmm",
        "optax.optimistic_adam",
        "optax.optimistic_adam_v2",
        "optax.optimistic_gradient_descent",
    ),
}
"""Names whose originals have no decay of weights."""

SLOWLY = {"onetrainer.PRODIGY", "onetrainer.PRODIGY_ADV", "pytorch_optimizer.adashift"}
"""Names that differ in what they learn or look at, after many more steps."""

ELSEWHERE = {
    *("torch.optim.LBFGS", "torch.optim.SparseAdam", "timm.adahessian"),
    *("timm.kron", "timm.kronw", "timm.kronc"),
    *(f"pytorch_optimizer.{name}" for name in ("lbfgs", "adahessian", "sophiah", "alice", "apollo", "fira", "galore")),
    *("torch_optimizer.Adahessian", "optax.lbfgs", "optax.contrib.sophia", "optax.contrib.galore"),
    *(
        "pytorch_optimizer.alig",
        "pytorch_optimizer.bsam",
        "optax.polyak_sgd",
        "optax.contrib.momo",
        "optax.contrib.momo_adam",
    ),
    *("optax.noisy_sgd", "pytorch_optimizer.gravity"),
}
"""Names that take closures, losses, sparse gradients or Hessians, that draw at random, or have a rank larger than these
matrices: other tests have these side by side."""

UNTRIED = {
    *("pytorch_optimizer.adammini", "pytorch_optimizer.distributedmuon", "pytorch_optimizer.scionlight"),
    *("pytorch_optimizer.splus", "pytorch_optimizer.fadam", "pytorch_optimizer.a2grad"),
    *(f"heavyball.{name}" for name in ("SOAP", "KLSOAP", "KLShampoo", "PSGDKron", "PSGDPRO", "Scion")),
}
"""Names whose originals want a model with names, processes, gradients that nobody else writes to, or float32,
that evaluate an average, or have no rate to change."""


def has_original(row):
    """Tell if there is something to compare a name with, on a machine that has the packages."""
    is_coded = row.options.get("state_dtype") in ("8bit", "4bit")  # codes are for float32, and these are of one library
    if not row.is_served() or row.is_in_backward or is_coded or row.spelling in ELSEWHERE | UNTRIED:
        return False
    return is_made_by(row)


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
    unheard = {"weight_decay"} if row.spelling in UNDECAYED else set()
    told = {name: value for name, value in TOLD.items() if name in row.owner().options.keys() - unheard}
    found = [difference(row, told, steps=6)]
    if row.spelling not in NOT_ALONE and row.library != "onetrainer":
        given = {"lr": told["lr"]} if row.library in RATES_OF_THE_USER else {}
        found.append(difference(row, given, steps=2))
    tolerance = TOLERANCES.get(row.spelling, 1e-12)
    if row.spelling not in SLOWLY:
        assert (max(found) > tolerance) is bool(row.differs), found
