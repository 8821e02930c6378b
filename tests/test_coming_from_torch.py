"""The errors and flags of torch.optim that its own tests look for; and that the page about them leaves nothing out."""

import copy
import inspect
from pathlib import Path

import pytest
import torch

import thalweg as optim
from thalweg.optimizer import Optimizer

PAGE = (Path(__file__).parents[1] / "docs" / "coming-from-torch.md").read_text()
KINDS = {
    name: kind
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and name != "Optimizer"
}


@pytest.mark.parametrize("name", KINDS)
def test_the_page_names_every_optimizer(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", [name for name in KINDS if hasattr(optim, name) and name != "LBFGS"])
def test_every_option_of_torchs_is_taken_by_name_and_stands_on_the_page(name):
    mine, its = (inspect.signature(getattr(library, name)).parameters for library in (optim, torch.optim))
    assert its.keys() <= mine.keys()
    order = [option for option in its if its[option].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    numbers = [option for option in order if option not in optim.Optimizer.options]
    assert list(mine)[: len(numbers)] == numbers
    own = its.keys() - optim.Adam.options.keys() - {"params"}
    assert all(f"`{option}`" in PAGE for option in own - {"rho", "etas", "step_sizes", "lambd", "alpha", "t0"})


WRONG = [
    ("Adadelta", {"rho": 1.1}, "Invalid rho value: 1.1"),
    ("Adagrad", {"lr_decay": -0.5}, "Invalid lr_decay value: -0.5"),
    ("Adam", {"betas": (1.0, 0.0)}, "Invalid beta parameter at index 0: 1.0"),
    ("Adam", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
    ("Adam", {"lr": torch.tensor(0.001), "foreach": True}, "lr as a Tensor is not supported for capturable=False and"),
    ("Adam", {"betas": (0.9, torch.tensor(0.99))}, "betas must be either both floats or both Tensors"),
    (
        "AdamW",
        {"betas": (torch.tensor(0.9), torch.tensor(0.99)), "foreach": True},
        r"betas\[0\] as a Tensor is not supported for capturable=False and foreach=True",
    ),
    ("AdamW", {"betas": (1.0, 0.0)}, "Invalid beta parameter at index 0: 1.0"),
    ("AdamW", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
    ("Adamax", {"betas": (0.0, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
    ("ASGD", {"weight_decay": -0.5}, "Invalid weight_decay value: -0.5"),
    ("ASGD", {"lambd": -0.5}, "Invalid lambd value: -0.5"),
    ("ASGD", {"alpha": -0.5}, "Invalid alpha value: -0.5"),
    ("NAdam", {"betas": (1.0, 0.0)}, "Invalid beta parameter at index 0: 1.0"),
    ("NAdam", {"momentum_decay": -0.2}, "Invalid momentum_decay value: -0.2"),
    ("RAdam", {"betas": (1.0, 0.0)}, "Invalid beta parameter at index 0: 1.0"),
    ("RAdam", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
    ("RMSprop", {"momentum": -1.0}, "Invalid momentum value: -1.0"),
    ("SGD", {"lr": 1e-2, "momentum": -0.5}, "Invalid momentum value: -0.5"),
    ("Rprop", {"etas": (1.0, 0.5)}, "Invalid eta values: 1.0, 0.5"),
    ("SparseAdam", {"betas": (1.0, 0.0)}, "Invalid beta parameter at index 0: 1.0"),
]


@pytest.mark.parametrize(("name", "options", "sentence"), WRONG, ids=lambda value: str(value)[:30])
def test_torchs_words_before_parameters_are_looked_at(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        getattr(optim, name)(None, **options)


OURS = [
    cls for cls in vars(optim).values() if isinstance(cls, type) and issubclass(cls, Optimizer) and hasattr(cls, "rule")
]


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_what_no_optimizer_takes(cls):
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        cls(None, lr=torch.tensor([1e-3, 1e-3]))
    with pytest.raises(
        TypeError, match="params argument given to the optimizer should be an iterable of Tensors or dict"
    ):
        cls(torch.zeros(1), lr=0.1)
    param = torch.zeros(1, 1)
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        cls([{"params": param}, {"params": param}], lr=0.1)
    with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together"):
        cls([torch.zeros(1)], lr=0.1, fused=True, foreach=True)
    with pytest.raises(RuntimeError, match="`fused` does not support `differentiable`"):
        cls([torch.zeros(1)], lr=0.1, fused=True, differentiable=True)
    with pytest.raises(ValueError, match="all optimizer params should be with/without names"):
        cls([("a", torch.zeros(1, 1)), torch.zeros(1, 1)], lr=0.1)


def test_adam_and_adamw_exchange_checkpoints_and_stay_what_they_are():
    """Adam obeys a loaded decoupled decay; AdamW is decoupled whatever it loads."""
    adam, adamw = optim.Adam([torch.ones(1)]), optim.AdamW([torch.ones(1)])
    saved = adam.state_dict()
    adam.load_state_dict(adamw.state_dict())
    assert adam.decoupled_weight_decay is True
    adamw.load_state_dict(saved)
    assert adamw.decoupled_weight_decay is True
    del saved["param_groups"][0]["decoupled_weight_decay"]
    adamw.load_state_dict(saved)
    assert adamw.decoupled_weight_decay is True
    with pytest.raises(ValueError, match="AdamW always has decoupled_weight_decay=True, but got False: leave it out"):
        optim.AdamW([torch.ones(1)], decoupled_weight_decay=False)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_betas_that_are_tensors_change_in_place(shape):
    by_tensor, by_float = torch.ones(3), torch.ones(3)
    betas = (torch.full(shape, 0.5), torch.full(shape, 0.75))
    tensors, floats = optim.AdamW([by_tensor], betas=betas), optim.AdamW([by_float], betas=(0.5, 0.75))
    for beta in (0.5, 0.25):
        betas[0].fill_(beta)
        floats.param_groups[0]["betas"] = (beta, 0.75)
        for optimizer, param in ((tensors, by_tensor), (floats, by_float)):
            param.grad = torch.ones(3)
            optimizer.step()
            optimizer.step()
    assert torch.equal(by_tensor, by_float)


@pytest.mark.parametrize("name", [name for name in dir(torch.optim) if not name.startswith("_")])
def test_every_public_name_of_torch_is_here(name):
    assert hasattr(optim, name)
    assert f"`{name}`" in PAGE


def test_torchs_modules_are_imported_from_here():
    space = {}
    exec("from thalweg.lr_scheduler import StepLR, _LRScheduler\nimport thalweg.swa_utils as averages", space)
    assert space["StepLR"] is torch.optim.lr_scheduler.StepLR
    assert space["averages"] is torch.optim.swa_utils


@pytest.mark.skipif(not hasattr(torch.optim, "swap_in_optimizer_params_and_state"), reason="this torch cannot swap")
def test_parameters_and_states_are_swapped_for_a_while():
    """Within the block a step moves what was swapped in; afterwards the optimizer steps as if nothing had been."""
    params = [torch.ones(3), torch.ones(3)]
    swapped, alone = (optim.AdamW([param], lr=0.1) for param in params)
    for _ in range(2):
        for param, optimizer in zip(params, (swapped, alone), strict=True):
            param.grad = torch.ones(3)
            optimizer.step()
        before, other = params[0].clone(), params[0].clone()
        other.grad, saved = torch.ones(3), copy.deepcopy(swapped.state_dict())
        with optim.swap_in_optimizer_params_and_state(swapped, {"weight": other}, saved):
            swapped.step()
        assert torch.equal(params[0], before)
        assert not torch.equal(other, before)
        assert saved["state"][0]["step"] == swapped.state[params[0]]["step"] + 1
    assert torch.equal(*params)
