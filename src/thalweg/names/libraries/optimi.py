"""Names of optimi 0.3.3: its classes, whose learning rate is the user's."""

from ..row import Row

LIBRARY = "optimi"

BETAS = {"betas": (0.9, 0.99), "eps": 1e-6}
CORRECTED = "eps is added to the root before it is corrected for bias, and not after that"

# Options that all of them have: kahan_sum=True is rounding="kahan", and gradient_release is thalweg.in_backward.
ROWS = [
    Row(LIBRARY, "Adam", "Adam", BETAS),
    Row(LIBRARY, "AdamW", "AdamW", BETAS),
    Row(LIBRARY, "Adan", "Adan", {"eps": 1e-6, "weight_decay": 0.02}),
    Row(LIBRARY, "Lion", "Lion"),
    Row(LIBRARY, "RAdam", "RAdam", BETAS, CORRECTED),
    Row(LIBRARY, "Ranger", "RAdam", {**BETAS, "decoupled_weight_decay": True, "lookahead": 6}, CORRECTED),
    Row(LIBRARY, "SGD", "SGD"),
    Row(LIBRARY, "StableAdamW", "StableAdamW"),
]  # fmt: skip
