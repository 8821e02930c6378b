"""Names of optax 0.2.8: its aliases, whose learning rate is the user's."""

from typing import Any

from ..row import Row

LIBRARY = "optax"

DECOUPLED: dict[str, Any] = {"decoupled_weight_decay": True}
BESIDE = "eps is added to the root, and not inside of it"

ROWS = [
    Row(LIBRARY, "adabelief", "AdaBelief"),
    Row(LIBRARY, "adadelta", "AdaDelta"),
    Row(LIBRARY, "adafactor", "Adafactor", {"lr": 1.0, "relative_step": False, "added_eps": True, "eps": (1e-30, 1e-3), "min_dim": 128, "factored": "largest"}, note="weight_decay_rate is not multiplied by the rate there"),
    Row(LIBRARY, "adagrad", "Adagrad", {"initial_accumulator_value": 0.1, "eps": 1e-7}, BESIDE),
    Row(LIBRARY, "adam", "Adam"),
    Row(LIBRARY, "adamax", "AdaMax", {"eps": 1e-8}),
    Row(LIBRARY, "adamaxw", "AdaMax", {"eps": 1e-8, "weight_decay": 1e-4, **DECOUPLED}),
    Row(LIBRARY, "adamw", "AdamW", {"weight_decay": 1e-4}),
    Row(LIBRARY, "adan", "Adan", DECOUPLED, "changes of gradients weigh betas[1], where optax has 1 - betas[1], and eps is added to the root alone, where it is added inside of it, too"),
    Row(LIBRARY, "amsgrad", "Adam", {"amsgrad": True}, "the largest mean square is found first and then corrected for bias, and not the other way round"),
    Row(LIBRARY, "fromage", "Fromage"),
    Row(LIBRARY, "lamb", "LAMB", {"weight_decay": 0.0}),
    Row(LIBRARY, "lars", "LARS", {"weight_decay": 0.0}, "the trust ratio is of two norms, of the gradient and of the decay, where optax takes the norm of their sum"),
    Row(LIBRARY, "lbfgs", "LBFGS"),
    Row(LIBRARY, "lion", "Lion", {"weight_decay": 1e-3}),
    Row(LIBRARY, "noisy_sgd", "NoisySGD", {}, "noise is drawn from other random numbers"),
    Row(LIBRARY, "novograd", "NovoGrad", {"betas": (0.9, 0.25), "eps": 1e-6}),
    Row(LIBRARY, "optimistic_adam", "OptimisticAdam", {}, "Adam is without Nesterov's momentum, as with nesterov=False"),
    Row(LIBRARY, "optimistic_adam_v2", "OptimisticAdam", {}, "Adam is without Nesterov's momentum, as with nesterov=False"),
    Row(LIBRARY, "optimistic_gradient_descent", "OptimisticGradientDescent"),
    Row(LIBRARY, "polyak_sgd", "PolyakSGD", {}, note="the loss is told by step(loss=...), or by a closure"),
    Row(LIBRARY, "radam", "RAdam"),
    Row(LIBRARY, "rmsprop", "RMSProp", {"alpha": 0.9}, BESIDE),
    Row(LIBRARY, "rprop", "RProp", {}, "a step goes by the newest gradient, where optax goes by the one before it"),
    Row(LIBRARY, "sgd", "SGD"),
    Row(LIBRARY, "sign_sgd", "SignSGD"),
    Row(LIBRARY, "signum", "Signum"),
    Row(LIBRARY, "sm3", "SM3", {"momentum": 0.9, "eps": 1e-8}, note="of tensors with more dimensions than two, optax covers each by itself"),
    Row(LIBRARY, "yogi", "Yogi"),
]  # fmt: skip
