"""Names of kohya's sd-scripts: what its option optimizer_type takes, with the defaults of the packages that it calls."""

from ..row import Row

LIBRARY = "sd_scripts"

EIGHT = {"state_dtype": "8bit"}
NESTEROV = {"lr": 1e-3, "momentum": 0.9, "nesterov": True}
CODES = "states are rounded to codes of this library, not to bitsandbytes' codes"
UNPAGED = "states are not paged: they lie where the parameters do"
SHARE = "a rate that is given is the largest share of itself that a parameter moves by, where the original heeds it with relative_step=False alone"

ROWS = [
    Row(LIBRARY, "AdamW", "AdamW", {"lr": 1e-3}),
    Row(LIBRARY, "AdamW8bit", "AdamW", EIGHT, CODES),
    Row(LIBRARY, "PagedAdamW", "AdamW", {}, note=UNPAGED),
    Row(LIBRARY, "PagedAdamW8bit", "AdamW", EIGHT, CODES, UNPAGED),
    Row(LIBRARY, "PagedAdamW32bit", "AdamW", {}, note=UNPAGED),
    Row(LIBRARY, "Lion", "Lion"),
    Row(LIBRARY, "Lion8bit", "Lion", EIGHT, CODES),
    Row(LIBRARY, "PagedLion8bit", "Lion", EIGHT, CODES, UNPAGED),
    Row(LIBRARY, "SGDNesterov", "SGD", NESTEROV),
    Row(LIBRARY, "SGDNesterov8bit", "SGD", NESTEROV | EIGHT, CODES),
    Row(LIBRARY, "DAdaptation", "DAdaptAdamPreprint"),
    Row(LIBRARY, "DAdaptAdamPreprint", "DAdaptAdamPreprint"),
    Row(LIBRARY, "DAdaptAdaGrad", "DAdaptAdaGrad"),
    Row(LIBRARY, "DAdaptAdam", "DAdaptAdam"),
    Row(LIBRARY, "DAdaptAdan", "DAdaptAdan"),
    Row(LIBRARY, "DAdaptAdanIP", "DAdaptAdanIP"),
    Row(LIBRARY, "DAdaptLion", "DAdaptLion", {"betas": (0.9, 0.999)}),
    Row(LIBRARY, "DAdaptSGD", "DAdaptSGD"),
    Row(LIBRARY, "Prodigy", "Prodigy"),
    Row(LIBRARY, "AdaFactor", "Adafactor", {"added_eps": True, "eps": (1e-30, 1e-3), "scaled_decay": True}, SHARE),
    Row(LIBRARY, "AdamWScheduleFree", "ScheduleFreeAdamW"),
    Row(LIBRARY, "RAdamScheduleFree", "ScheduleFreeRAdam"),
    Row(LIBRARY, "SGDScheduleFree", "ScheduleFreeSGD"),
]  # fmt: skip
