"""Names of NVIDIA's apex (2026): its classes, with its own defaults; none of them runs without a GPU."""

from typing import Any

from ..row import Row

LIBRARY = "apex"

LAMB: dict[str, Any] = {"max_grad_norm": 1.0, "always_adapt": False}
NOVOGRAD: dict[str, Any] = {"betas": (0.9, 0.999), "grad_averaging": True}
EDGE = "1e-6 is added to the norm that gradients are clipped by"
LATE = "gradients are divided by their norm before they enter the momentum, where apex divides the momentum, corrects both for bias, and keeps decay out of it"

ROWS = [
    Row(LIBRARY, "FusedAdam", "AdamW", {"weight_decay": 0.0}, note="decay is apart from gradients, as it is there unless adam_w_mode is false"),
    Row(LIBRARY, "FusedAdagrad", "Adagrad"),
    Row(LIBRARY, "FusedLAMB", "LAMB", LAMB, EDGE),
    Row(LIBRARY, "FusedMixedPrecisionLamb", "LAMB", LAMB, EDGE, "reduced_precision_dtype is rounding='master'"),
    Row(LIBRARY, "FusedNovoGrad", "NovoGrad", NOVOGRAD, LATE),
    Row(LIBRARY, "FusedSGD", "SGD"),
]  # fmt: skip
