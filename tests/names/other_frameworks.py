"""Optimizers of optax and Keras, stepped as if they were torch's: parameters and gradients are copied to and fro."""

import importlib
import inspect
import os

import torch


class OfOptax:
    """A transformation of optax, in float64."""

    def __init__(self, factory, params, options):
        jax, self.numpy, optax = map(importlib.import_module, ("jax", "jax.numpy", "optax"))
        jax.config.update("jax_enable_x64", True)
        module, _, name = factory.rpartition(".")
        make = getattr(importlib.import_module(module), name)
        words = {"lr": "learning_rate"}
        options = {words.get(option, option): value for option, value in options.items()}
        fixed = inspect.signature(make).parameters.keys() - {"learning_rate"}
        self.made = optax.inject_hyperparams(make, static_args=fixed)(**options)
        self.update = jax.jit(self.made.update)
        self.params = list(params)
        self.state = self.made.init(self.here())
        self.param_groups = [{"params": self.params, "lr": options.get("learning_rate")}]

    def here(self):
        return [self.numpy.asarray(param.detach().numpy()) for param in self.params]

    def step(self):
        if self.param_groups[0]["lr"] is not None:
            self.state.hyperparams["learning_rate"] = self.numpy.asarray(self.param_groups[0]["lr"])
        grads = [self.numpy.asarray(param.grad.numpy()) for param in self.params]
        updates, self.state = self.update(grads, self.state, self.here())
        with torch.no_grad():
            for param, update in zip(self.params, updates, strict=True):
                param += torch.tensor(update.tolist())

    def eval(self):
        """Put the average in place, where there is one."""
        contrib = importlib.import_module("optax.contrib")
        state = self.state.inner_state
        if isinstance(state, contrib.ScheduleFreeState):
            means = contrib.schedule_free_eval_params(state, self.here())
            for param, mean in zip(self.params, means, strict=True):
                param.data.copy_(torch.tensor(mean.tolist()))


class OfKeras:
    """An optimizer of Keras, on its backend of torch."""

    def __init__(self, name, params, options):
        os.environ.setdefault("KERAS_BACKEND", "torch")
        keras = importlib.import_module("keras")
        keras.config.set_floatx("float64")
        words = {"lr": "learning_rate"}
        options = {words.get(option, option): value for option, value in options.items()}
        self.made = getattr(keras.optimizers, name)(**options)
        self.params = list(params)
        self.variables = [keras.Variable(param.detach().numpy()) for param in self.params]
        self.param_groups = [{"params": self.params, "lr": float(self.made.learning_rate)}]

    def step(self):
        self.made.learning_rate = self.param_groups[0]["lr"]
        self.made.apply([param.grad for param in self.params], self.variables)
        with torch.no_grad():
            for param, variable in zip(self.params, self.variables, strict=True):
                param.copy_(variable.value)
