"""Names that axolotl (July 2026) has beside those of Transformers."""

from ..row import Row

LIBRARY = "axolotl"

EIGHT = {"state_dtype": "8bit"}
TORCHAO = "states are rounded to codes of this library, not to torchao's codes"
FLASH = {"state_dtype": "8bit", "rounding": "master"}
FLASH_CODES = "states are rounded to codes of this library, not to flashoptim's codes"

ROWS = [
    Row(LIBRARY, "optimi_adamw", "AdamW", {"betas": (0.9, 0.99), "eps": 1e-6, "weight_decay": 0.0}),
    Row(LIBRARY, "ao_adamw_4bit", "AdamW", {"state_dtype": "4bit"}, TORCHAO),
    Row(LIBRARY, "ao_adamw_8bit", "AdamW", EIGHT, TORCHAO),
    Row(LIBRARY, "ao_adamw_fp8", "AdamW", EIGHT, "states are codes of 8 bits, where torchao's are small floating-point numbers"),
    Row(LIBRARY, "adopt_adamw", "ADOPT", {"decoupled_weight_decay": True}),
    Row(LIBRARY, "came_pytorch", "CAME"),
    Row(LIBRARY, "muon", "Muon"),
    Row(LIBRARY, "dion", "Dion"),
    Row(LIBRARY, "sinkgd", "SinkGD", note="it is for matrices alone: axolotl gives the rest to AdamW with states of 8 bits"),
    Row(LIBRARY, "flash_adamw", "AdamW", FLASH, FLASH_CODES),
    Row(LIBRARY, "flash_adam", "Adam", {"lr": 1e-3, **FLASH}, FLASH_CODES),
    Row(LIBRARY, "flash_sgd", "SGD", FLASH, FLASH_CODES),
    Row(LIBRARY, "flash_sgdw", "SGD", {**FLASH, "decoupled_weight_decay": True}, FLASH_CODES),
    Row(LIBRARY, "flash_lion", "Lion", FLASH, FLASH_CODES),
    Row(LIBRARY, "q_galore_adamw8bit", "AdamW", {**EIGHT, "rank": 128, "gap": 200, "scale": 0.25}, "states are rounded to codes of this library, not to bitsandbytes' codes", "weights stay as precise as they are, where the paper keeps them in eight bits", around="QGaLore"),
]  # fmt: skip
