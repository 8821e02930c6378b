"""A recipe for a small language model, after that of arXiv 2509.01440: one rule, one rate and one seed give one loss.

Semenov, Pagliardini & Jaggi 2025, "Benchmarking optimizers for large language model pretraining", train transformers
like Llama's of 124 million parameters and more on 16 to 1,000 thousand tokens a step. What is here is what one core of
a CPU can do in ten seconds or so: two layers, 128 wide, of characters of Python's own modules. Its clipping, decay,
first weights and schedule are the paper's; lengths are scaled down.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import thalweg
from tasks import character_gpt
from thalweg.tools.tasks.gpt import GPT

CLIP, DECAY, WARM_UP, LAST = 0.5, 0.1, 0.125, 0.01
"""The largest norm of all gradients, the weight decay; which shares of the steps warm up, and of the rate are left."""

ESTIMATED_EVERY = 10
"""Steps between two estimates of the Hessian, for rules that want any."""


@dataclass(frozen=True)
class Size:
    """How large a run is: the net, what it sees in a step, and what it is judged by."""

    width: int = 128
    layers: int = 2
    heads: int = 2
    context: int = 256
    batch: int = 2
    judged: int = 96
    """Pieces of the held-out text, each as long as the context."""


@dataclass(frozen=True)
class Rule:
    """A rule as it is measured: its name in the paper, its class, and its options; some depend on rate and steps."""

    name: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    start: int = 5
    """The place on the common grid of rates where the search begins."""
    derived: Callable[[float, int], dict[str, Any]] = lambda rate, steps: {}


ADAM = {"betas": (0.9, 0.999)}
BESIDE_MUON = {"adamw_betas": (0.9, 0.999), "adamw_weight_decay": DECAY}

RULES = [
    Rule("AdamW", "AdamW", ADAM),
    Rule("ADOPT", "ADOPT", ADAM | {"decoupled_weight_decay": True}),
    Rule(
        "AdEMAMix", "AdEMAMix", {"betas": (0.9, 0.999, 0.999), "alpha": 8.0},
        derived=lambda rate, steps: {"t_alpha": steps, "t_beta3": steps},
    ),
    Rule("Lion", "Lion", {"betas": (0.9, 0.99)}, start=3),
    Rule("Signum", "Signum", {"momentum": 0.95, "decoupled_weight_decay": True}, start=3),
    # The matrices of the paper's Muon do not decay, and AdamW's rate is a tenth of theirs.
    Rule(
        "Muon", "Muon", {"momentum": 0.95, "weight_decay": 0.0} | BESIDE_MUON, start=6,
        derived=lambda rate, steps: {"adamw_lr": rate / 10},
    ),
    Rule("D-Muon", "Muon", {"momentum": 0.95, "adjust_lr_fn": "match_rms_adamw"} | BESIDE_MUON),
    Rule("SOAP", "SOAP", ADAM | {"precondition_frequency": 10}),
    Rule("Sophia", "SophiaG", ADAM | {"rho": 0.04}),
    Rule(
        "SF-AdamW", "ScheduleFreeAdamW", ADAM,
        derived=lambda rate, steps: {"warmup_steps": round(WARM_UP * steps)},
    ),
    Rule("Prodigy", "Prodigy", ADAM | {"use_bias_correction": True}, start=10),
    Rule("MARS", "MARS", {"betas": (0.95, 0.99), "gamma": 0.025}),
]  # fmt: skip
"""The paper's twelve, with options of its tables 7 to 18: what they leave open was not searched."""


def rate(place: int) -> float:
    """Give a learning rate of the common grid, whose steps are roots of ten: 1e-5 has the place 1."""
    return float(f"{10 ** (place / 2 - 5.5):.1g}")


def rule_named(name: str) -> Rule:
    """Find a rule by the paper's name."""
    return next(rule for rule in RULES if rule.name == name)


