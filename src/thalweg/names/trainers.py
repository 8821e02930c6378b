"""What Hugging Face's Trainer takes in place of an optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from .creation import check, made
from .lookup import Meaning, find
from .spellings import called_here


@dataclass(frozen=True)
class ForTheTrainer:
    """What the Trainer calls for an optimizer: it gives what takes the model.

    Trainers before version 5 call it with groups of parameters, and get the optimizer.
    """

    meaning: Meaning

    def __call__(self, params: Any = None, **options: Any) -> Any:
        """Return what takes a model, or make the optimizer if the parameters are there."""
        return partial(made_of, self.meaning) if params is None else made_of(self.meaning, params, **options)


def made_of(meaning: Meaning, params: Any, **options: Any) -> Any:
    """Make what a name means, with options by name as the Trainer passes them."""
    return made(meaning, params, options)


def trainer(name: str, **options: Any) -> tuple[Any, dict[str, Any]]:
    """Return what Hugging Face's Trainer takes: `Trainer(optimizer_cls_and_kwargs=thalweg.trainer("muon", lr=0.02))`.

    The names are those of `create`; if several libraries have one, that of `TrainingArguments(optim=...)` is meant. The
    optimizer gets the whole model: biases and norms do not decay, and Muon finds its matrices. The Trainer's own
    `learning_rate`, `weight_decay` and other arguments for optimizers are not read: pass them here, as `options`.

    Raises ValueError or TypeError for a name or an option that `create` would refuse, before there is a model.
    """
    meaning = find(name, first="transformers", given=called_here(options))
    check(meaning, options)
    return ForTheTrainer(meaning), options
