"""Names of torch.optim, with its own defaults where a class here has others."""

from ..row import Row

LIBRARY = "torch.optim"

ROWS = [
    Row(LIBRARY, "Adadelta", "Adadelta"),
    Row(LIBRARY, "Adafactor", "Adafactor"),
    Row(LIBRARY, "Adagrad", "Adagrad"),
    Row(LIBRARY, "Adam", "Adam", {"lr": 1e-3}),
    Row(LIBRARY, "AdamW", "AdamW"),
    Row(LIBRARY, "Adamax", "Adamax"),
    Row(LIBRARY, "ASGD", "ASGD"),
    Row(LIBRARY, "LBFGS", "LBFGS", {"line_search_fn": None, "tolerance_grad": 1e-7}),
    Row(LIBRARY, "Muon", "Muon", note="with names, AdamW takes the parameters that are no matrices"),
    Row(LIBRARY, "NAdam", "NAdam"),
    Row(LIBRARY, "RAdam", "RAdam"),
    Row(LIBRARY, "RMSprop", "RMSProp"),
    Row(LIBRARY, "Rprop", "RProp"),
    Row(LIBRARY, "SGD", "SGD", {"lr": 1e-3}),
    Row(LIBRARY, "SparseAdam", "SparseAdam"),
]  # fmt: skip
