"""Names of torch_optimizer 0.3.0 (jettify's): what its get takes, and its other classes, with its own defaults."""

from typing import Any

from ..row import Row

LIBRARY = "torch_optimizer"

DECOUPLED: dict[str, Any] = {"decoupled_weight_decay": True}
LATE_RATE = "the momentum remembers the rates of its steps, where the original multiplies by the newest rate last"
SHARE = "a rate that is given is the largest share of itself that a parameter moves by, where the original heeds it with relative_step=False alone"
A_SUM = "each element has its own sum of squares, as in the paper, and not all elements of a parameter one sum"
SINGLE = "the original computes in float32"

ROWS = [
    Row(LIBRARY, "A2GradExp", "A2GradExp", {}, A_SUM),
    Row(LIBRARY, "A2GradInc", "A2Grad", {"incremental": True}, A_SUM),
    Row(LIBRARY, "A2GradUni", "A2Grad", {}, A_SUM),
    Row(LIBRARY, "accsgd", "AccSGD"),
    Row(LIBRARY, "adabelief", "AdaBelief", {"eps": 1e-8}),
    Row(LIBRARY, "adabound", "AdaBound"),
    Row(LIBRARY, "Adafactor", "Adafactor", {"added_eps": True, "eps": (1e-30, 1e-3), "scaled_decay": True}, SHARE),
    Row(LIBRARY, "Adahessian", "AdaHessian", {"lr": 0.15, "eps": 1e-4, **DECOUPLED}),
    Row(LIBRARY, "adamod", "AdaMod", DECOUPLED, "the correction of the mean gradient is no part of the rate that is averaged"),
    Row(LIBRARY, "adamp", "AdamP"),
    Row(LIBRARY, "aggmo", "AggMo"),
    Row(LIBRARY, "Apollo", "ApolloDQN", {"init_lr": 1e-2, "warmup_steps": 0}, "curvatures are at least a hundredth, where the original takes them to be at least 1"),
    Row(LIBRARY, "diffgrad", "DiffGrad", {}, "eps is added to the root after it is corrected for bias, and not before that"),
    Row(LIBRARY, "lamb", "LAMB", {"weight_decay": 0.0}, "means are corrected for their start, and norms of parameters count whole, where the original bounds them by 10"),
    Row(LIBRARY, "lars", "LARS", {"lr": 1e-2, "momentum": 0.0, "weight_decay": 0.0, "trust_coefficient": 1e-2, "always_adapt": False}, note=LATE_RATE),
    Row(LIBRARY, "lookahead", instead="it goes around another optimizer: lookahead=5 is an option of each optimizer here"),
    Row(LIBRARY, "madgrad", "MADGRAD"),
    Row(LIBRARY, "novograd", "NovoGrad", {"betas": (0.95, 0.0)}),
    Row(LIBRARY, "pid", "PID", {}, "the momentum is 0.9, as without one the original is gradient descent"),
    Row(LIBRARY, "qhadam", "QHAdam", {"nus": (1.0, 1.0)}),
    Row(LIBRARY, "qhm", "QHM", {"momentum": 0.0}),
    Row(LIBRARY, "radam", "RAdam", DECOUPLED, note=SINGLE),
    Row(LIBRARY, "ranger", "Ranger", {"gradient_centralization": False}, note=SINGLE),
    Row(LIBRARY, "rangerqh", "QHAdam", {"lookahead": 6}),
    Row(LIBRARY, "rangerva", "SAdam", {"betas": (0.95, 0.999), "amsgrad": True, "lookahead": 6, **DECOUPLED}, "a gradient is taken into the mean square once, where the original takes it twice", SINGLE),
    Row(LIBRARY, "sgdp", "SGDP", {"lr": 1e-3}),
    Row(LIBRARY, "sgdw", "SGD", {"lr": 1e-3, **DECOUPLED}, "weights decay by a share of themselves, where the original takes the same number off each of them"),
    Row(LIBRARY, "shampoo", "Shampoo", {"lr": 0.1, "betas": (0.0, 0.999), "shampoo_beta": 1.0, "grafting": None, "precondition_frequency": 1, "start_preconditioning_step": 1, "matrix_eps": 1e-4, "exponent": 0.5}, "products of columns are those of the gradient, where the original has multiplied it by the root of rows by then; decay is no part of gradients, and vectors have no roots"),
    Row(LIBRARY, "swats", "SWATS", {"eps": 1e-3}, "the rate of SGD is estimated from all parameters together, as in the paper, and not from each by itself"),
    Row(LIBRARY, "yogi", "Yogi"),
]  # fmt: skip
