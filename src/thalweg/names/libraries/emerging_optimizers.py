"""Names that NVIDIA's Emerging-Optimizers (August 2026) has registered."""

from ..row import Row

LIBRARY = "emerging_optimizers"

REKLS = "eigenvectors are brought nearer by a step of QR, where this method computes them anew in each step"
KL = "it is the rule of the method's authors, whose means are not corrected for bias and whose first step only looks"

ROWS = [
    Row(LIBRARY, "muon", "Muon"),
    Row(LIBRARY, "lion", "Lion", {"weight_decay": 0.01}),
    Row(LIBRARY, "signum", "Signum", {"decoupled_weight_decay": True}, "the momentum is not corrected for its start at zero"),
    Row(LIBRARY, "laprop", "LaProp", {"eps": 1e-8, "decoupled_weight_decay": True}),
    Row(LIBRARY, "sim_ademamix", "SimplifiedAdEMAMix", {"decoupled_weight_decay": True}),
    Row(LIBRARY, "adaptive_muon", "AdaMuon", {}, note="moment2_method='normuon' is NorMuon"),
    Row(LIBRARY, "soap", "SOAP"),
    Row(LIBRARY, "stacked_soap", "SOAP", {}, note="parameters of one shape are stacked here without being asked"),
    Row(LIBRARY, "rekls", "SOAP", {"precondition_frequency": 1}, REKLS),
    Row(LIBRARY, "rekls_v3", "KLSOAP", {"precondition_frequency": 1}, f"{KL}; eigenvectors are brought nearer by a step of QR, where this method computes them anew"),
    Row(LIBRARY, "tp_rekls", "SOAP", {"precondition_frequency": 1}, REKLS, "parameters that are shared by tensor parallelism are DTensors here"),
    Row(LIBRARY, "moso", "MOSO"),
    Row(LIBRARY, "kl_soap", "KLSOAP", {"precondition_frequency": 1}, KL),
    Row(LIBRARY, "kl_m_soap", "KLSOAP", {"precondition_frequency": 1, "eps": 1e-30}, f"{KL}; eps is next to nothing, where it has none and keeps larger numbers instead"),
    Row(LIBRARY, "muon_hyperball", "Muon", {"hyperball": True, "weight_decay": 0.0}, note="each matrix keeps its first norm, where the original wants one radius for all"),
    Row(LIBRARY, "scion", "Scion", {"momentum": 0.95}),
    Row(LIBRARY, "mop", "MOP", {}, "a step is a fifth as long, that of AdamW: lr is five times the original's"),
    Row(LIBRARY, "polargrad", "PolarGrad"),
    Row(LIBRARY, "spel", "SPEL", {"lr": 3e-4, "weight_decay": 0.1}, "weights are made orthogonal to their own precision, where five steps of an iteration come near to that"),
    Row(LIBRARY, "psgd_pro", "PSGDPro", {}, "noise is drawn from other random numbers, and bounds of norms are not random"),
    Row(LIBRARY, "iso", instead="it moves the singular vectors of a matrix and keeps its singular values, which no rule here does: take SPEL, whose singular values are 1"),
    Row(LIBRARY, "oblique_sgd", "ObliqueSGD", {}, "the momentum is kept from step to step, where the original forgets it"),
    Row(LIBRARY, "oblique_adam", "ObliqueAdam", {}, "the second moment is corrected for bias under its root, and not beside it"),
]  # fmt: skip
