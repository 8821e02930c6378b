"""Names that people ask for, and that are no optimizers: what each one is, and what to do instead."""

from __future__ import annotations

import re

from torch.optim import Optimizer

from ..optimizers import wrappers

WRAPPERS = {name: kind for name, kind in vars(wrappers).items() if isinstance(kind, type)}
"""What goes around an optimizer, and cannot be had by a name alone."""

INSTEAD: dict[str, str] = {
    "PCGrad, gradient surgery, GradVac, CAGrad, MGDA, NashMTL, GradDrop, IMTL": (
        "it joins the gradients of several losses before a step: find the gradients of each loss by "
        "torch.autograd.grad, write what is made of them into .grad, and step any optimizer"
    ),
    "GradNorm, uncertainty weighting, PINN weighting": (
        "it weighs several losses before they are added: multiply them by its weights, and step any optimizer"
    ),
    "MuonMVR, MuonMVR1, MuonMVR2": (
        "it is Muon with gradients corrected by their last change, which no rule here does: take Muon, or MARS, which "
        "corrects them so"
    ),
    "SVRG, SAG, SAGA, SARAH, SPIDER, STORM, PAGE, MVR": (
        "it corrects gradients by those of the same examples at earlier parameters, which no rule here asks for: take "
        "MARS, which corrects them by the gradient of the last batch"
    ),
    "SWA, SWAD, LAWA, EMA, Polyak averaging, weight averaging, model soup": (
        "it averages parameters: pass ema_decay=0.999 to any optimizer, or use thalweg.swa_utils"
    ),
    "GC, gradient centralization": (
        "it takes the mean off gradients: pass gradient_centralization=True to any optimizer"
    ),
    "gradient clipping, clipping, clip grad norm, clip norm": (
        "it shortens gradients before a step: pass max_grad_norm=1.0 to any optimizer"
    ),
    "AGC, adaptive gradient clipping": (
        "it shortens gradients before a step: take AdaGC, or pass max_tensor_norm=1.0 to any optimizer"
    ),
    "gradient accumulation": "it makes one step of several gradients: pass accumulate=4, say, to any optimizer",
    "Grokfast": "it strengthens slow gradients: pass grokfast=2.0 to any optimizer, or take GrokAdamW",
    "cautious, Cautious AdamW, Cautious Adam, Cautious Lion": (
        "it masks steps that gradients disagree with: pass cautious=True to the optimizer, as in AdamW(cautious=True)"
    ),
    "muP, maximal update parametrization": (
        "it scales rates by the widths of layers: give groups the rates that the package mup computes"
    ),
    "ZeRO, FSDP, FSDP2, DDP, DeepSpeed": (
        "it divides a model or its states among processes: make any optimizer after fully_shard, or use "
        "thalweg.shard_states"
    ),
    "LoRA, QLoRA, DoRA, ReLoRA": (
        "it adds small matrices to a model, which are trained: let the package peft add them and step any optimizer, "
        "or take thalweg.GaLore, whose states have a low rank"
    ),
    "LISA, BAdam, block coordinate descent": (
        "it trains a few layers at a time: set requires_grad of the others to False, and make an optimizer of the rest"
    ),
    "MeZO, SPSA, zeroth order": (
        "it estimates gradients from losses: write its estimates into .grad, and step any optimizer, such as SGD"
    ),
    "KFAC, EKFAC, natural gradient, NGD": (
        "it needs what goes into layers and comes out of them, which no rule here sees: take Shampoo, KLShampoo or "
        "SOAP, which make do with gradients"
    ),
    "Newton, Hessian-free, truncated Newton": "its form for large models is named otherwise here: take NewtonCG",
    "Nelder-Mead, Powell, COBYLA, CMA-ES, CMA, PSO, particle swarm, genetic algorithm, simulated annealing, "
    "differential evolution, Bayesian optimization, evolution strategies, ES": (
        "it searches without gradients, which every optimizer here needs: take LBFGS if there are gradients, or "
        "another package, as scipy.optimize"
    ),
    "SLSQP, trust-constr, augmented Lagrangian": (
        "it minimizes under constraints, and the methods here know bounds alone: take scipy.optimize, or add the "
        "constraints to the loss"
    ),
    "SGLD, SGHMC, Langevin": (
        "it draws parameters from a distribution, and finds no minimum: take NoisySGD to train with noise"
    ),
    "DP-Adam, DP-AdamW, differential privacy": (
        "it clips the gradient of each example: let opacus make such gradients, and step any optimizer with them"
    ),
    "DiLoCo, Local SGD, FedAvg, FedProx": (
        "it lets processes step alone, and averages them now and then: step any optimizer on each, and average by "
        "torch.distributed.algorithms.model_averaging"
    ),
    "PowerSGD": (
        "it compresses what processes tell each other: register torch's powerSGD_hook with DistributedDataParallel, "
        "and step any optimizer"
    ),
    "OneCycle, OneCycleLR, cosine, cosine annealing, StepLR, warmup, linear warmup, ReduceLROnPlateau, "
    "lr scheduler, schedule": "it is a schedule of learning rates: use thalweg.lr_scheduler beside any optimizer",
    "GradScaler, AMP, autocast": (
        "it scales losses of low precision: use torch.amp.GradScaler, which works with each optimizer here"
    ),
    "VeLO, L2O": (
        "its steps are computed by a trained network, and not by a formula: take Prodigy, which finds its rate, or "
        "ScheduleFreeAdamW, which needs no schedule"
    ),
    "gradient descent, GD, vanilla SGD": "it has another name here: take SGD",
}
"""What names have in common, by the names."""


def letters_of(name: str) -> str:
    """Leave out capitals, spaces and hyphens."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


BY_NAME = {letters_of(name): what for names, what in INSTEAD.items() for name in names.split(", ")}


def what_it_is(name: str) -> str:
    """Say, as a clause, what a name is and what to do; empty for a name that nothing is known of."""
    letters = letters_of(name.removeprefix("thalweg."))
    wrapper = next((known for known in WRAPPERS if letters_of(known) == letters), None)
    return _around(wrapper) if wrapper else BY_NAME.get(letters, "")


def _around(wrapper: str) -> str:
    """Say how something is put around an optimizer: one that is there, or a rule that it makes one of."""
    if issubclass(WRAPPERS[wrapper], Optimizer):
        return f"it goes around a rule: write thalweg.{wrapper}(params, rule=thalweg.AdamW)"
    more = ", attentions" if wrapper == wrappers.QKClip.__name__ else ""
    made = f"thalweg.{wrapper}(thalweg.AdamW(model.parameters()){more})"
    return f"it goes around another optimizer, which is made before it: write {made}"
