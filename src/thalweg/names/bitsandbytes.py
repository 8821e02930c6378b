"""Names of bitsandbytes 0.50: its classes, each with the bits of its states in its name."""

from typing import Any

from .row import Row

LIBRARY = "bitsandbytes"

CODES = "states are rounded to codes of this library, not to bitsandbytes' codes"
UNPAGED = "states are not paged: they lie where the parameters do"
NO_TRUST = "this is the paper's rule, where bitsandbytes has no trust ratio and bounds the norm of the update instead"

KINDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "Adagrad": ("Adagrad", {}, ""),
    "Adam": ("Adam", {"lr": 1e-3}, ""),
    "AdamW": ("AdamW", {}, ""),
    "AdEMAMix": ("AdEMAMix", {"weight_decay": 1e-2}, ""),
    "LAMB": ("LAMB", {"eps": 1e-8, "weight_decay": 0.0}, NO_TRUST),
    "LARS": ("LARS", {"momentum": 0.0, "weight_decay": 0.0}, NO_TRUST),
    "Lion": ("Lion", {}, ""),
    "RMSprop": ("RMSProp", {}, ""),
    "SGD": ("SGD", {}, ""),
}
"""Its families: the class here, the options, and in what the rule differs."""

PAGED = ("Adam", "AdamW", "AdEMAMix", "Lion")


def _rows(name: str, prefix: str = "", note: str = "") -> list[Row]:
    """List the three forms of a family: as it is, with states of 8 bits, and of 32."""
    kind, options, differs = KINDS[name]
    coded = {**options, "state_dtype": "8bit"}
    return [
        Row(LIBRARY, f"{prefix}{name}", kind, options, differs, note),
        Row(LIBRARY, f"{prefix}{name}8bit", kind, coded, f"{differs}; {CODES}" if differs else CODES, note),
        Row(LIBRARY, f"{prefix}{name}32bit", kind, options, differs, note),
    ]


ROWS = [
    *(row for name in KINDS for row in _rows(name)),
    *(row for name in PAGED for row in _rows(name, "Paged", UNPAGED)),
    Row(LIBRARY, "PytorchLARS", *KINDS["LARS"]),
]
