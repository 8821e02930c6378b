"""Names of keras.optimizers in Keras 3.15: its classes, and its strings, which are the same without capitals."""

from typing import Any

from ..row import Row

LIBRARY = "keras"

EPS: dict[str, Any] = {"lr": 1e-3, "eps": 1e-7}
DECOUPLED: dict[str, Any] = {"decoupled_weight_decay": True}
BESIDE = "eps is added to the root, and not inside of it"
CORRECTED = "eps is added to the root after it is corrected for bias, and not before that"

ROWS = [
    Row(LIBRARY, "Adadelta", "AdaDelta", {**EPS, "rho": 0.95, **DECOUPLED}),
    Row(LIBRARY, "Adafactor", "Adafactor", {"lr": 1e-3, "added_eps": True, "eps": (1e-30, 1e-3)}, "sizes of parameters are measured before they decay"),
    Row(LIBRARY, "Adagrad", "Adagrad", {**EPS, "initial_accumulator_value": 0.1, **DECOUPLED}, BESIDE),
    Row(LIBRARY, "Adam", "Adam", {**EPS, **DECOUPLED}, CORRECTED),
    Row(LIBRARY, "AdamW", "AdamW", {**EPS, "weight_decay": 4e-3}, CORRECTED),
    Row(LIBRARY, "Adamax", "Adamax", {**EPS, **DECOUPLED}, "eps is added to the size of each gradient, and not to the largest of them"),
    Row(LIBRARY, "Ftrl", "FTRL", {"lr": 1e-3, "initial_accumulator_value": 0.1}, "gradients count by the rate that they came with, where the original multiplies all of them by the newest"),
    Row(LIBRARY, "Lamb", "LAMB", {**EPS, "weight_decay": 0.0, **DECOUPLED}),
    Row(LIBRARY, "Lion", "Lion", {"lr": 1e-3}),
    Row(LIBRARY, "LossScaleOptimizer", instead="it goes around another optimizer: torch.amp.GradScaler scales losses, and works with each optimizer here"),
    Row(LIBRARY, "MultiOptimizer", instead="it holds several optimizers: give parameter groups, or take one optimizer for each part of the model"),
    Row(LIBRARY, "Muon", "Muon", {"lr": 1e-3, "adjust_lr_fn": "match_rms_adamw", "weight_decay": 4e-3, "adamw_weight_decay": 4e-3}),
    Row(LIBRARY, "Nadam", "NAdam", {**EPS, "momentum_decay": 1.0, **DECOUPLED}),
    Row(LIBRARY, "RMSprop", "RMSProp", {**EPS, "alpha": 0.9, **DECOUPLED}, BESIDE),
    Row(LIBRARY, "SGD", "SGD", {"lr": 1e-2, **DECOUPLED}),
    Row(LIBRARY, "ScheduleFreeAdamW", "ScheduleFreeAdamW", {"weight_lr_power": 0.0}, "weights decay as part of the step, at the point of the gradient, where Keras lets that point decay before it"),
]  # fmt: skip
