"""Names of Hugging Face Transformers 5.24: what TrainingArguments(optim=...) takes, with that class's defaults."""

import torch

from ..row import Row

LIBRARY = "transformers"

PLAIN = {"lr": 5e-5, "weight_decay": 0.0}
EIGHT, FOUR = {"state_dtype": "8bit"}, {"state_dtype": "4bit"}
CODES = "states are rounded to codes of this library, not to bitsandbytes' codes"
TORCHAO = "states are rounded to codes of this library, not to torchao's codes"
UNPAGED = "states are not paged: they lie where the parameters do"
ADAFACTOR = {
    "relative_step": False,
    "scale_parameter": False,
    "scaled_decay": True,
    "added_eps": True,
    "eps": (1e-30, 1e-3),
}
GALORE = {"rank": 128, "gap": 200, "scale": 0.25, "eps": 1e-6}
GALORE_ADAFACTOR = {"rank": 128, "gap": 200, "scale": 0.25}
APOLLO = {"rank": 128, "gap": 200, "scale": 1.0}
TARGETS = "all matrices but embeddings have a low rank: rank=None in a group leaves it as it is, as optim_target_modules would"
SCHEDULE_FREE = "the Trainer's warmup_steps is an option here, and is 0 unless given"

ROWS = [
    Row(LIBRARY, "adamw_torch", "AdamW", PLAIN),
    Row(LIBRARY, "adamw_torch_fused", "AdamW", PLAIN),
    Row(LIBRARY, "adamw_torch_xla", instead="it needs a TPU and torch_xla: take adamw_torch, which is the same rule"),
    Row(LIBRARY, "adamw_torch_npu_fused", instead="it needs an Ascend NPU and torch_npu: take adamw_torch, which is the same rule"),
    Row(LIBRARY, "adamw_anyprecision", "AdamW", PLAIN | {"state_dtype": torch.float32}, note="use_kahan_summation is rounding='kahan', and momentum_dtype is state_dtype"),
    Row(LIBRARY, "adamw_torch_4bit", "AdamW", PLAIN | FOUR, TORCHAO, "bf16_stochastic_round is rounding='stochastic'"),
    Row(LIBRARY, "adamw_torch_8bit", "AdamW", PLAIN | EIGHT, TORCHAO, "bf16_stochastic_round is rounding='stochastic'"),
    Row(LIBRARY, "adamw_bnb_8bit", "AdamW", PLAIN | EIGHT, CODES),
    Row(LIBRARY, "adamw_8bit", "AdamW", PLAIN | EIGHT, CODES),
    Row(LIBRARY, "paged_adamw_32bit", "AdamW", PLAIN, note=UNPAGED),
    Row(LIBRARY, "paged_adamw_8bit", "AdamW", PLAIN | EIGHT, CODES, UNPAGED),
    Row(LIBRARY, "ademamix", "AdEMAMix", PLAIN),
    Row(LIBRARY, "ademamix_8bit", "AdEMAMix", PLAIN | EIGHT, CODES),
    Row(LIBRARY, "paged_ademamix_32bit", "AdEMAMix", PLAIN, note=UNPAGED),
    Row(LIBRARY, "paged_ademamix_8bit", "AdEMAMix", PLAIN | EIGHT, CODES, UNPAGED),
    Row(LIBRARY, "lion_32bit", "Lion", PLAIN | {"betas": (0.9, 0.999)}),
    Row(LIBRARY, "lion_8bit", "Lion", PLAIN | {"betas": (0.9, 0.999)} | EIGHT, CODES),
    Row(LIBRARY, "paged_lion_32bit", "Lion", PLAIN | {"betas": (0.9, 0.999)}, note=UNPAGED),
    Row(LIBRARY, "paged_lion_8bit", "Lion", PLAIN | {"betas": (0.9, 0.999)} | EIGHT, CODES, UNPAGED),
    Row(LIBRARY, "rmsprop", "RMSProp", PLAIN),
    Row(LIBRARY, "rmsprop_bnb", "RMSProp", PLAIN),
    Row(LIBRARY, "rmsprop_bnb_32bit", "RMSProp", PLAIN),
    Row(LIBRARY, "rmsprop_bnb_8bit", "RMSProp", PLAIN | EIGHT, CODES),
    Row(LIBRARY, "sgd", "SGD", PLAIN),
    Row(LIBRARY, "adagrad", "Adagrad", PLAIN),
    Row(LIBRARY, "adafactor", "Adafactor", PLAIN | ADAFACTOR),
    Row(LIBRARY, "galore_adamw", "AdamW", PLAIN | GALORE, note=TARGETS, around="GaLore"),
    Row(LIBRARY, "galore_adamw_8bit", "AdamW", PLAIN | GALORE | EIGHT, CODES, note=TARGETS, around="GaLore"),
    Row(LIBRARY, "galore_adafactor", "Adafactor", PLAIN | GALORE_ADAFACTOR | ADAFACTOR, note=TARGETS, around="GaLore"),
    Row(LIBRARY, "galore_adamw_layerwise", "AdamW", PLAIN | GALORE, note=TARGETS, around="GaLore", is_in_backward=True),
    Row(LIBRARY, "galore_adamw_8bit_layerwise", "AdamW", PLAIN | GALORE | EIGHT, CODES, note=TARGETS, around="GaLore", is_in_backward=True),
    Row(LIBRARY, "galore_adafactor_layerwise", "Adafactor", PLAIN | GALORE_ADAFACTOR | ADAFACTOR, note=TARGETS, around="GaLore", is_in_backward=True),
    Row(LIBRARY, "apollo_adamw", "AdamW", PLAIN | APOLLO, note=TARGETS, around="APOLLO"),
    Row(LIBRARY, "apollo_adamw_layerwise", "AdamW", PLAIN | APOLLO, note=TARGETS, around="APOLLO", is_in_backward=True),
    Row(LIBRARY, "lomo", "SGD", PLAIN, is_in_backward=True),
    Row(LIBRARY, "adalomo", "AdaLOMO", PLAIN, is_in_backward=True),
    Row(LIBRARY, "grokadamw", "GrokAdamW", PLAIN),
    Row(LIBRARY, "schedule_free_adamw", "ScheduleFreeAdamW", PLAIN, note=SCHEDULE_FREE),
    Row(LIBRARY, "schedule_free_sgd", "ScheduleFreeSGD", PLAIN, note=SCHEDULE_FREE),
    Row(LIBRARY, "schedule_free_radam", "ScheduleFreeRAdam", PLAIN),
    Row(LIBRARY, "stable_adamw", "StableAdamW", PLAIN | {"betas": (0.9, 0.999), "eps": 1e-8}, note="kahan_sum is rounding='kahan'"),
]  # fmt: skip
