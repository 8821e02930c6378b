"""Names of timm 1.0.31's factory: what create_optimizer_v2(model, opt=...) takes, with the factory's defaults."""

from dataclasses import replace
from math import inf
from typing import Any

from ..row import THE_LR, Row

LIBRARY = "timm"

CAUTIOUS, DECOUPLED = {"cautious": True}, {"decoupled_weight_decay": True}
ON_SPHERE = {"cautious_on_sphere": True}
CORRECTED = {**DECOUPLED, "peak_lr": THE_LR}
MOMENTUM, NESTEROV = {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}
LAMB: dict[str, Any] = {"max_grad_norm": 1.0, "always_adapt": False}
ADAPTING = {"always_adapt": True}
LARS: dict[str, Any] = {"lr": 1.0, "momentum": 0.9, "trust_coefficient": 1e-3, "always_adapt": False}
ADOPT: dict[str, Any] = {"clip_exponent": 0.333}
ADAFACTOR: dict[str, Any] = {
    "scaled_decay": True,
    "added_eps": True,
    "eps": (1e-30, 1e-3),
    "min_dim": 17,
    "factored": "leading",
}
NOT_RELATIVE = {"relative_step": False, "scale_parameter": False}
BIG_VISION: dict[str, Any] = {
    **NOT_RELATIVE,
    "lr": 1.0,
    "added_eps": True,
    "eps": (1e-30, 0.0),
    "d": inf,
    "beta1": 0.9,
    "beta2_cap": 0.999,
    "min_dim": 16,
    "factored": "largest",
}
RMSPROP_TF: dict[str, Any] = {"alpha": 0.9, "momentum": 0.9}
MUON: dict[str, Any] = {
    "lr": 0.02,
    "momentum": 0.9,
    "nesterov": False,
    "ns_coefficients": "quintic",
    "adjust_lr_fn": "match_rms_adamw",
    "adamw_betas": (0.9, 0.95),
    "adamw_weight_decay": 0.0,
}
ADAMUON: dict[str, Any] = {**MUON, "sign_stabilized": False}
BNB: dict[str, Any] = {"state_dtype": "8bit"}
CODES = "states are rounded to codes of this library, not to bitsandbytes' codes"


FIRST_DECAY = "weights decay in the first step too, in which timm only measures gradients"
DECAY_AFTER = "weights decay before a step and not after it"
NARROW_MOMENTUM = "the momentum is as precise as the parameter, where timm keeps it in bfloat16"
NO_DECAY_NO_TRUST = "parameters without decay have a trust ratio too"
MASKED_STEP = "the mask of caution is put on the step, where timm puts it on {}"
MASKED_RATIO = MASKED_STEP.format("Adam's direction, before the trust ratio is taken")
MASKED_MEAN = MASKED_STEP.format("the mean of gradients alone")
LATE_RATE = (
    "gradients enter the momentum with the rate that they came with, where timm multiplies by the newest rate last"
)
DRAWS = "probes are drawn from other random numbers"
HESSIAN = "the gradient needs create_graph=True, as in timm, and optimizer.update_hessian() goes before the step"
FUSED_NOVOGRAD = "gradients are divided by their norm before they enter the momentum, where apex divides the momentum"
NARROW = "vectors are stepped by the same rule, where timm leaves them to AdamW"


def _row(name: str, kind: str = "", options: dict[str, Any] | None = None, differs: str = "", **more: Any) -> Row:
    """Make a row of the factory, which takes no decay of weights unless it is told to."""
    return Row(LIBRARY, name, kind, {"weight_decay": 0.0, **(options or {})}, differs, **more)


