"""Optimizers as their papers print them: plain floats, one number at a time, nothing shared with thalweg.

Each function takes a start, the gradients and the hyper-parameters, and yields theta after each step. Where
torch.optim settled on something other than the paper, these follow torch and say so. The arithmetic is
Python's: what overflows becomes an infinity, but 0 / 0 raises ZeroDivisionError instead of giving a NaN.
"""

from .adagrad import adadelta, adagrad
from .adam import adam, adamax, adamw, nadam, radam, sparse_adam, torch_adamax
from .rprop import rmsprop, rprop
from .sgd import asgd, sgd

REFERENCES = {
    "ASGD": asgd,
    "AdaDelta": adadelta,
    "AdaMax": adamax,
    "Adagrad": adagrad,
    "Adam": adam,
    "AdamW": adamw,
    "Adamax": torch_adamax,
    "NAdam": nadam,
    "RAdam": radam,
    "RMSProp": rmsprop,
    "RProp": rprop,
    "SGD": sgd,
    "SparseAdam": sparse_adam,
}
