"""How each library makes an optimizer of one of its names, where it is installed."""

import importlib
import sys

import torch
from torch import nn

from ..catalogue.authorities import stand_in
from .other_frameworks import OfKeras, OfOptax

ONE_TRAINERS = {
    "SGD": ("torch.optim", "SGD", {}),
    "ADAM": ("torch.optim", "Adam", {}),
    "ADAMW": ("torch.optim", "AdamW", {}),
    "LION": ("lion_pytorch", "Lion", {}),
    "SCHEDULE_FREE_ADAMW": ("schedulefree", "AdamWScheduleFree", {"weight_decay": 1e-2}),
    "PRODIGY": ("prodigyopt", "Prodigy", {"slice_p": 11}),
    "ADAMW_ADV": ("adv_optm", "AdamW_adv", {"betas": (0.9, 0.99), "use_atan2": False}),
    "ADOPT_ADV": ("adv_optm", "Adopt_adv", {"betas": (0.9, 0.9999), "eps": 1e-6, "use_atan2": True}),
    "LION_ADV": ("adv_optm", "Lion_adv", {}),
    "SIGNSGD_ADV": ("adv_optm", "SignSGD_adv", {"momentum": 0.95}),
    "SINKSGD_ADV": ("adv_optm", "SinkSGD_adv", {"momentum": 0.95, "nesterov": True}),
    "PRODIGY_ADV": ("adv_optm", "Prodigy_adv", {"betas": (0.9, 0.99), "slice_p": 11}),
    "MUON_ADV": (
        "adv_optm",
        "Muon_adv",
        {"beta1": 0.9, "nesterov": True, "rms_rescaling": True, "normuon_variant": True},
    ),
    "ADAFACTOR": ("transformers", "Adafactor", {"scale_parameter": False, "relative_step": False}),
    "DADAPT_ADA_GRAD": ("dadaptation", "DAdaptAdaGrad", {}),
    "DADAPT_ADAM": ("dadaptation", "DAdaptAdam", {}),
    "DADAPT_ADAN": ("dadaptation", "DAdaptAdan", {}),
    "DADAPT_LION": ("dadaptation", "DAdaptLion", {"betas": (0.9, 0.999)}),
    "DADAPT_SGD": ("dadaptation", "DAdaptSGD", {}),
    "ADOPT": ("pytorch_optimizer", "ADOPT", {}),
    "ADABELIEF": ("pytorch_optimizer", "AdaBelief", {"rectify": True, "weight_decay": 0.0}),
    "TIGER": ("pytorch_optimizer", "Tiger", {}),
    "AIDA": ("pytorch_optimizer", "Aida", {}),
    "YOGI": ("pytorch_optimizer", "Yogi", {}),
}
"""What OneTrainer calls for a name, and with which options, where that is another package's."""

SD_SCRIPTS = {
    "AdamW": ("torch.optim", "AdamW", {}),
    "SGDNesterov": ("torch.optim", "SGD", {"momentum": 0.9, "nesterov": True}),
    "Lion": ("lion_pytorch", "Lion", {"lr": 1e-4}),
    "DAdaptAdaGrad": ("dadaptation", "DAdaptAdaGrad", {"lr": 1.0}),
    "DAdaptAdam": ("dadaptation", "DAdaptAdam", {"lr": 1.0}),
    "DAdaptAdan": ("dadaptation", "DAdaptAdan", {"lr": 1.0}),
    "DAdaptLion": ("dadaptation", "DAdaptLion", {"lr": 1.0}),
    "DAdaptSGD": ("dadaptation", "DAdaptSGD", {"lr": 1.0}),
    "DAdaptation": ("dadaptation.experimental", "DAdaptAdamPreprint", {"lr": 1.0}),
    "DAdaptAdamPreprint": ("dadaptation.experimental", "DAdaptAdamPreprint", {"lr": 1.0}),
    "DAdaptAdanIP": ("dadaptation.experimental", "DAdaptAdanIP", {"lr": 1.0}),
    "Prodigy": ("prodigyopt", "Prodigy", {"lr": 1.0}),
    "AdamWScheduleFree": ("schedulefree", "AdamWScheduleFree", {"lr": 2.5e-3}),
    "RAdamScheduleFree": ("schedulefree", "RAdamScheduleFree", {"lr": 2.5e-3}),
    "SGDScheduleFree": ("schedulefree", "SGDScheduleFree", {"lr": 1.0}),
}
"""The same for sd-scripts."""

