"""Names of OneTrainer (August 2026), with the options that it starts them with; its learning rate is the user's."""

from ..row import Row

LIBRARY = "onetrainer"

EIGHT = {"state_dtype": "8bit"}
CODES = "states are rounded to codes of this library, not to bitsandbytes' codes"
BOUNDED = "updates are bounded in every form, where bitsandbytes bounds none whose states have 8 bits"
LAMB = {"eps": 1e-8, "weight_decay": 0.0, "max_unorm": 1.0}
LARS = {"momentum": 0.0, "weight_decay": 0.0, "max_unorm": 0.02}
CAME = {"weight_decay": 1e-2}
MUON = {"weight_decay": 0.0, "adamw_lr": 3e-4}
ADAFACTOR = {"relative_step": False, "scale_parameter": False, "scaled_decay": True, "added_eps": True, "eps": (1e-30, 1e-3)}  # fmt: skip
ROUNDED = {"rounding": "stochastic"}
SWITCHES = "this is what its package makes of the switches that OneTrainer starts it with; others are not known here"
SLICED = "all elements are summed, where OneTrainer's slice_p takes every eleventh"

ROWS = [
    Row(LIBRARY, "ADAGRAD", "Adagrad"),
    Row(LIBRARY, "ADAGRAD_8BIT", "Adagrad", EIGHT, CODES),
    Row(LIBRARY, "ADAM", "Adam", {"lr": 1e-3}),
    Row(LIBRARY, "ADAM_8BIT", "Adam", {"lr": 1e-3, **EIGHT}, CODES),
    Row(LIBRARY, "ADAMW", "AdamW"),
    Row(LIBRARY, "ADAMW_8BIT", "AdamW", EIGHT, CODES),
    Row(LIBRARY, "ADAMW_ADV", "AdamW", {"lr": 1e-3, "betas": (0.9, 0.99), "weight_decay": 0.0, **ROUNDED}, note=SWITCHES),
    Row(LIBRARY, "AdEMAMix", "AdEMAMix", {"weight_decay": 1e-2}),
    Row(LIBRARY, "AdEMAMix_8BIT", "AdEMAMix", {"weight_decay": 1e-2, **EIGHT}, CODES),
    Row(LIBRARY, "SIMPLIFIED_AdEMAMix", "SimplifiedAdEMAMix"),
    Row(LIBRARY, "ADOPT", "ADOPT", {}, "bounds are taken from the count of steps before the step, where pytorch_optimizer counts first"),
    Row(LIBRARY, "ADOPT_ADV", "ADOPTAtan2", ROUNDED, note=SWITCHES),
    Row(LIBRARY, "LAMB", "LAMB", LAMB),
    Row(LIBRARY, "LAMB_8BIT", "LAMB", {**LAMB, **EIGHT}, f"{BOUNDED}; {CODES}"),
    Row(LIBRARY, "LARS", "LARS", LARS),
    Row(LIBRARY, "LARS_8BIT", "LARS", {**LARS, **EIGHT}, f"{BOUNDED}; {CODES}"),
    Row(LIBRARY, "LION", "Lion"),
    Row(LIBRARY, "LION_8BIT", "Lion", {"betas": (0.9, 0.999), **EIGHT}, CODES),
    Row(LIBRARY, "LION_ADV", "Lion", ROUNDED, note=SWITCHES),
    Row(LIBRARY, "RMSPROP", "RMSProp"),
    Row(LIBRARY, "RMSPROP_8BIT", "RMSProp", EIGHT, CODES),
    Row(LIBRARY, "SGD", "SGD"),
    Row(LIBRARY, "SGD_8BIT", "SGD", EIGHT, CODES),
    Row(LIBRARY, "SIGNSGD_ADV", "Signum", {"momentum": 0.95, "decoupled_weight_decay": True, **ROUNDED}, note=SWITCHES),
    Row(LIBRARY, "SINKSGD_ADV", "SinkGD", {"momentum": 0.95, "nesterov": True, "scale": 1.0, **ROUNDED}, "rows are scaled first, where it begins with the columns of matrices that have more rows than columns", SWITCHES),
    Row(LIBRARY, "SCHEDULE_FREE_ADAMW", "ScheduleFreeAdamW", {"weight_decay": 1e-2}),
    Row(LIBRARY, "SCHEDULE_FREE_SGD", "ScheduleFreeSGD", {}, note="the momentum is the package's 0.9, as OneTrainer's 0 is refused by the package that it calls"),
    Row(LIBRARY, "DADAPT_ADA_GRAD", "DAdaptAdaGrad"),
    Row(LIBRARY, "DADAPT_ADAM", "DAdaptAdam"),
    Row(LIBRARY, "DADAPT_ADAN", "DAdaptAdan"),
    Row(LIBRARY, "DADAPT_LION", "DAdaptLion", {"betas": (0.9, 0.999)}),
    Row(LIBRARY, "DADAPT_SGD", "DAdaptSGD"),
    Row(LIBRARY, "PRODIGY", "Prodigy", {}, SLICED),
    Row(LIBRARY, "PRODIGY_ADV", "Prodigy", {"betas": (0.9, 0.99), **ROUNDED}, SLICED, SWITCHES),
    Row(LIBRARY, "PRODIGY_PLUS_SCHEDULE_FREE", "ProdigyScheduleFree", ROUNDED, f"the second moment is whole, where it keeps rows and columns of it; groups share one estimate; {SLICED}", SWITCHES),
    Row(LIBRARY, "LION_PRODIGY_ADV", instead="older versions had it, and OneTrainer has it no more: take DAdaptLion, which finds Lion's learning rate"),
    Row(LIBRARY, "ADAFACTOR", "Adafactor", {**ADAFACTOR, "rounding": "stochastic"}),
    Row(LIBRARY, "CAME", "CAME", CAME),
    Row(LIBRARY, "CAME_8BIT", "CAME", {**CAME, **EIGHT}, "states are rounded to codes of this library, in blocks of 256 and not of 2,048"),
    Row(LIBRARY, "MUON", "Muon", MUON),
    Row(LIBRARY, "MUON_ADV", "NorMuon", {"momentum": 0.9, "weight_decay": 0.0, "adamw_lr": 1e-6, **ROUNDED}, note=SWITCHES),
    Row(LIBRARY, "ADAMUON_ADV", "NorMuon", {"weight_decay": 0.0, "adamw_lr": 1e-6, **ROUNDED}, "the momentum itself is made orthogonal, and not its signs", SWITCHES),
    Row(LIBRARY, "ADABELIEF", "AdaBelief", {"decoupled_weight_decay": True, "rectify": True}),
    Row(LIBRARY, "TIGER", "Tiger"),
    Row(LIBRARY, "AIDA", "Aida", {}, "eps is not corrected for bias together with the root"),
    Row(LIBRARY, "YOGI", "Yogi", {"decoupled_weight_decay": True}),
]  # fmt: skip
