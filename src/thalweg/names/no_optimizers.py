"""Names that people ask for, and that are no optimizers: what each one is, and what to do instead."""

INSTEAD: dict[str, str] = {
    "PCGrad, gradient surgery, GradVac, CAGrad, MGDA, NashMTL, GradDrop, IMTL": (
        "it joins the gradients of several losses before a step: find the gradients of each loss by "
        "torch.autograd.grad, write what is made of them into .grad, and step any optimizer"
    ),
    "GradNorm, uncertainty weighting, PINN weighting": (
        "it weighs several losses before they are added: multiply them by its weights, and step any optimizer"
    ),
    "MuonMVR, MuonMVR1, MuonMVR2": (
        "it is Muon with gradients corrected by their last change, which no rule here does: take Muon, or MARS, which "
        "corrects them so"
    ),
    "SVRG, SAG, SAGA, SARAH, SPIDER, STORM, PAGE, MVR": (
        "it corrects gradients by those of the same examples at earlier parameters, which no rule here asks for: take "
        "MARS, which corrects them by the gradient of the last batch"
    ),
    "SWA, SWAD, LAWA, Lookaround, EMA, Polyak averaging, weight averaging, model soup": (
        "it averages parameters: pass ema_decay=0.999 to any optimizer, or use thalweg.swa_utils"
    ),
    "GC, gradient centralization": (
        "it takes the mean off gradients: pass gradient_centralization=True to any optimizer"
    ),
    "gradient clipping, clipping, clip grad norm, clip norm": (
        "it shortens gradients before a step: pass max_grad_norm=1.0 to any optimizer"
    ),
    "AGC, adaptive gradient clipping": (
        "it shortens gradients before a step: take AdaGC, or pass max_tensor_norm=1.0 to any optimizer"
    ),
    "gradient accumulation": "it makes one step of several gradients: pass accumulate=4, say, to any optimizer",
    "Grokfast": "it strengthens slow gradients: pass grokfast=2.0 to any optimizer, or take GrokAdamW",
    "cautious, Cautious AdamW, Cautious Adam, Cautious Lion": (
        "it masks steps that gradients disagree with: pass cautious=True to the optimizer, as in AdamW(cautious=True)"
    ),
    "Kahan, Kahan summation": "it keeps what is lost by rounding: pass rounding='kahan' to any optimizer",
    "muP, maximal update parametrization": (
        "it scales rates by the widths of layers: give groups the rates that the package mup computes"
    ),
    "ZeRO, FSDP, FSDP2, DDP, DeepSpeed": (
        "it divides a model or its states among processes: make any optimizer after fully_shard, or use "
        "thalweg.shard_states"
    ),
    "LoRA, LoRA+, LoRA plus, QLoRA, DoRA, ReLoRA": (
        "it adds small matrices to a model, which are trained: let the package peft add them and step any optimizer, "
        "or take thalweg.GaLore, whose states have a low rank"
    ),
    "LISA, BAdam, BlockLLM, block coordinate descent": (
        "it trains a few layers at a time: set requires_grad of the others to False, and make an optimizer of the rest"
    ),
    "MeZO, SPSA, zeroth order": (
        "it estimates gradients from losses: write its estimates into .grad, and step any optimizer, such as SGD"
    ),
    "KFAC, EKFAC, K-BFGS, SINGD, INGD, Eva, FOOF, AdaFisher, natural gradient, NGD": (
        "it needs what goes into layers and comes out of them, which no rule here sees: take Shampoo, KLShampoo or "
        "SOAP, which make do with gradients"
    ),
    "Nelder-Mead, Powell, COBYLA, CMA-ES, CMA, PSO, swarm, particle swarm, ant colony, hill climbing, "
    "genetic algorithm, simulated annealing, differential evolution, Bayesian optimization, evolution strategies, ES": (
        "it searches without gradients, which every optimizer here needs: take LBFGS if there are gradients, or "
        "another package, as scipy.optimize"
    ),
    "SLSQP, trust-constr, augmented Lagrangian": (
        "it minimizes under constraints, and the methods here know bounds alone: take scipy.optimize, or add the "
        "constraints to the loss"
    ),
    "SGLD, pSGLD, SGHMC, Langevin": (
        "it draws parameters from a distribution, and finds no minimum: take NoisySGD to train with noise"
    ),
    "DP-Adam, DP-AdamW, differential privacy": (
        "it clips the gradient of each example: let opacus make such gradients, and step any optimizer with them"
    ),
    "DiLoCo, Local SGD, FedAvg, FedProx": (
        "it lets processes step alone, and averages them now and then: step any optimizer on each, and average by "
        "torch.distributed.algorithms.model_averaging"
    ),
    "1-bit Adam, 0/1 Adam, EF-SignSGD, CompAdam, distributed Lion, D-Lion, PowerSGD": (
        "it compresses what processes tell each other: register torch's powerSGD_hook with DistributedDataParallel, "
        "and step any optimizer"
    ),
    "OneCycle, OneCycleLR, cosine, cosine annealing, StepLR, warmup, linear warmup, ReduceLROnPlateau, "
    "lr scheduler, schedule": "it is a schedule of learning rates: use thalweg.lr_scheduler beside any optimizer",
    "GradScaler, AMP, autocast": (
        "it scales losses of low precision: use torch.amp.GradScaler, which works with each optimizer here"
    ),
    "VeLO, L2O": (
        "its steps are computed by a trained network, and not by a formula: take Prodigy, which finds its rate, or "
        "ScheduleFreeAdamW, which needs no schedule"
    ),
    "REINFORCE, PPO, GRPO, DPO, TRPO, A2C, SAC, DQN, RLHF, policy gradient": (
        "it is a way to learn from rewards or preferences: compute its loss, and step any optimizer"
    ),
    "dropout, batch norm, BatchNorm, layer norm, weight normalization, Gumbel softmax, straight-through, label "
    "smoothing, mixup, early stopping, distillation, pruning": (
        "it belongs to the model or to its training loop, and makes no steps: step any optimizer beside it"
    ),
    "cross entropy, CrossEntropyLoss, MSE, MSELoss, NLL, hinge, focal loss": (
        "it is a loss: call its backward(), and step any optimizer"
    ),
    "backprop, backpropagation, autograd, forward-forward": (
        "it makes gradients: call loss.backward(), and step any optimizer"
    ),
    "in_backward, optimizer in backward, fused backward pass, fused_back_pass, layerwise": (
        "it is a way to step: call thalweg.in_backward(model, optimizer) with any optimizer that allows it"
    ),
    "lr, learning rate, weight decay, L2 regularization, betas, eps, max_grad_norm, ema_decay, state_dtype": (
        "it is an option: pass it to an optimizer, as in thalweg.AdamW(params, lr=1e-3, weight_decay=0.01)"
    ),
    "Optuna, hyperband, ASHA, grid search, random search, PBT": (
        "it tries options, and makes no steps: use thalweg.find_lr for the rate, and step any optimizer in its trials"
    ),
    "gradient checkpointing, activation checkpointing": (
        "it saves memory of the backward pass: use torch.utils.checkpoint beside any optimizer"
    ),
}
"""What names have in common, by the names."""
