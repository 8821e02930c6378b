"""State_dicts with something wrong in them: each is loaded right, or refused in one sentence before anything changes.

`python -m tests.state.mutations 4000 [first seed]` searches on; the suite takes a few fixed seeds of the same.
"""

import copy
import random
import sys
import warnings

import numpy as np
import torch

import thalweg as optim

FORMATS = [
    {},
    {"state_dtype": "8bit"},
    {"state_dtype": "4bit"},
    {"state_dtype": torch.bfloat16},
    {"rounding": "stochastic"},
    {"rounding": "kahan"},
    {"rounding": "master"},
    {"accumulate": 2, "ema_decay": 0.9, "cautious": True, "max_grad_norm": 1.0},
]

OPTIMIZERS = [
    (optim.Adam, {"amsgrad": True}),
    (optim.AdamW, {}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    (optim.SGD, {"lr": 0.1}),
    (optim.RMSProp, {"momentum": 0.9, "centered": True}),
    (optim.Adagrad, {}),
    (optim.ASGD, {}),
    (optim.NAdam, {}),
    (optim.RProp, {}),
    (optim.Prodigy, {}),
    (optim.LAMB, {}),
    (optim.Muon, {}),
]

SHAPES = ((80, 64), (5,), ())

VALUES = [
    *(None, True, 0, 1, -1, 2, 7, 10**12, 0.5, -0.1, 1e300, float("nan"), float("inf"), "abc", "", b"x", [], (), {}),
    *((0.9, 0.999), [0.9], (2, 3), ("a", "b"), {"a": 1}, {1, 2}, object(), 1j, np.float64(0.5), np.zeros(3)),
    *(torch.float16, "8bit", lambda: None, (value for value in ()), torch.tensor(3.0), torch.tensor(-1.0)),
    *(torch.zeros(0), torch.zeros(2, 3), torch.tensor(float("nan")), torch.tensor([1.0]), torch.tensor(True)),
    *(torch.tensor(1j), torch.zeros(3, device="meta"), torch.zeros((), dtype=torch.int64), torch.eye(3).to_sparse()),
    torch.ones(3, requires_grad=True),
]

KEYS = ["mine", "prev", "gathered", 3, 99, None, "betas", "exp_avg_scale", "low_bits", "step", "step_size"]

TENSOR_CHANGES = [
    lambda value: value.half(),
    lambda value: value.double(),
    lambda value: value.bfloat16(),
    lambda value: value.to(torch.int64),
    lambda value: value.bool(),
    lambda value: value.to(torch.complex64),
    lambda value: value.reshape(-1)[:-1],
    lambda value: value.reshape(-1),
    lambda value: value[None],
    lambda value: value.mT if value.dim() > 1 else value,
    lambda value: torch.cat([value.reshape(-1), value.reshape(-1)]),
    lambda value: value.to("meta"),
    lambda value: value.float().to_sparse(),
    lambda value: value.float() * float("nan"),
    lambda value: value.numpy(),
    lambda value: value.tolist(),
    lambda value: torch.nn.Parameter(value.float()),
    lambda value: value.expand(2, *value.shape),
    lambda value: -value.float(),
    lambda value: value.new_zeros(value.shape),
]


def trained(cls, options, seed):
    """Make an optimizer that has taken two steps, over a few shapes; formats of 16 bits are for such parameters."""
    torch.manual_seed(seed)
    dtype = torch.bfloat16 if "rounding" in options else torch.float32
    shapes = [shape for shape in SHAPES if cls is not optim.Muon or len(shape) > 1]
    params = [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in shapes]
    names = [f"layer{index}" for index in range(len(params))]
    groups = [{"params": [pair]} for pair in zip(names, params, strict=True)] if seed % 2 else params
    optimizer = cls(groups, **options)
    step(optimizer)
    step(optimizer)
    return optimizer


def step(optimizer):
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad = torch.ones_like(param)
    optimizer.step()


def places(value, path=()):
    """List the ways to everything in a state_dict, by their keys."""
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield from places(item, (*path, key))


def mutated(saved, chance):
    """Change one thing."""
    saved = copy.deepcopy(saved)
    how = chance.choice(["replace", "replace", "tensor", "tensor", "tensor", "delete", "add", "swap", "all"])
    if how == "all":
        change = chance.choice(TENSOR_CHANGES)
        for state in saved["state"].values():
            for name, value in state.items():
                if isinstance(value, torch.Tensor) and chance.random() < 0.8:
                    state[name] = tried(change, value)
        return saved
    found = [path for path in places(saved) if path]
    if how == "tensor":
        found = [path for path in found if isinstance(at(saved, path), torch.Tensor)] or found
    path = chance.choice(found)
    parent, value = at(saved, path[:-1]), at(saved, path)
    if how == "tensor" and isinstance(value, torch.Tensor):
        parent[path[-1]] = tried(chance.choice(TENSOR_CHANGES), value)
    elif how == "delete":
        del parent[path[-1]]
    elif how == "add" and isinstance(parent, dict):
        parent[
            chance.choice(["mine", "prev", "gathered", 3, 99, None, "betas", "exp_avg_scale", "low_bits", "step"])
        ] = chance.choice(VALUES)
    elif how == "swap":
        other = chance.choice(found)
        parent[path[-1]] = copy.deepcopy(at(saved, other))
    else:
        parent[path[-1]] = chance.choice(VALUES)
    return saved


def tried(change, value):
    try:
        return change(value)
    except (RuntimeError, TypeError, IndexError, UserWarning):
        return value[None]


def at(value, path):
    for key in path:
        value = value[key]
    return value


def everything(optimizer):
    """Copy all that a failed load must leave as it is."""
    groups = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    states = {id(param): dict(state) for param, state in optimizer.state.items()}
    params = [param.detach().clone() for group in optimizer.param_groups for param in group["params"]]
    return copy.deepcopy(groups), states, copy.deepcopy(list(states.values())), params


def is_same(before, after):
    groups, states, values, params = before
    return (
        str(groups) == str(after[0])
        and states.keys() == after[1].keys()
        and all(after[1][key].keys() == state.keys() for key, state in states.items())
        and all(after[1][key][name] is value for key, state in states.items() for name, value in state.items())
        and str(values) == str(after[2])
        and all(map(torch.equal, params, after[3]))
    )


def check(seed):
    """Load one; return "loaded" or "refused", or raise AssertionError."""
    chance = random.Random(seed)
    cls, options = chance.choice(OPTIMIZERS)
    options = options | chance.choice(FORMATS)
    try:
        optimizer = trained(cls, options, seed)
        wrong = mutated(trained(cls, options, seed + 2).state_dict(), chance)
        if chance.random() < 0.3:
            wrong = mutated(wrong, chance)
    except (KeyError, TypeError, IndexError, AttributeError, RuntimeError):
        return "no mutation"
    what = f"seed {seed}: {cls.__name__} {options}"
    before = everything(optimizer)
    error = failure(lambda: optimizer.load_state_dict(wrong))
    if error is not None:
        assert type(error) is ValueError, f"{what}: {type(error).__name__}: {error}"
        assert str(error).startswith(f"cannot load this state_dict into {cls.__name__}: "), f"{what}: {error}"
        assert "\n" not in str(error), f"{what}: {error}"
        assert is_same(before, everything(optimizer)), f"{what}: changed after {error}"
    error_later = failure(lambda: use(optimizer, trained(cls, options, seed + 4)))
    assert error_later is None, f"{what}: {error or 'loaded'}, but failed later: {error_later!r}"
    return "refused" if error else "loaded"


def failure(action):
    try:
        action()
    except Exception as error:
        return error
    return None


def use(optimizer, twin):
    """Do what comes after loading."""
    step(optimizer)
    step(optimizer)
    twin.load_state_dict(optimizer.state_dict())
    step(twin)
    repr(optimizer)
    optimizer.explain()


def counted(check, count, first):
    """Check as many seeds, print what fails and how often each result came; return whether anything failed."""
    results = {}
    for seed in range(first, first + count):
        try:
            result = check(seed)
        except AssertionError as error:
            print(error, flush=True)
            result = "fault"
        results[result] = results.get(result, 0) + 1
    print(results)
    return "fault" in results


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(counted(check, int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
