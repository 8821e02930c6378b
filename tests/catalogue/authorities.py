"""Who else has written a rule: one row for each implementation that ours is compared with.

A tolerance is of the largest number, after twenty steps in float64; one above 1e-12 has its reason beside it.
"""

import importlib
import sys
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

import torch


@dataclass(frozen=True)
class Authority:
    """One row: our class, their package and class, what both are called with, and how near they must come."""

    ours: str
    package: str
    theirs: str
    common: dict[str, Any] = field(default_factory=dict)
    """Options that both call the same."""
    our: dict[str, Any] = field(default_factory=dict)
    their: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-12
    why: str = ""
    differs: float = 0.0
    least_dims: int = 0
    """Where they treat vectors in another way: how many dimensions the parameters that are compared have."""
    most_dims: int = 9
    """The same, where they treat each dimension in its own way."""


PO, OPTIMI = "pytorch_optimizer", "optimi"
TIMM = "timm.optim."
DECOUPLED = {"decoupled_weight_decay": True}
SHAMPOO = {
    "betas": (0.0, 0.999),
    "shampoo_beta": 1.0,
    "grafting": None,
    "precondition_frequency": 1,
    "start_preconditioning_step": 1,
    "matrix_eps": 1e-6,
}
"""The first paper's box."""

TABLE = [
    #         ours          package         theirs              common                                          ours more / theirs more
    Authority("Lion",       "lion_pytorch", "Lion",             {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("Lion",       OPTIMI,         "Lion",             {"lr": 1e-2, "betas": (0.8, 0.9)},              {}, {"decouple_lr": False, "triton": False}),
    Authority("Lion",       TIMM + "lion", "Lion",             {"lr": 1e-2, "weight_decay": 0.1},              {"cautious": True}, {"caution": True}),
    Authority("SignSGD",    PO,             "SignSGD",          {"lr": 1e-2, "momentum": 0.0}),
    Authority("Signum",     PO,             "SignSGD",          {"lr": 1e-2, "momentum": 0.9, "weight_decay": 0.1}, DECOUPLED),
    Authority("Tiger",      PO,             "Tiger",            {"lr": 1e-2, "weight_decay": 0.1},              {"momentum": 0.965}, {"beta": 0.965}),
    Authority("AdaBelief",  PO,             "AdaBelief",        {"lr": 1e-2, "weight_decay": 0.1},              DECOUPLED),
    Authority("AdaBelief",  TIMM + "adabelief", "AdaBelief",        {"lr": 1e-2, "weight_decay": 0.1, "rectify": True}, DECOUPLED),
    Authority("Yogi",       PO,             "Yogi",             {"lr": 1e-2, "weight_decay": 0.1},              DECOUPLED),
    Authority("ADOPT",      TIMM + "adopt", "Adopt",            {"lr": 1e-2},                                   {}, {"clip_exp": 0.25}),
    Authority("LaProp",     TIMM + "laprop", "LaProp",           {"lr": 1e-2}),
    Authority("Adan",       TIMM + "adan", "Adan",             {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("Adan",       TIMM + "adan", "Adan",             {"lr": 1e-2, "weight_decay": 0.1},              DECOUPLED, {"no_prox": True}),
    Authority("Adan",       PO,             "Adan",             {"lr": 1e-2, "weight_decay": 0.1},              {}, {"weight_decouple": False}),
    Authority("Grams",      PO,             "Grams",            {"lr": 1e-2, "weight_decay": 0.1, "eps": 1e-6}),
    Authority("NAdamW",     TIMM + "nadamw", "NAdamW",           {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("RMSpropTF",  TIMM + "rmsprop_tf", "RMSpropTF",        {"lr": 1e-2, "momentum": 0.9, "weight_decay": 0.1}),
    Authority("RMSpropTF",  TIMM + "rmsprop_tf", "RMSpropTF",        {"lr": 1e-2, "momentum": 0.9, "centered": True}),
    Authority("AdEMAMix",   PO,             "AdEMAMix",         {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("AdEMAMix",   PO,             "AdEMAMix",         {"lr": 1e-2, "betas": (0.9, 0.999, 0.99)},      {"t_alpha": 15, "t_beta3": 15}, {"t_alpha_beta3": 15}, tolerance=1e-7, why="they add 1e-8 to a decay before its logarithm"),
    Authority("MADGRAD",    TIMM + "madgrad", "MADGRAD",        {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("MADGRAD",    PO,             "MADGRAD",          {"lr": 1e-2, "momentum": 0.5}),
    Authority("AdamAtan2",  "adam_atan2_pytorch", "AdamAtan2",  {"lr": 1e-2, "weight_decay": 0.1}, {}, {"cautious_factor": 1.0}),
    Authority("AdamC",      PO,             "AdamC",            {"lr": 1e-2, "weight_decay": 0.1}, tolerance=1e-7, why="they add 1e-15 inside of the root"),
    Authority("NovoGrad",   TIMM + "nvnovograd", "NvNovoGrad",  {"lr": 1e-2, "weight_decay": 0.1, "betas": (0.95, 0.98)}),
    Authority("NovoGrad",   TIMM + "nvnovograd", "NvNovoGrad",  {"lr": 1e-2, "grad_averaging": True, "betas": (0.9, 0.99)}),
    Authority("StableAdamW", OPTIMI,        "StableAdamW",      {"lr": 1e-2, "weight_decay": 0.1}, {}, {"triton": False}),
    Authority("Fromage",    PO,             "Fromage",          {"lr": 1e-2}),
    Authority("MARS",       TIMM + "mars",  "Mars",             {"lr": 1e-2, "weight_decay": 0.1, "betas": (0.95, 0.99)}, least_dims=2),
    Authority("Aida",       PO,             "Aida",             {"lr": 1e-2, "eps": 1e-12}, tolerance=1e-9, why="they correct eps for bias too"),
    Authority("LAMB",       TIMM + "lamb",  "Lamb",             {"lr": 1e-2, "weight_decay": 0.1}, {}, {"max_grad_norm": None}),
    Authority("LAMB",       TIMM + "lamb",  "Lamb",             {"lr": 1e-2, "weight_decay": 0.1, "trust_clip": True}, DECOUPLED, {"max_grad_norm": None, "decoupled_decay": True}),
    Authority("LAMB",       TIMM + "lamb",  "Lamb",             {"lr": 1e-2, "weight_decay": 0.0, "always_adapt": False}, {}, {"max_grad_norm": None}),
    Authority("LARS",       TIMM + "lars",  "Lars",             {"lr": 1e-2, "weight_decay": 0.1, "momentum": 0.9}, {"trust_coefficient": 1e-3}, {"trust_coeff": 1e-3, "eps": 0.0}),
    Authority("LARS",       TIMM + "lars",  "Lars",             {"lr": 1e-4, "weight_decay": 0.1, "momentum": 0.9, "nesterov": True, "trust_clip": True}, {}, {"eps": 0.0}),
    Authority("ScheduleFreeSGD", "schedulefree", "SGDScheduleFree", {"lr": 0.1, "weight_decay": 0.1, "warmup_steps": 5, "r": 0.5}),
    Authority("ScheduleFreeAdamW", "schedulefree", "AdamWScheduleFree", {"lr": 1e-2, "weight_decay": 0.1, "warmup_steps": 5}),
    Authority("ScheduleFreeAdamW", PO,      "ScheduleFreeAdamW", {"lr": 1e-2}),
    Authority("ScheduleFreeRAdam", "schedulefree", "RAdamScheduleFree", {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("ScheduleFreeRAdam", "schedulefree", "RAdamScheduleFree", {"lr": 1e-2, "silent_sgd_phase": False}),
    Authority("GrokAdamW",  "grokadamw",    "GrokAdamW",        {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("AggMo",      PO,             "AggMo",            {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("PID",        PO,             "PID",              {"lr": 1e-2, "momentum": 0.9, "weight_decay": 0.1}),
    Authority("QHM",        PO,             "QHM",              {"lr": 1e-2, "momentum": 0.9, "nu": 0.7, "weight_decay": 0.1}),
    Authority("QHAdam",     PO,             "QHAdam",           {"lr": 1e-2, "nus": (0.7, 0.9), "weight_decay": 0.1}, tolerance=1e-7, why="they keep the weights of their means in float32"),
    Authority("AdamG",      PO,             "AdamG",            {"weight_decay": 0.1}),
    Authority("Padam",      PO,             "PAdam",            {"lr": 1e-2, "partial": 0.125, "weight_decay": 0.1}, {"amsgrad": False}),
    Authority("ApolloDQN",  PO,             "ApolloDQN",        {"lr": 1e-2, "weight_decay": 0.1, "warmup_steps": 5}),
    Authority("DoG",        "dog",          "DoG",              {"reps_rel": 1e-3}),
    Authority("LDoG",       "dog",          "LDoG",             {"reps_rel": 1e-3, "weight_decay": 0.1}),
    Authority("AdaShift",   PO,             "AdaShift",         {"lr": 1e-2, "keep_num": 5}, {}, {"reduce_func": lambda square: square}),
    Authority("CAME",       PO,             "CAME",             {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("Adafactor",  TIMM + "adafactor", "Adafactor",    {"lr": 1e-2}, {"relative_step": False, "scale_parameter": False, "scaled_decay": True, "added_eps": True, "eps": (1e-30, 1e-3), "min_dim": 17, "factored": "leading"}),
    Authority("AdamP",      TIMM + "adamp", "AdamP",            {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("AdamP",      PO,             "AdamP",            {"lr": 1e-2, "weight_decay": 0.1}, tolerance=1e-6, why="they add 1e-15 inside of the root"),
    Authority("AdamP",      TIMM + "adamp", "AdamP",            {"lr": 1e-2, "weight_decay": 0.1, "nesterov": True}, {"cautious_on_sphere": True}, {"caution": True}),
    Authority("SGDP",       TIMM + "sgdp",  "SGDP",             {"lr": 1e-2, "weight_decay": 0.1, "momentum": 0.9}, {"cautious_on_sphere": True}, {"caution": True}),
    Authority("SGDP",       TIMM + "sgdp",  "SGDP",             {"lr": 1e-2, "weight_decay": 0.1, "momentum": 0.9}),
    Authority("SGDP",       PO,             "SGDP",             {"lr": 1e-2, "weight_decay": 0.1, "momentum": 0.9}),
    Authority("Shampoo",    PO,             "Shampoo",          {"lr": 1e-2}, SHAMPOO, most_dims=2, least_dims=2),
    Authority("SOAP",       PO,             "SOAP",             {"lr": 1e-2, "weight_decay": 0.1}, most_dims=2, least_dims=2, tolerance=1e-6, why="they take QR decompositions in float32"),
    Authority("Scion",      PO,             "SCION",            {"lr": 1e-2}, {"momentum": 0.9, "norm": "sign"}, {"momentum": 0.1, "constraint": False, "norm_type": 4}, least_dims=2, most_dims=2),
    Authority("Scion",      PO,             "SCION",            {"lr": 1e-2}, {"momentum": 0.9, "norm": "column"}, {"momentum": 0.1, "constraint": False, "norm_type": 6}, least_dims=2, most_dims=2),
    Authority("Scion",      PO,             "SCION",            {"lr": 1e-2}, {"momentum": 0.9, "norm": "row"}, {"momentum": 0.1, "constraint": False, "norm_type": 7}, least_dims=2, most_dims=2),
    Authority("Scion",      PO,             "SCION",            {"lr": 1e-2}, {"momentum": 0.9, "norm": "spectral"}, {"momentum": 0.1, "constraint": False, "norm_type": 2}, least_dims=2, most_dims=2, tolerance=2e-4, why="they round products to bfloat16"),
    Authority("Conda",      PO,             "Conda",            {"lr": 1e-2, "weight_decay": 0.1, "eps": 1e-12}, {}, {}, most_dims=2, tolerance=1e-6, why="they take singular vectors in float32"),
    Authority("SM3",        PO,             "SM3",              {"lr": 1e-2, "momentum": 0.9}, most_dims=2),
    Authority("AdamW",      PO,             "GrokFastAdamW",    {"lr": 1e-2, "betas": (0.9, 0.99), "weight_decay": 0.1}, {"grokfast": 2.0}, {"normalize_lr": False}, tolerance=1e-8, why="they add 1e-15 inside of the root"),
    Authority("AdaBound",   PO,             "AdaBound",         {"lr": 1e-2, "weight_decay": 0.1, "final_lr": 0.02, "gamma": 0.1}, DECOUPLED),
    Authority("AMSBound",   PO,             "AdaBound",         {"lr": 1e-2, "weight_decay": 0.1, "final_lr": 0.02, "gamma": 0.1}, {}, {"ams_bound": True, "weight_decouple": False}),
    Authority("AdaSmooth",  PO,             "AdaSmooth",        {"lr": 1e-2, "weight_decay": 0.1}),
    Authority("DiffGrad",   PO,             "DiffGrad",         {"lr": 1e-2, "weight_decay": 0.1, "eps": 1e-12}, DECOUPLED, tolerance=1e-10, why="they correct eps for bias too"),
    Authority("PNM",        PO,             "PNM",              {"lr": 1e-2, "weight_decay": 0.1}, {**DECOUPLED, "momentum": 0.8, "beta0": 0.5}, {"betas": (0.8, 0.5)}),
    Authority("AdaPNM",     PO,             "AdaPNM",           {"lr": 1e-2, "weight_decay": 0.1}, {**DECOUPLED, "betas": (0.8, 0.9), "beta0": 0.5}, {"betas": (0.8, 0.9, 0.5)}, tolerance=1e-7, why="they correct eps for bias too"),
    Authority("MSVAG",      PO,             "MSVAG",            {"lr": 1e-2}),
    Authority("EXAdam",     PO,             "EXAdam",           {"lr": 1e-2, "weight_decay": 0.1}, DECOUPLED),
    Authority("Ano",        PO,             "Ano",              {"lr": 1e-2, "weight_decay": 0.1}, DECOUPLED),
    Authority("Kate",       PO,             "Kate",             {"lr": 1e-2, "eps": 0.0}, {"eta": 0.1}, {"delta": 0.1}),
    Authority("AdaNorm",    PO,             "AdaNorm",          {"lr": 1e-2, "weight_decay": 0.1, "betas": (0.9, 0.99)}, DECOUPLED, tolerance=1e-7, why="they correct eps for bias too"),
    Authority("AdaGC",      PO,             "AdaGC",            {"lr": 1e-2, "weight_decay": 0.1, "warmup_steps": 6}, tolerance=1e-8, why="they take the norm of all gradients in float32"),
    Authority("SGDSaI",     PO,             "SGDSaI",           {"lr": 1e-2, "weight_decay": 0.1}, least_dims=2),
    Authority("FAdam",      PO,             "FAdam",            {"lr": 1e-2, "weight_decay": 0.1}, {}, {"momentum_dtype": torch.float64, "fim_dtype": torch.float64}),
    Authority("Adai",       PO,             "Adai",             {"lr": 1e-2, "weight_decay": 0.1}, {}, {"weight_decouple": True}),
    Authority("AdamS",      PO,             "AdamS",            {"lr": 1e-2, "weight_decay": 0.1}, tolerance=1e-9, why="they add eps to the root of the model's mean square"),
    Authority("DualAdam",   PO,             "DualAdam",         {"lr": 1e-2, "weight_decay": 0.1}, tolerance=1e-8, why="they add eps to the root that they multiply by, too"),
    Authority("VSGD",       PO,             "VSGD",             {"lr": 1e-2, "weight_decay": 0.1}, DECOUPLED),
    Authority("VSGD",       PO,             "VSGD",             {"lr": 1e-2, "ps": 0.1, "ghattg": 2.0}),
    Authority("BCOS",       PO,             "BCOS",             {"lr": 1e-2, "mode": "m", "beta2": 0.8}),
    Authority("BCOS",       PO,             "BCOS",             {"lr": 1e-2, "mode": "g"}),
    Authority("Ranger",     PO,             "Ranger",           {"lr": 1e-2, "weight_decay": 0.1},              {}, {"degenerated_to_sgd": True}),
    Authority("AccSGD",     PO,             "AccSGD",           {"lr": 1e-2, "kappa": 100.0, "xi": 5.0, "weight_decay": 0.1}),
    Authority("FOCUS",      PO,             "FOCUS",            {"lr": 1e-2}),
    Authority("FTRL",       PO,             "FTRL",             {"lr": 1e-1, "beta": 1.0, "lambda_1": 0.3, "lambda_2": 0.1}),
    Authority("COCOB",      "parameterfree", "COCOB"),
    Authority("SPAM",       PO,             "SPAM",             {"lr": 1e-2, "weight_decay": 0.1, "threshold": 2.0}, {"interval": 7, "warmup": 4, "patience": 2}, {"update_proj_gap": 7, "warmup_epoch": 4, "grad_accu_steps": 2}),
]  # fmt: skip


OTHERWISE = [
    #         ours          package         theirs              common          ours more / theirs more
    Authority("ADOPT",      PO,             "ADOPT",            {"lr": 1e-2}, why="it counts the step before it computes the bound: the second gradient is bounded by 1.19 and not by 1", differs=2.1e-3),
    Authority("ADOPT",      TIMM + "adopt", "Adopt",            {"lr": 1e-2}, why="the exponent of the bound is 0.333 and not a quarter", differs=4.8e-3),
    Authority("Adan",       OPTIMI,         "Adan",             {"lr": 1e-2, "weight_decay": 0}, why="its default eps is 1e-6 and not 1e-8; its default decay of 0.02 was switched off here", differs=3e-7),
    Authority("AdaShift",   PO,             "AdaShift",         {"lr": 1e-2}, why="the largest square in a parameter's old gradient is used for all of its elements", differs=0.15),
    Authority("SM3",        PO,             "SM3",              {"lr": 1e-2}, why="each dimension has a cover of its own, where ours has only rows and columns; for matrices and vectors both are the same", differs=1.1e-3),
    Authority("Aida",       PO,             "Aida",             {"lr": 1e-2}, why="eps is added to the root before the bias correction, which therefore divides eps, too", differs=1.0e-7),
    Authority("LAMB",       TIMM + "lamb",  "Lamb",             {"lr": 1e-2}, why="by default the gradients of the model are clipped to a norm of 1, as by max_grad_norm=1 here, and parameters without decay have no trust ratio", differs=1.0e-2),
    Authority("LAMB",       TIMM + "lamb",  "Lamb",             {"lr": 1e-2, "weight_decay": 0.01}, {"cautious": True}, {"caution": True, "max_grad_norm": None}, why="with caution=True the mask is applied before the trust ratio is computed, and not to the step", differs=5.4e-2),
    Authority("MARS",       PO,             "MARS",             {"lr": 1e-2, "betas": (0.95, 0.99), "weight_decay": 0.0}, why="1e-15 is added inside the root", differs=1.7e-7, least_dims=2),
    Authority("NovoGrad",   PO,             "NovoGrad",         {"lr": 1e-2, "grad_averaging": True}, why="the first gradient is not averaged", differs=5.1e-2),
    Authority("RAdam",      PO,             "RAdam",            {"lr": 1e-2}, why="it takes no step until the variance can be estimated, where torch.optim takes steps of momentum", differs=3.1e-2),
    Authority("SimplifiedAdEMAMix", PO,     "SimplifiedAdEMAMix", {"lr": 1e-2}, why="the slow mean is divided by the bias correction of the mean square, and not multiplied by it", differs=0.16),
    Authority("AdaMod",     PO,             "AdaMod",           {"lr": 1e-2, "betas": (0.9, 0.999, 0.999)}, why="the bias correction of the mean gradient is part of the rate that is averaged", differs=3.3e-3),
    Authority("AvaGrad",    PO,             "AvaGrad",          {"lr": 1e-2}, why="as in the authors' code, the first call takes no step, and rates are divided by the size of the previous rates", differs=1.4e-2),
    Authority("BCOS",       PO,             "BCOS",             {"lr": 1e-2}, {}, {"simple_cond": True}, why="with simple_cond=True the momentum after the step is used where the paper has the one before it", differs=1.1e-2),
    Authority("BCOS",       PO,             "BCOS",             {"lr": 1e-2}, why="by default the expected square also has a product of gradient and momentum, and the momentum after the step is used where the paper has the one before it", differs=1.2e-2),
    Authority("Kate",       PO,             "Kate",             {"lr": 1e-2}, why="eps is added to the sum of squares in each step", differs=8.2e-9),
    Authority("SGDSaI",     PO,             "SGDSaI",           {"lr": 1e-2}, why="the rate of a vector or a single number is just the norm of its first gradient", differs=1.6e-3),
    Authority("TAM",        PO,             "TAM",              {"lr": 1e-2}, why="each element has a factor of its own, where the paper has one cosine for the whole parameter", differs=9.5e-2),
    Authority("FOCUS",      PO,             "FOCUS",            {"lr": 1e-2, "weight_decay": 0.1}, why="decay is applied before the sign of the distance from the mean is taken, and not after the step", differs=1.2e-3),
    Authority("RACS",       PO,             "RACS",             {"lr": 1e-2}, why="the mean squares of rows and of columns that it divides by are computed independently, where the paper has a fixed point of both", differs=3.5e-3, least_dims=2, most_dims=2),
    Authority("SRMM",       PO,             "SRMM",             why="its weights are one step ahead, so that the first step takes three tenths off each parameter", differs=4.0e-1),
    Authority("Ranger21",   PO,             "Ranger21",         {"lr": 1e-2}, {}, {"num_iterations": 100, "disable_lr_scheduler": True}, why="it follows the authors' later code: gradients are divided by their standard deviation, denominators go through a softplus, and the norm loss is separate from the decay", differs=8.3e-3),
    Authority("SAdam",      "pytorch_ranger", "RangerVA",       {"lr": 1e-2}, {"betas": (0.95, 0.999), "amsgrad": True, "lookahead": 6}, why="each gradient is taken into the mean square twice", differs=7.9e-3),
    Authority("A2Grad",     "torch_optimizer", "A2GradUni",     why="all elements of a parameter have one sum of squares, where the paper has a number for each", differs=1.7e-1),
    Authority("A2Grad",     PO,             "A2Grad",           why="all elements of a parameter have one sum of squares, and it counts one step ahead", differs=1.6e-1),
    Authority("Ranger",     PO,             "Ranger",           {"lr": 1e-2}, why="it takes no step until the variance can be estimated, where the author's code takes steps of momentum", differs=2.7e-2),
]  # fmt: skip
"""Where others do something else, as their defaults are: `differs` is by how much, of the largest number."""


def their_class(row: Authority) -> Any:
    """Import what a row compares with; raises ImportError where its package is not installed."""
    *parents, _ = row.package.split(".")
    for depth in range(1, len(parents) + 1):
        stand_in(".".join(parents[:depth]))
    return getattr(importlib.import_module(row.package), row.theirs)


def stand_in(package: str) -> None:
    """Let a module be imported without the packages around it: timm's want torchvision."""
    if package in sys.modules:
        return
    parent, _, _ = package.rpartition(".")
    found = PathFinder.find_spec(package, sys.modules[parent].__path__ if parent else None)
    if found is None or found.submodule_search_locations is None:
        raise ImportError(package)
    bare = ModuleType(package)
    bare.__path__ = list(found.submodule_search_locations)
    sys.modules[package] = bare