def trained(wanted: dict[str, Any]) -> dict[str, Any]:
    """Train as a line of a log says: give the loss, None if it is no number, and the seconds of processor time."""
    start = time.thread_time()
    loss = loss_after(rule_named(wanted["rule"]), wanted["rate"], wanted["seed"], wanted["steps"])
    seconds = round(time.thread_time() - start, 1)
    return {"loss": round(loss, 5) if math.isfinite(loss) else None, "seconds": seconds}


def loss_after(rule: Rule, lr: float, seed: int, steps: int, size: Size = Size()) -> float:
    """Train from one seed, and give the loss of the held-out text in nats a character: not a number if it diverged."""
    torch.manual_seed(seed)
    net = GPT(character_gpt.texts()[2], size.width, size.layers, size.heads)
    optimizer = made(rule, net, lr, steps, size)
    for step, (characters, following) in enumerate(batches(seed, steps, size)):
        set_share(optimizer, share_of_rate(rule, step, steps))
        if rule.kind == "SophiaG" and step % ESTIMATED_EVERY == 0:
            estimate(net, optimizer, characters)
        loss = cross_entropy(net(characters).flatten(0, 1), following.flatten())
        if not math.isfinite(loss.item()):
            return math.nan
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return judged(net, optimizer, size)


def made(rule: Rule, net: nn.Module, lr: float, steps: int, size: Size) -> thalweg.Optimizer:
    """Construct the optimizer, and note the rates that the schedule scales."""
    options = {"lr": lr, "weight_decay": DECAY, "max_grad_norm": CLIP} | rule.options | rule.derived(lr, steps)
    if rule.kind == "SophiaG":
        options["batch_size"] = size.batch * size.context
    optimizer: thalweg.Optimizer = getattr(thalweg, rule.kind)(net.named_parameters(), **options)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def set_share(optimizer: thalweg.Optimizer, share: float) -> None:
    """Scale the rate of each group."""
    for group in optimizer.param_groups:
        group["lr"] = share * group["initial_lr"]


def share_of_rate(rule: Rule, step: int, steps: int) -> float:
    """Warm up, then fall along a cosine; a rule that needs no schedule warms up by itself."""
    if rule.kind.startswith("ScheduleFree"):
        return 1.0
    warm_up = round(WARM_UP * steps)
    if step < warm_up:
        return (step + 1) / warm_up
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))


def estimate(net: nn.Module, optimizer: Any, characters: Tensor) -> None:
    """Let the net draw what follows, and take the gradient of that: Sophia's curvature."""
    logits = net(characters).flatten(0, 1)
    drawn = torch.distributions.Categorical(logits=logits.detach()).sample()
    cross_entropy(logits, drawn).backward()
    optimizer.update_hessian()
    optimizer.zero_grad()


def batches(seed: int, steps: int, size: Size) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw pieces of the training text: the same for the same seed, whatever the rule draws."""
    text, generator = character_gpt.texts()[0], torch.Generator().manual_seed(seed)
    for _ in range(steps):
        yield cut(text, torch.randint(len(text) - size.context, (size.batch,), generator=generator), size)


def cut(text: Tensor, starts: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """Cut out pieces of the context's length, and the characters that follow each of theirs."""
    places = starts[:, None] + torch.arange(size.context)
    return text[places], text[places + 1]


@cache
def held_out(size: Size) -> tuple[Tensor, Tensor]:
    """Cut pieces at equal distances out of the text that nothing is trained with."""
    text = character_gpt.texts()[1]
    return cut(text, torch.linspace(0, len(text) - size.context - 1, size.judged).long(), size)


@torch.no_grad()
def judged(net: nn.Module, optimizer: thalweg.Optimizer, size: Size) -> float:
    """Give the loss of the held-out text, at the mean of the points for rules that have one."""
    if isinstance(optimizer, thalweg.ScheduleFreeAdamW):
        optimizer.eval()
    characters, following = held_out(size)
    pairs = zip(characters.split(16), following.split(16), strict=True)
    total = sum(float(cross_entropy(net(some).flatten(0, 1), those.flatten())) * len(some) for some, those in pairs)
    return total / len(characters)
