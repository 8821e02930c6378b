"""Names of bitsandbytes 0.50: its classes, each with the bits of its states in its name."""

from typing import Any

from ..row import Row

LIBRARY = "bitsandbytes"

CODES = "states are rounded to codes of this library, not to bitsandbytes' codes"
UNPAGED = "states are not paged: they lie where the parameters do"
BOUNDED = "updates are bounded in every form, where bitsandbytes bounds none whose states have 8 bits"

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "Adagrad": ("Adagrad", {}),
    "Adam": ("Adam", {"lr": 1e-3}),
    "AdamW": ("AdamW", {}),
    "AdEMAMix": ("AdEMAMix", {"weight_decay": 1e-2}),
    "LAMB": ("LAMB", {"eps": 1e-8, "weight_decay": 0.0, "max_unorm": 1.0}),
    "LARS": ("LARS", {"momentum": 0.0, "weight_decay": 0.0, "max_unorm": 0.02}),
    "Lion": ("Lion", {}),
    "RMSprop": ("RMSProp", {}),
    "SGD": ("SGD", {}),
}
"""Its families: the class here, and the options."""

PAGED = ("Adam", "AdamW", "AdEMAMix", "Lion")


def _rows(name: str, prefix: str = "", note: str = "") -> list[Row]:
    """List the three forms of a family: as it is, with states of 8 bits, and of 32."""
    kind, options = KINDS[name]
    coded, in_codes = {**options, "state_dtype": "8bit"}, f"{BOUNDED}; {CODES}" if "max_unorm" in options else CODES
    return [
        Row(LIBRARY, f"{prefix}{name}", kind, options, note=note),
        Row(LIBRARY, f"{prefix}{name}8bit", kind, coded, in_codes, note),
        Row(LIBRARY, f"{prefix}{name}32bit", kind, options, note=note),
    ]


ROWS = [
    *(row for name in KINDS for row in _rows(name)),
    *(row for name in PAGED for row in _rows(name, "Paged", UNPAGED)),
    Row(LIBRARY, "PytorchLARS", *KINDS["LARS"]),
]