CALLED = {"onetrainer": ONE_TRAINERS, "sd_scripts": SD_SCRIPTS}


def original(row, params, **options):
    """Make what a row's library makes of its name; raises ImportError where that cannot be had."""
    return MAKERS[row.library](row.name, params, **options)


def is_made_by(row):
    """Tell if a library, or a package that it calls, can make a name without a GPU."""
    if row.library in CALLED:
        return row.name in CALLED[row.library]
    return row.library in MAKERS and not (row.library == "timm" and row.name.startswith(("bnb", "fused")))


def of_torch(name, params, **options):
    return getattr(torch.optim, name)(params, **options)


def of_transformers(name, params, **options):
    from transformers import Trainer, TrainingArguments

    words = {"lr": "learning_rate"}
    given = {words.get(option, option): value for option, value in options.items()}
    arguments = TrainingArguments(output_dir="unused", optim=name, report_to=[], use_cpu=True, **given)
    try:
        kind, keywords = Trainer.get_optimizer_cls_and_kwargs(arguments, nn.ParameterList(params))
    except ValueError as error:  # of some packages that are missing it says so with this
        raise ImportError(str(error)) from error
    if name == "stable_adamw":
        keywords["triton"] = False  # a CPU has none
    return kind([{"params": params, "weight_decay": arguments.weight_decay}], **keywords)


def of_timm(name, params, **options):
    return timm_factory().create_optimizer_v2(params, name, **options)


def timm_factory():
    """Import timm's factory of optimizers, without its models."""
    for package in ("timm", "timm.optim", "timm.models"):
        stand_in(package)
    vars(sys.modules["timm.models"]).setdefault("group_parameters", None)  # asked for, and unused without a model
    return importlib.import_module("timm.optim._optim_factory")


def of_one_trainer(name, params, **options):
    return of_another_package(*ONE_TRAINERS[name], params, **options)


def of_sd_scripts(name, params, **options):
    return of_another_package(*SD_SCRIPTS[name], params, **options)


def of_another_package(module, kind, own, params, **options):
    return getattr(importlib.import_module(module), kind)(params, **{"lr": 1e-3, **own, **options})


def of_pytorch_optimizer(name, params, **options):
    kind = importlib.import_module("pytorch_optimizer").load_optimizer(name)
    if name == "ranger21":
        options |= {"num_iterations": 100, "disable_lr_scheduler": True}
    if "muon" in name or name == "adago":
        params = [{"params": params, "use_muon": True}]
    return kind(params, **options)


def of_torch_optimizer(name, params, **options):
    package = importlib.import_module("torch_optimizer")
    return getattr(package, {kind.lower(): kind for kind in package.__all__}[name.lower()])(params, **options)


def of_optimi(name, params, **options):
    return getattr(importlib.import_module("optimi"), name)(params, triton=False, **options)


def of_heavyball(name, params, **options):
    package = importlib.import_module("heavyball")
    package.utils.compile_mode = None  # machine code for a handful of steps would take minutes
    return getattr(package, name)(params, compile_step=False, **options)


def of_torchao(name, params, **options):
    return getattr(importlib.import_module("torchao.optim"), name)(params, **options)


def of_keras(name, params, **options):
    return OfKeras(name, params, options)


def of_optax(name, params, **options):
    return OfOptax(f"optax.{name}", params, options)


def of_optax_contrib(name, params, **options):
    return OfOptax(f"optax.contrib.{name}", params, options)


MAKERS = {
    "torch.optim": of_torch,
    "transformers": of_transformers,
    "timm": of_timm,
    "onetrainer": of_one_trainer,
    "sd_scripts": of_sd_scripts,
    "pytorch_optimizer": of_pytorch_optimizer,
    "torch_optimizer": of_torch_optimizer,
    "optimi": of_optimi,
    "heavyball": of_heavyball,
    "torchao.optim": of_torchao,
    "keras": of_keras,
    "optax": of_optax,
    "optax.contrib": of_optax_contrib,
}
"""Libraries that are packages, or call packages: the others are programs, or want a GPU."""
