"""Names of DeepSpeed (2026): its classes, and the strings of its configuration, with its own defaults."""

from typing import Any

from ..row import Row

LIBRARY = "deepspeed"

UNDECAYED: dict[str, Any] = {"weight_decay": 0.0}
LION: dict[str, Any] = {"lr": 1e-3}
LAMB: dict[str, Any] = {"eps": 1e-8, **UNDECAYED}
BOUNDED = "trust ratios are free, where the original keeps them from 0.01 to 10"
MUON: dict[str, Any] = {"lr": 0.02, "weight_decay": 0.0, "adamw_lr": 3e-4, "adamw_betas": (0.9, 0.95), "adamw_weight_decay": 0.0}  # fmt: skip
ON_THE_CPU = "states lie where the parameters do, and are offloaded with them"
DECAYS_APART = "decay is apart from gradients, as it is there unless adam_w_mode is false"
COMPRESSED = "it compresses what processes tell each other, which belongs to how gradients are communicated: take {}, and let DistributedDataParallel's register_comm_hook compress gradients (powerSGD_hook, fp16_compress_hook)"
WIDTHS = "it scales rates by the widths of layers, which the package mup knows: give groups their rates, and take {}"

ROWS = [
    Row(LIBRARY, "FusedAdam", "AdamW", UNDECAYED, note=DECAYS_APART),
    Row(LIBRARY, "DeepSpeedCPUAdam", "AdamW", UNDECAYED, note=f"{DECAYS_APART}; {ON_THE_CPU}"),
    Row(LIBRARY, "DeepSpeedCPUAdagrad", "Adagrad", {}, note=ON_THE_CPU),
    Row(LIBRARY, "FusedLamb", "LAMB", LAMB, BOUNDED),
    Row(LIBRARY, "FusedLion", "Lion", LION),
    Row(LIBRARY, "DeepSpeedCPULion", "Lion", {**LION, "betas": (0.9, 0.999)}, note=ON_THE_CPU),
    Row(LIBRARY, "MuonWithAuxAdam", "Muon", MUON),
    Row(LIBRARY, "adagrad", "Adagrad"),
    Row(LIBRARY, "adam", "AdamW", UNDECAYED, note=DECAYS_APART),
    Row(LIBRARY, "adamw", "AdamW", UNDECAYED),
    Row(LIBRARY, "lamb", "LAMB", LAMB, BOUNDED),
    Row(LIBRARY, "lion", "Lion", LION),
    Row(LIBRARY, "muon", "Muon", MUON),
    Row(LIBRARY, "onebitadam", instead=COMPRESSED.format("AdamW")),
    Row(LIBRARY, "zerooneadam", instead=COMPRESSED.format("AdamW")),
    Row(LIBRARY, "onebitlamb", instead=COMPRESSED.format("LAMB")),
    Row(LIBRARY, "muadam", instead=WIDTHS.format("Adam")),
    Row(LIBRARY, "muadamw", instead=WIDTHS.format("AdamW")),
    Row(LIBRARY, "musgd", instead=WIDTHS.format("SGD")),
]  # fmt: skip
