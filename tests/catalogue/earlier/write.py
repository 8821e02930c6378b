"""Write what a version saves in the middle of training, and where it went on to: python write.py 0.1.0.pt.

A version writes its file once, before it is followed by another; no later one may change it.
"""

import sys

import torch

import thalweg

WIDE, LONG = (torch.float32, (3, 5)), (torch.float32, (64, 65))
NARROW = (torch.bfloat16, (3, 5))

TRAININGS = {
    "AdamW": ("AdamW", WIDE, {"lr": 0.05, "amsgrad": True}),
    "SGD": ("SGD", WIDE, {"lr": 0.05, "momentum": 0.5, "dampening": 0.25}),
    "ASGD": ("ASGD", WIDE, {"lr": 0.05, "t0": 2}),
    "Adagrad": ("Adagrad", WIDE, {"initial_accumulator_value": 0.5}),
    "RProp": ("RProp", WIDE, {}),
    "NAdam": ("NAdam", WIDE, {}),
    "LAMB": ("LAMB", WIDE, {}),
    "Prodigy": ("Prodigy", WIDE, {}),
    "Muon": ("Muon", WIDE, {"lr": 0.05}),
    "gathering, averaged": ("Adam", WIDE, {"accumulate": 2, "ema_decay": 0.5, "max_grad_norm": 1.0}),
    "8 bits": ("Adam", LONG, {"state_dtype": "8bit"}),
    "4 bits": ("AdamW", LONG, {"state_dtype": "4bit"}),
    "kahan": ("Adam", NARROW, {"rounding": "kahan"}),
    "master": ("AdamW", NARROW, {"rounding": "master"}),
    "stochastic": ("SGD", NARROW, {"lr": 0.05, "rounding": "stochastic", "state_dtype": torch.float32}),
}
"""The class, the parameter and the options of each."""


def start(name):
    """Make a parameter and its optimizer."""
    cls, (dtype, shape), options = TRAININGS[name]
    size = shape[0] * shape[1]
    param = torch.nn.Parameter((torch.arange(size) % 7 - 3.0).div(4).view(shape).to(dtype))
    return param, getattr(thalweg, cls)([("weight", param)], **options)


def train(param, optimizer, steps):
    """Take steps on gradients that are exact in every dtype at first, and the same on every machine."""
    for step in range(steps):
        target = (torch.arange(param.numel()) % (3 + step) - 1.0).view(param.shape)
        param.grad = (param.detach().float() - target).to(param.dtype)
        optimizer.step()


def trained(name):
    """Train, save, go on."""
    param, optimizer = start(name)
    train(param, optimizer, 3)
    before, saved = param.detach().clone(), optimizer.state_dict()
    saved = torch.utils._pytree.tree_map(lambda item: item.clone() if isinstance(item, torch.Tensor) else item, saved)
    train(param, optimizer, 2)
    return {"param": before, "saved": saved, "after": param.detach().clone()}


if __name__ == "__main__":
    torch.save({name: trained(name) for name in TRAININGS}, sys.argv[1])
