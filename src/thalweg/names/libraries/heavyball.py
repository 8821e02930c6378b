"""Names of HeavyBall 3.2: its classes, with its own defaults."""

from typing import Any

from ..row import Row

LIBRARY = "heavyball"

ADAM: dict[str, Any] = {"lr": 2.5e-3, "betas": (0.9, 0.99), "weight_decay": 0.0}
SOAP: dict[str, Any] = {"lr": 3e-3, "betas": (0.9, 0.95), "precondition_frequency": 2, "max_precondition_dim": 2048}
MUON: dict[str, Any] = {"lr": 2.5e-3, "momentum": 0.9, "weight_decay": 0.0, "ns_coefficients": "quintic"}
AHEAD = "the newest gradient weighs 1 - momentum beside the mean, where HeavyBall adds it whole"
DRAWS = "probes are drawn from other random numbers, and factors are moved by another schedule"
OFTEN = "bases are found anew every precondition_frequency steps, where HeavyBall has a schedule for that, and small dimensions are merged there"

ROWS = [
    Row(LIBRARY, "SGD", "SGD", {"lr": 2.5e-3, "momentum": 0.9, "decoupled_weight_decay": True}),
    Row(LIBRARY, "AdamW", "AdamW", ADAM),
    Row(LIBRARY, "NAdam", "NAdam", {}, "decay is part of gradients, where HeavyBall takes it off the step again"),
    Row(LIBRARY, "AdEMAMix", "AdEMAMix", {"alpha": 2.0, "decoupled_weight_decay": True}),
    Row(LIBRARY, "UnscaledAdamW", instead="its mean square is not corrected for bias, which no option here leaves out: take AdamW"),
    Row(LIBRARY, "SUDSAdamW", instead="it turns gradients by a direction of its own, for which there is no paper: take AdamW"),
    Row(LIBRARY, "Scion", "Scion", {"lr": 2.5e-3}, "parameters begin as they are, where HeavyBall draws them anew; the iteration has other coefficients"),
    Row(LIBRARY, "AdamC", "AdamC", ADAM),
    Row(LIBRARY, "RMSprop", "AdamW", {**ADAM, "betas": (0.0, 0.99), "eps": 1e-6}),
    Row(LIBRARY, "HyperBallAdamW", "AdamW", {**ADAM, "betas": (0.0, 0.99), "hyperball": True}, "matrices do not decay"),
    Row(LIBRARY, "MuonAdamW", "Muon", {**MUON, "adamw_lr": 2.5e-3, "adamw_betas": (0.9, 0.99), "adamw_weight_decay": 0.0}, AHEAD),
    Row(LIBRARY, "SFAdamW", "ScheduleFreeAdamW", {"betas": (0.9, 0.99), "eps": 1e-6}, "a point weighs by the largest rate so far, where HeavyBall goes by the rate of its step"),
    Row(LIBRARY, "MSAMLaProp", instead="it takes gradients ahead along the momentum, which no rule here does: take LaProp, with thalweg.SAM around it"),
    Row(LIBRARY, "ADOPT", "ADOPT", {"lr": 2.5e-3, "betas": (0.9, 0.99), "eps": 1e-8, "decoupled_weight_decay": True}, "quotients are bounded, and means are not corrected for their start"),
    Row(LIBRARY, "Muon", "Muon", MUON, AHEAD, "vectors are left to AdamW, where HeavyBall steps along their momentum"),
    Row(LIBRARY, "LaProp", "LaProp", {"lr": 2.5e-3, "betas": (0.9, 0.99), "eps": 1e-8, "decoupled_weight_decay": True}, "the momentum remembers the rates of its steps, where HeavyBall multiplies by the newest rate last"),
    Row(LIBRARY, "MuonLaProp", instead="it makes LaProp's steps orthogonal, which no rule here does: take Muon"),
    Row(LIBRARY, "SOAP", "SOAP", SOAP, note=OFTEN),
    Row(LIBRARY, "KLSOAP", "KLSOAP", SOAP, note=OFTEN),
    Row(LIBRARY, "KLShampoo", "KLShampoo", SOAP, note=OFTEN),
    Row(LIBRARY, "SOAPNAdam", instead="it has another rule inside of SOAP's bases: take SOAP"),
    Row(LIBRARY, "SOAPAdEMAMix", instead="it has another rule inside of SOAP's bases: take SOAP"),
    Row(LIBRARY, "SignLaProp", instead="it takes the signs of LaProp's steps, for which there is no paper: take Signum"),
    Row(LIBRARY, "SOLP", instead="it has another rule inside of SOAP's bases: take SOAP"),
    Row(LIBRARY, "HeavySOAP", instead="it is a variant of its authors, for which there is no paper: take SOAP"),
    Row(LIBRARY, "HeavyKLSOAP", instead="it is a variant of its authors, for which there is no paper: take KLSOAP"),
    Row(LIBRARY, "HeavyKLShampoo", instead="it is a variant of its authors, for which there is no paper: take KLShampoo"),
    Row(LIBRARY, "HeavySOAPNAdam", instead="it has another rule inside of SOAP's bases: take SOAP"),
    Row(LIBRARY, "HeavySOAPAdEMAMix", instead="it has another rule inside of SOAP's bases: take SOAP"),
    Row(LIBRARY, "HeavySOLP", instead="it has another rule inside of SOAP's bases: take SOAP"),
    Row(LIBRARY, "OrthoLaProp", instead="it takes from gradients what lies along the parameter, before LaProp: take AdamP, which takes it from steps"),
    Row(LIBRARY, "LaPropOrtho", instead="it takes from LaProp's steps what lies along the parameter: take AdamP, which does so with Adam's"),
    Row(LIBRARY, "PSGDKron", "PSGDKron", {}, DRAWS),
    Row(LIBRARY, "LATHER", instead="it has Adam inside of PSGD's factors, for which there is no paper: take SOAP, which has it in bases of eigenvectors"),
    Row(LIBRARY, "PSGDPRO", "PSGDPro", {}, DRAWS),
    Row(LIBRARY, "QSGD", instead="it multiplies by one of PSGD's factors once, and not twice: take PSGDKron"),
    Row(LIBRARY, "PSGDLRA", instead="its factor is of low rank over the whole model: take PSGDKron"),
    Row(LIBRARY, "SplitOpt", instead="it holds several optimizers: take parameter groups, or one optimizer for each part of the model"),
    Row(LIBRARY, "SAMWrapper", instead="it goes around another optimizer: thalweg.SAM does that"),
]  # fmt: skip
