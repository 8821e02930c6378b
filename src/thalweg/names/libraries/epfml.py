"""Names of epfml's benchmark of optimizers for language models (arXiv 2509.01440), with its command line's defaults."""

from ..row import Row

LIBRARY = "epfml"

COMMON = {"lr": 1e-3, "weight_decay": 0.1}
BETAS = {"betas": (0.9, 0.95)}
SCION = {"lr": 1e-3, "momentum": 0.1, "constrained": True}
SCALES = "momentum is the weight of old gradients, and not of new ones; scale, which the benchmark sets for each kind of layer, is an option of groups"

ROWS = [
    Row(LIBRARY, "adamw", "AdamW", {**COMMON, **BETAS}),
    Row(LIBRARY, "sgd", "SGD", {**COMMON, "momentum": 0.9}),
    Row(LIBRARY, "prodigy", "Prodigy", {"weight_decay": 0.1, **BETAS}),
    Row(LIBRARY, "lamb", "LAMB", {**COMMON, **BETAS}, "both means are corrected for bias, which the benchmark leaves out"),
    Row(LIBRARY, "muon-pytorch", "Muon", {**COMMON, "momentum": 0.9, "nesterov": False, "adamw_lr": 1e-3, "adamw_betas": (0.9, 0.95), "adamw_weight_decay": 0.1}),
    Row(LIBRARY, "lion", "Lion", {**COMMON, **BETAS}),
    Row(LIBRARY, "ademamix", "AdEMAMix", {**COMMON, "betas": (0.9, 0.95, 0.9), "alpha": 2.0}),
    Row(LIBRARY, "sf-adamw", "ScheduleFreeAdamW", {**COMMON, **BETAS, "warmup_steps": 3000}),
    Row(LIBRARY, "sf-sgd", "ScheduleFreeSGD", {**COMMON, "momentum": 0.9, "warmup_steps": 3000}),
    Row(LIBRARY, "signsgd", "SignSGD", COMMON),
    Row(LIBRARY, "signum", "Signum", {**COMMON, "momentum": 0.9}, "the momentum is a mean of gradients, where the benchmark has a sum: decay that is part of it weighs otherwise"),
    Row(LIBRARY, "adopt", "ADOPT", {**COMMON, **BETAS, "decoupled_weight_decay": True}),
    Row(LIBRARY, "mars", "MARS", {"lr": 3e-3, "betas": (0.95, 0.99), "weight_decay": 0.1}, "vectors are stepped by the same rule, where the benchmark leaves them to AdamW"),
    Row(LIBRARY, "adafactor", "Adafactor", {**COMMON, "relative_step": False, "scale_parameter": False, "added_eps": True, "eps": (1e-30, 1e-3), "beta1": 0.9}),
    Row(LIBRARY, "muon", "Muon", {"lr": 1.0, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0, "adamw_lr": 1e-3, "adamw_betas": (0.9, 0.95), "adamw_weight_decay": 0.1}),
    Row(LIBRARY, "d-muon", "Muon", {**COMMON, "momentum": 0.9, "nesterov": False, "adjust_lr_fn": "match_rms_adamw", "adamw_betas": (0.9, 0.95), "adamw_weight_decay": 0.1}),
    Row(LIBRARY, "soap", "SOAP", {**COMMON, **BETAS}),
    Row(LIBRARY, "sophiag", "SophiaG", {**COMMON, **BETAS}),
    Row(LIBRARY, "scion", "Scion", SCION, note=SCALES),
    Row(LIBRARY, "scion-light", "Scion", SCION, note=f"{SCALES}; the momentum is a state, and not kept in the gradients"),
]  # fmt: skip
