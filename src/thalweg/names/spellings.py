"""What other libraries call an option, and what that is here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .lookup import Meaning

OURS_OF_THEIRS: dict[str, str] = {
    "learning_rate": "lr",
    **dict.fromkeys(("opt_eps", "adam_epsilon", "epsilon"), "eps"),
    "eps1": "eps[0]",
    "eps2": "eps[1]",
    "opt_betas": "betas",
    **dict.fromkeys(("adam_beta1", "beta_1", "beta1", "b1"), "betas[0]"),
    **dict.fromkeys(("adam_beta2", "beta_2", "beta2", "b2"), "betas[1]"),
    **dict.fromkeys(("beta_3", "beta3", "b3"), "betas[2]"),
    "beta": "momentum",
    "caution": "cautious",
    "cautious_weight_decay": "cautious_decay",
    **dict.fromkeys(("weight_decouple", "decouple", "decouple_wd", "decoupled_decay"), "decoupled_weight_decay"),
    "ams_bound": "amsgrad",
    "adamw_wd": "adamw_weight_decay",
    **dict.fromkeys(("clip_grad", "clip_grad_norm", "gradient_clip_val", "global_clipnorm"), "max_grad_norm"),
    "clipnorm": "max_tensor_norm",
    **dict.fromkeys(("clipvalue", "clip_grad_value"), "clip_value"),
    "gradient_accumulation_steps": "accumulate",
    "ema_momentum": "ema_decay",
    "use_gc": "gradient_centralization",
    "grokfast_lamb": "grokfast",
    "grokfast_alpha": "grokfast_decay",
    "lookahead_merge_time": "lookahead",
    "lookahead_blending_alpha": "lookahead_alpha",
    "trust_coeff": "trust_coefficient",
    "clip_threshold": "d",
    "alpha_warmup": "t_alpha",
    "beta3_warmup": "t_beta3",
    "update_proj_gap": "gap",
    "preconditioning_compute_steps": "precondition_frequency",
    **dict.fromkeys(("max_precond_dim", "max_dim"), "max_precondition_dim"),
}
"""Their name for an option, and ours; brackets have the place of a number among several."""

PLACED = re.compile(r"(\w+)\[(\d)\]")


def called_here(options: Iterable[str]) -> set[str]:
    """Give the names that options have here, whatever the class is."""
    return {_placed(OURS_OF_THEIRS.get(theirs, theirs))[0] for theirs in options}


def in_our_words(meaning: Meaning, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give options that are called as in another library the names that they have here.

    What the class itself calls so is meant first. Raises TypeError for an option that is there under two names.
    """
    named: dict[str, Any] = {}
    for theirs, value in options.items():
        ours = _ours(meaning, theirs)
        if {ours, ours.partition("[")[0]} & (named.keys() | (options.keys() - {theirs})):
            raise TypeError(f"{meaning.name} got {ours} twice, also as {theirs}: pass it once")
        named[ours] = value
    return _joined(meaning, named)


def _ours(meaning: Meaning, theirs: str) -> str:
    """Find what an option is called here; it keeps its name if the class knows that, or nothing else."""
    ours = OURS_OF_THEIRS.get(theirs, theirs)
    is_known = meaning.takes(theirs) or theirs in meaning.kind.spellings
    option, place = _placed(ours)
    has_place = place is None or (meaning.takes(option) and place < len(_default(meaning, option)))
    return ours if not is_known and meaning.takes(option) and has_place else theirs


def _joined(meaning: Meaning, named: Mapping[str, Any]) -> dict[str, Any]:
    """Put numbers that were given one by one at their places among the numbers of an option."""
    options: dict[str, Any] = {}
    for ours, value in named.items():
        option, place = _placed(ours)
        if place is not None:
            numbers = options.get(option, _default(meaning, option))
            value = (*numbers[:place], value, *numbers[place + 1 :])
        options[option] = value
    return options


def _placed(ours: str) -> tuple[str, int | None]:
    """Take an option's name apart from the place of a number among several."""
    match = PLACED.fullmatch(ours)
    return (match[1], int(match[2])) if match else (ours, None)


def _default(meaning: Meaning, option: str) -> Any:
    """Say what an option is where it is not given: several numbers, or one, which has no places."""
    default = meaning.options.get(option, meaning.kind.options[option].default)
    return default if isinstance(default, tuple) else ()
