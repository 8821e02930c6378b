"""Names of OneTrainer (August 2026), with the options that it starts them with; its learning rate is the user's."""

from .row import Row

LIBRARY = "onetrainer"

EIGHT = {"state_dtype": "8bit"}
CODES = "states are rounded to codes of this library, not to bitsandbytes' codes"
NO_TRUST = "this is the paper's rule, where bitsandbytes has no trust ratio and bounds the norm of the update instead"
LAMB = {"eps": 1e-8, "weight_decay": 0.0}
LARS = {"momentum": 0.0, "weight_decay": 0.0}
CAME = {"weight_decay": 1e-2}
MUON = {"weight_decay": 0.0, "adamw_lr": 3e-4}
ADAFACTOR = {"relative_step": False, "scale_parameter": False, "scaled_decay": True, "added_eps": True, "eps": (1e-30, 1e-3)}  # fmt: skip
ITS_OWN = "it is a method of OneTrainer's own (package adv_optm) with switches of its own"

ROWS = [
    Row(LIBRARY, "ADAGRAD", "Adagrad"),
    Row(LIBRARY, "ADAGRAD_8BIT", "Adagrad", EIGHT, CODES),
    Row(LIBRARY, "ADAM", "Adam", {"lr": 1e-3}),
    Row(LIBRARY, "ADAM_8BIT", "Adam", {"lr": 1e-3, **EIGHT}, CODES),
    Row(LIBRARY, "ADAMW", "AdamW"),
    Row(LIBRARY, "ADAMW_8BIT", "AdamW", EIGHT, CODES),
    Row(LIBRARY, "ADAMW_ADV", instead=f"{ITS_OWN}: take AdamW with rounding='stochastic', or AdamAtan2 for its use_atan2"),
    Row(LIBRARY, "AdEMAMix", "AdEMAMix", {"weight_decay": 1e-2}),
    Row(LIBRARY, "AdEMAMix_8BIT", "AdEMAMix", {"weight_decay": 1e-2, **EIGHT}, CODES),
    Row(LIBRARY, "SIMPLIFIED_AdEMAMix", "SimplifiedAdEMAMix"),
    Row(LIBRARY, "ADOPT", "ADOPT", {}, "bounds are taken from the count of steps before the step, where pytorch_optimizer counts first"),
    Row(LIBRARY, "ADOPT_ADV", instead=f"{ITS_OWN}: take ADOPT with rounding='stochastic'"),
    Row(LIBRARY, "LAMB", "LAMB", LAMB, NO_TRUST),
    Row(LIBRARY, "LAMB_8BIT", "LAMB", {**LAMB, **EIGHT}, f"{NO_TRUST}; {CODES}"),
    Row(LIBRARY, "LARS", "LARS", LARS, NO_TRUST),
    Row(LIBRARY, "LARS_8BIT", "LARS", {**LARS, **EIGHT}, f"{NO_TRUST}; {CODES}"),
    Row(LIBRARY, "LION", "Lion"),
    Row(LIBRARY, "LION_8BIT", "Lion", {"betas": (0.9, 0.999), **EIGHT}, CODES),
    Row(LIBRARY, "LION_ADV", instead=f"{ITS_OWN}: take Lion with rounding='stochastic'"),
    Row(LIBRARY, "RMSPROP", "RMSProp"),
    Row(LIBRARY, "RMSPROP_8BIT", "RMSProp", EIGHT, CODES),
    Row(LIBRARY, "SGD", "SGD"),
    Row(LIBRARY, "SGD_8BIT", "SGD", EIGHT, CODES),
    Row(LIBRARY, "SIGNSGD_ADV", instead=f"{ITS_OWN}: take Signum(momentum=0.95) with rounding='stochastic'"),
    Row(LIBRARY, "SINKSGD_ADV", instead=f"{ITS_OWN}: take SinkGD, the published method without momentum"),
    Row(LIBRARY, "SCHEDULE_FREE_ADAMW", "ScheduleFreeAdamW", {"weight_decay": 1e-2}),
    Row(LIBRARY, "SCHEDULE_FREE_SGD", instead="its momentum of 0 has no meaning in the published method: take ScheduleFreeSGD, whose momentum is 0.9"),
    Row(LIBRARY, "DADAPT_ADA_GRAD", "DAdaptAdaGrad"),
    Row(LIBRARY, "DADAPT_ADAM", "DAdaptAdam"),
    Row(LIBRARY, "DADAPT_ADAN", "DAdaptAdan"),
    Row(LIBRARY, "DADAPT_LION", "DAdaptLion", {"betas": (0.9, 0.999)}),
    Row(LIBRARY, "DADAPT_SGD", "DAdaptSGD"),
    Row(LIBRARY, "PRODIGY", "Prodigy", {}, "all elements are summed, where OneTrainer's slice_p takes every eleventh"),
    Row(LIBRARY, "PRODIGY_ADV", instead=f"{ITS_OWN}: take Prodigy with rounding='stochastic'"),
    Row(LIBRARY, "PRODIGY_PLUS_SCHEDULE_FREE", instead="it joins two methods (package prodigy-plus-schedule-free): take Prodigy, or ScheduleFreeAdamW"),
    Row(LIBRARY, "LION_PRODIGY_ADV", instead=f"{ITS_OWN}: take DAdaptLion, which finds Lion's learning rate"),
    Row(LIBRARY, "ADAFACTOR", "Adafactor", {**ADAFACTOR, "rounding": "stochastic"}),
    Row(LIBRARY, "CAME", "CAME", CAME),
    Row(LIBRARY, "CAME_8BIT", "CAME", {**CAME, **EIGHT}, "states are rounded to codes of this library, in blocks of 256 and not of 2,048"),
    Row(LIBRARY, "MUON", "Muon", MUON),
    Row(LIBRARY, "MUON_ADV", instead=f"{ITS_OWN}: take NorMuon, its normuon_variant, with rounding='stochastic'"),
    Row(LIBRARY, "ADAMUON_ADV", instead=f"{ITS_OWN}: take AdaMuon with rounding='stochastic'"),
    Row(LIBRARY, "ADABELIEF", "AdaBelief", {"decoupled_weight_decay": True, "rectify": True}),
    Row(LIBRARY, "TIGER", "Tiger"),
    Row(LIBRARY, "AIDA", "Aida", {}, "eps is not corrected for bias together with the root"),
    Row(LIBRARY, "YOGI", "Yogi", {"decoupled_weight_decay": True}),
]  # fmt: skip