ROWS = [
    _row("sgd", "SGD", {"lr": 1e-3, **NESTEROV}),
    _row("nesterov", "SGD", {"lr": 1e-3, **NESTEROV}),
    _row("momentum", "SGD", {"lr": 1e-3, **MOMENTUM}),
    _row("sgdw", "SGD", {"lr": 1e-3, **NESTEROV, **DECOUPLED}),
    _row("nesterovw", "SGD", {"lr": 1e-3, **NESTEROV, **DECOUPLED}),
    _row("csgdw", "SGD", {"lr": 1e-3, **NESTEROV, **DECOUPLED, **CAUTIOUS}),
    _row("sgdc", "SGD", {"lr": 1e-3, **NESTEROV, **CORRECTED}),
    _row("csgdc", "SGD", {"lr": 1e-3, **NESTEROV, **CORRECTED, **CAUTIOUS}),
    _row("sgdp", "SGDP", NESTEROV),
    _row("csgdp", "SGDP", {**NESTEROV, **ON_SPHERE}),
    _row("adam", "Adam", {"lr": 1e-3}),
    _row("adamw", "AdamW"),
    _row("adamwlegacy", "AdamW"),
    _row("cadamw", "AdamW", CAUTIOUS),
    _row("adamc", "AdamC", {"peak_lr": THE_LR}),
    _row("cadamc", "AdamC", {"peak_lr": THE_LR, **CAUTIOUS}),
    _row("adamp", "AdamP", {"wd_ratio": 0.01, "nesterov": True}),
    _row("cadamp", "AdamP", {"wd_ratio": 0.01, "nesterov": True, **ON_SPHERE}),
    _row("nadam", "NAdam"),
    _row("nadamlegacy", "NAdam"),
    _row("nadamw", "NAdamW"),
    _row("cnadamw", "NAdamW", CAUTIOUS),
    _row("nadamc", "NAdamW", {"peak_lr": THE_LR}),
    _row("cnadamc", "NAdamW", {"peak_lr": THE_LR, **CAUTIOUS}),
    _row("radam", "RAdam"),
    _row("radamlegacy", "RAdam", DECOUPLED, note="timm computes it in float32"),
    _row("radamw", "RAdam", DECOUPLED),
    _row("adamax", "Adamax"),
    _row("adafactor", "Adafactor", ADAFACTOR, with_lr=NOT_RELATIVE),
    _row("cadafactor", "Adafactor", {**ADAFACTOR, "beta1": 0.9, **CAUTIOUS}, with_lr=NOT_RELATIVE),
    _row("adafactorbv", "Adafactor", BIG_VISION, NARROW_MOMENTUM),
    _row("cadafactorbv", "Adafactor", {**BIG_VISION, **CAUTIOUS}, NARROW_MOMENTUM),
    _row("adafactorbvc", "Adafactor", {**BIG_VISION, **CORRECTED}, NARROW_MOMENTUM),
    _row("cadafactorbvc", "Adafactor", {**BIG_VISION, **CORRECTED, **CAUTIOUS}, NARROW_MOMENTUM),
    _row("adopt", "ADOPT", ADOPT),
    _row("adoptw", "ADOPT", {**ADOPT, **DECOUPLED}, FIRST_DECAY),
    _row("adoptc", "ADOPT", {**ADOPT, **CORRECTED}, FIRST_DECAY),
    _row("cadopt", "ADOPT", {**ADOPT, **CAUTIOUS}),
    _row("cadoptw", "ADOPT", {**ADOPT, **DECOUPLED, **CAUTIOUS}, FIRST_DECAY),
    _row("cadoptc", "ADOPT", {**ADOPT, **CORRECTED, **CAUTIOUS}, FIRST_DECAY),
    _row("lamb", "LAMB", LAMB),
    _row("lambc", "LAMB", {**LAMB, "trust_clip": True}),
    _row("lambw", "LAMB", {**LAMB, **DECOUPLED, **ADAPTING}, NO_DECAY_NO_TRUST),
    _row("lambcw", "LAMB", {**LAMB, "trust_clip": True, **DECOUPLED, **ADAPTING}, NO_DECAY_NO_TRUST),
    _row("lambcd", "LAMB", {**LAMB, **CORRECTED, **ADAPTING}, NO_DECAY_NO_TRUST),
    _row("clamb", "LAMB", {**LAMB, **CAUTIOUS}, MASKED_RATIO),
    _row("clambw", "LAMB", {**LAMB, **DECOUPLED, **ADAPTING, **CAUTIOUS}, f"{MASKED_RATIO}; {NO_DECAY_NO_TRUST}"),
    _row("lars", "LARS", LARS, LATE_RATE),
    _row("larc", "LARS", {**LARS, "trust_clip": True}, LATE_RATE),
    _row("nlars", "LARS", {**LARS, "nesterov": True}, LATE_RATE),
    _row("nlarc", "LARS", {**LARS, "nesterov": True, "trust_clip": True}, LATE_RATE),
    _row("kron", "PSGDKron", MOMENTUM, DRAWS),
    _row("kronw", "PSGDKron", {**MOMENTUM, **DECOUPLED}, DRAWS),
    _row("kronc", "PSGDKron", {**MOMENTUM, **CORRECTED}, DRAWS),
    _row("lion", "Lion"),
    _row("clion", "Lion", CAUTIOUS),
    _row("lionc", "Lion", {"peak_lr": THE_LR}),
    _row("clionc", "Lion", {"peak_lr": THE_LR, **CAUTIOUS}),
    _row("laprop", "LaProp", DECOUPLED, DECAY_AFTER),
    _row("claprop", "LaProp", {**DECOUPLED, **CAUTIOUS}, DECAY_AFTER),
    _row("lapropc", "LaProp", CORRECTED, DECAY_AFTER),
    _row("rmsprop", "RMSProp", {"alpha": 0.9, **MOMENTUM}),
    _row("rmsproptf", "RMSpropTF", RMSPROP_TF),
    _row("rmsproptfw", "RMSpropTF", {**RMSPROP_TF, **DECOUPLED}),
    _row("crmsproptf", "RMSpropTF", {**RMSPROP_TF, **CAUTIOUS}),
    _row("rmsproptfc", "RMSpropTF", {**RMSPROP_TF, **CORRECTED}),
    _row("novograd", "NovoGrad"),
    _row("novogradw", "NovoGrad", DECOUPLED),
    _row("novogradc", "NovoGrad", CORRECTED),
    _row("adan", "Adan"),
    _row("adanw", "Adan", DECOUPLED),
    _row("cadan", "Adan", CAUTIOUS, MASKED_MEAN),
    _row("cadanw", "Adan", {**DECOUPLED, **CAUTIOUS}, MASKED_MEAN),
    _row("mars", "MARS", {"betas": (0.9, 0.99)}, NARROW),
    _row(
        "cmars",
        "MARS",
        {"betas": (0.9, 0.99), **CAUTIOUS},
        f"{NARROW}; " + MASKED_STEP.format("the mean, by the raw gradient"),
    ),
    _row("adabelief", "AdaBelief", DECOUPLED),
    _row("radabelief", "AdaBelief", {**DECOUPLED, "rectify": True}),
    _row("adadelta", "AdaDelta"),
    _row("adagrad", "Adagrad", {"eps": 1e-8}),
    _row("adahessian", "AdaHessian", note=HESSIAN),
    _row("madgrad", "MADGRAD", MOMENTUM),
    _row("madgradw", "MADGRAD", {**MOMENTUM, **DECOUPLED}),
    _row("muon", "Muon", MUON),
    _row("nmuon", "Muon", {**MUON, "nesterov": True}),
    _row("adamuon", "AdaMuon", ADAMUON),
    _row("nadamuon", "AdaMuon", {**ADAMUON, "nesterov": True}),
    _row("fusedsgd", "SGD", {"lr": 1e-3, **NESTEROV}),
    _row("fusedadam", "Adam", {"lr": 1e-3}),
    _row("fusedadamw", "AdamW"),
    _row("fusedlamb", "LAMB", {**LAMB, "eps": 1e-6}),
    _row("fusednovograd", "NovoGrad", {"betas": (0.95, 0.98), "grad_averaging": True}, FUSED_NOVOGRAD),
    _row("bnbsgd", "SGD", NESTEROV),
    _row("bnbsgd8bit", "SGD", {**NESTEROV, **BNB}, CODES),
    _row("bnbadam", "Adam", {"lr": 1e-3}),
    _row("bnbadam8bit", "Adam", {"lr": 1e-3, **BNB}, CODES),
    _row("bnbadamw", "AdamW"),
    _row("bnbadamw8bit", "AdamW", BNB, CODES),
    _row("bnblion", "Lion"),
    _row("bnblion8bit", "Lion", BNB, CODES),
    _row("bnbademamix", "AdEMAMix"),
    _row("bnbademamix8bit", "AdEMAMix", BNB, CODES),
]


def looking_ahead(row: Row) -> Row:
    """Make the row of a name with `lookahead_` before it, which the factory takes for all of its names."""
    differs = "the first way back is one, where timm takes its slow weights only then"
    options = {**row.options, "lookahead": 6, "lookahead_alpha": 0.5}
    return replace(row, name=f"lookahead_{row.name}", options=options, differs=row.differs or differs)
