"""What has another name here: a rule that people call otherwise, or one with some options."""

OTHERWISE: dict[str, str] = {
    "gradient descent, GD, vanilla SGD, stochastic gradient descent": "take SGD",
    "SGDM, SGD-M, momentum SGD, SGD with momentum, heavy ball, Polyak momentum": "take SGD, with momentum=0.9",
    "NAG, Nesterov momentum, Nesterov SGD, accelerated gradient, AcceleratedSGD": (
        "take SGD, with momentum=0.9 and nesterov=True"
    ),
    "Adam with weight decay, Adam with decoupled weight decay": "take AdamW",
    "AMSGradW": "take AdamW, with amsgrad=True",
    "RMSpropGraves, centered RMSprop": "take RMSProp, with centered=True",
    "iRprop, iRprop+, iRprop-": "take RProp",
    "Nadamax": "take NAdam or Adamax",
    "SignSGD-M, sign momentum": "take Signum",
    "Moonlight, MoonlightMuon, MuonW": "take Muon, with adjust_lr_fn='match_rms_adamw'",
    "MuonH": "take Muon, with hyperball=True",
    "SingleDeviceMuonWithAuxAdam, NorMuonAndAdam, DistMuonAdamW": (
        "take Muon, with model.named_parameters(): AdamW takes what is no matrix"
    ),
    "unconstrained Scion, uSCG, SCG, Gluon": "take Scion, whose constrained=True is the other form",
    "NVLAMB": "take LAMB, with max_grad_norm=1.0",
    "Polyak, Polyak step size, SPS, stochastic Polyak": "take PolyakSGD",
    "COCOB-Backprop": "take COCOB",
    "FTRL-Proximal": "take FTRL",
    "T-DoWG": "take DoWG",
    "schedule-free, ScheduleFree+, schedule-free optimizer": (
        "take ScheduleFreeAdamW, ScheduleFreeSGD or ScheduleFreeRAdam"
    ),
    "D-Adapt": "take DAdaptAdam, DAdaptSGD or DAdaptLion",
    "PSGD, PSGD affine, XMat": "take PSGDKron or PSGDPro",
    "nano SOAP": "take SOAP",
    "Newton, Newton's method, Hessian-free, truncated Newton, TNC": "take NewtonCG",
    "Gauss-Newton, GGN, LM, least squares": "take LevenbergMarquardt",
    "dogleg, trust-ncg, trust-krylov, trust-exact": "take TrustRegion",
    "L-BFGS-B, LBFGSB": "take LBFGS, which takes bounds, too",
    "conjugate gradient, nonlinear CG, Fletcher-Reeves, Polak-Ribiere": "take CG",
    "Broyden, self-scaled Broyden": "take SSBroyden",
}
"""What to take, by other names of it."""
