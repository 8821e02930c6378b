"""What other libraries call an option, what that is here, and what is said of those that are not here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from ..hyper import nearest

OURS_OF_THEIRS: dict[str, str] = {
    **dict.fromkeys(("learning_rate", "learningRate"), "lr"),
    **dict.fromkeys(("wd", "decay", "weightDecay", "weight_decay_rate"), "weight_decay"),
    **dict.fromkeys(("opt_eps", "adam_epsilon", "epsilon"), "eps"),
    "eps1": "eps[0]",
    "eps2": "eps[1]",
    "opt_betas": "betas",
    **dict.fromkeys(("adam_beta1", "beta_1", "beta1", "b1"), "betas[0]"),
    **dict.fromkeys(("adam_beta2", "beta_2", "beta2", "b2"), "betas[1]"),
    **dict.fromkeys(("beta_3", "beta3", "b3"), "betas[2]"),
    **dict.fromkeys(("beta", "mom"), "momentum"),
    "caution": "cautious",
    "cautious_weight_decay": "cautious_decay",
    **dict.fromkeys(("weight_decouple", "decouple", "decouple_wd", "decoupled_decay"), "decoupled_weight_decay"),
    **dict.fromkeys(("adam_w_mode", "use_adamw", "no_prox"), "decoupled_weight_decay"),
    "ams_bound": "amsgrad",
    "schedule_decay": "momentum_decay",
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

NEXT_OF_KIN: dict[str, str] = {
    "momentum": "betas[0]",
    **dict.fromkeys(("beta1", "b1", "adam_beta1", "beta_1"), "momentum"),
    "rho": "alpha",
    **dict.fromkeys(("alpha", "eta", "eta0", "step_size", "stepsize"), "lr"),
    **dict.fromkeys(("l2", "l2_reg", "l2_regularization"), "weight_decay"),
    "decay_rate": "beta2_decay",
}
"""What a word stands for in rules that have no option of the first meaning: it is told, and not taken for it."""

ORDINALS = ("first", "second", "third")

PLACED = re.compile(r"(\w+)\[(\d)\]")

NOT_HERE: dict[str, str] = {
    "optim_bits": "state_dtype='8bit' keeps states in eight bits",
    "is_paged, paged": "states lie where the parameters do: leave it out",
    "percentile_clipping": "max_grad_norm clips gradients",
    "min_8bit_size, block_wise": "state_dtype='8bit' codes all states in blocks: leave it out",
    "correct_bias, bias_correction": "means are corrected for bias where the paper says so: leave it out",
    "fixed_decay, decouple_lr": "weights decay by lr * weight_decay: divide weight_decay by lr, and leave it out",
    "use_ema": "ema_decay=0.99 keeps an average: leave it out",
    "slice_p": "all elements are measured: leave it out",
    "merge_dims": "the first dimension is the rows, and all others are columns: leave it out",
    "adamw_params, muon_params": "pass model.named_parameters(), and AdamW takes what is no matrix",
    "bf16_stochastic_round, stochastic_rounding": "write rounding='stochastic'",
    "kahan_sum, use_kahan_summation, compensation_buffer_dtype": "write rounding='kahan'",
    "master_weights, master_weight_bits": "write rounding='master'",
    "momentum_dtype, variance_dtype, optim_dtype": "state_dtype is the format of states",
    "gradient_release, fused_back_pass": "put thalweg.in_backward(model, optimizer) after it",
    "layer_decay, lr_mult, lr_scale": "give each layer a group with a learning rate of its own",
    "optim_target_modules": "all matrices but embeddings are meant: give those that are not rank=None in a group",
    "rank, update_proj_gap, proj_type": (
        "a wrapper has few directions: write thalweg.GaLore(params, thalweg.AdamW, rank=64)"
    ),
    "base_optimizer": "make the optimizer before it, with its options, and pass that first",
    "adaptive": "thalweg.ASAM is what is adaptive",
    "k, la_steps": "lookahead is every how many steps slow weights follow",
    "set_grad_none, set_to_none, verbose, device": "leave it out",
    "warmup_steps, total_steps, num_training_steps, schedule": "give the optimizer to one of torch.optim.lr_scheduler",
}
"""Options of other libraries that are none here, and what is here in their place; a class may have one all the same."""

BY_NAME = {name: sentence for names, sentence in NOT_HERE.items() for name in names.split(", ")}


def placed(ours: str) -> tuple[str, int | None]:
    """Take an option's name apart from the place of a number among several."""
    match = PLACED.fullmatch(ours)
    return (match[1], int(match[2])) if match else (ours, None)


def meant(name: str, known: Collection[str], words: Iterable[Mapping[str, str]] = (OURS_OF_THEIRS,)) -> str:
    """Say which option, of those that are known, another library calls so; empty if none."""
    meanings = [meaning[name] for meaning in words if name in meaning]
    return next((ours for ours in meanings if placed(ours)[0] in known), "")


def advice(name: str, known: Collection[str], listed: Iterable[str] = ()) -> str:
    """Say, after a message that there is no such option, what it is here, which one is near, or which there are."""
    if ours := meant(name, known, (OURS_OF_THEIRS, NEXT_OF_KIN)):
        option, place = placed(ours)
        return f": it is called {ours} here" if place is None else f": it is the {ORDINALS[place]} of {option} here"
    return f": {BY_NAME[name]}" if name in BY_NAME else nearest(name, known, listed)
