"""Names of torchao.optim 0.18: Adam and AdamW with states of few bits."""

from ..row import Row

LIBRARY = "torchao.optim"

EIGHT, FOUR = {"state_dtype": "8bit"}, {"state_dtype": "4bit"}
CODES = "states are rounded to codes of this library, not to torchao's codes"
FLOATS = "states are codes of 8 bits, where torchao's are small floating-point numbers"
STOCHASTIC = "bf16_stochastic_round is rounding='stochastic'"
OFFLOADED = "it keeps states, and steps, on the CPU: give an optimizer of this library copies of the parameters that lie there, or halve its states by state_dtype"

ROWS = [
    Row(LIBRARY, "Adam4bit", "Adam", {"lr": 1e-3, **FOUR}, CODES, STOCHASTIC),
    Row(LIBRARY, "Adam8bit", "Adam", {"lr": 1e-3, **EIGHT}, CODES, STOCHASTIC),
    Row(LIBRARY, "AdamFp8", "Adam", {"lr": 1e-3, **EIGHT}, FLOATS, STOCHASTIC),
    Row(LIBRARY, "AdamW4bit", "AdamW", FOUR, CODES, STOCHASTIC),
    Row(LIBRARY, "AdamW8bit", "AdamW", EIGHT, CODES, STOCHASTIC),
    Row(LIBRARY, "AdamWFp8", "AdamW", EIGHT, FLOATS, STOCHASTIC),
    Row(LIBRARY, "_AdamW", "AdamW", {}, note=STOCHASTIC),
    Row(LIBRARY, "CPUOffloadOptimizer", instead=OFFLOADED),
]  # fmt: skip
