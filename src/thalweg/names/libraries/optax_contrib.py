"""Names of optax.contrib in optax 0.2.8."""

from typing import Any

from ..row import Row

LIBRARY = "optax.contrib"

DECOUPLED: dict[str, Any] = {"decoupled_weight_decay": True}

ROWS = [
    Row(LIBRARY, "acprop", "ACProp", {}, "gradients themselves are divided, as in the paper, and not their means"),
    Row(LIBRARY, "ademamix", "AdEMAMix", DECOUPLED),
    Row(LIBRARY, "adopt", "ADOPT"),
    Row(LIBRARY, "cocob", "COCOB", {}, "rewards are counted as in the authors' package parameterfree, and not as in optax"),
    Row(LIBRARY, "dadapt_adamw", "DAdaptAdam", {"decouple": True}),
    Row(LIBRARY, "dog", "DoG"),
    Row(LIBRARY, "dowg", "DoWG", {"eps": 1e-4}),
    Row(LIBRARY, "dpsgd", instead="it clips the gradient of each example: let opacus make such gradients, and step SGD with them"),
    Row(LIBRARY, "galore", "Adam", {"lr": 1e-2, "rank": 128, "gap": 200, "scale": 1.0}, around="GaLore"),
    Row(LIBRARY, "madgrad", "MADGRAD"),
    Row(LIBRARY, "mechanize", instead="it goes around another optimizer: thalweg.Mechanic does that"),
    Row(LIBRARY, "momo", "MoMo", {}, note="the loss is told by step(loss=...), or by a closure"),
    Row(LIBRARY, "momo_adam", "MoMoAdam", {}, note="the loss is told by step(loss=...), or by a closure"),
    Row(LIBRARY, "muon", "Muon", {"weight_decay": 0.0}, "rows are outputs and columns are inputs, where Flax has them the other way round: the size of a step is another; and the terms of Nesterov's momentum are not corrected for their start"),
    Row(LIBRARY, "prodigy", "Prodigy"),
    Row(LIBRARY, "sam", instead="it goes around another optimizer: thalweg.SAM does that"),
    Row(LIBRARY, "schedule_free_adamw", "ScheduleFreeAdamW"),
    Row(LIBRARY, "schedule_free_sgd", "ScheduleFreeSGD"),
    Row(LIBRARY, "simplified_ademamix", "SimplifiedAdEMAMix", {"betas": (0.99, 0.95), "alpha": 0.0, **DECOUPLED}, "the sum of gradients is divided by that of its weights"),
    Row(LIBRARY, "sophia", "SophiaH"),
]  # fmt: skip
