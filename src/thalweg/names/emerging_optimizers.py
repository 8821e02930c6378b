"""Names that NVIDIA's Emerging-Optimizers (August 2026) has registered."""

from .row import Row

LIBRARY = "emerging_optimizers"

MANIFOLD = "it moves weights that are held to a manifold, which no rule here does"

ROWS = [
    Row(LIBRARY, "muon", "Muon"),
    Row(LIBRARY, "lion", "Lion", {"weight_decay": 0.01}),
    Row(LIBRARY, "signum", "Signum", {"decoupled_weight_decay": True}, "the momentum is not corrected for its start at zero"),
    Row(LIBRARY, "laprop", "LaProp", {"eps": 1e-8, "decoupled_weight_decay": True}),
    Row(LIBRARY, "sim_ademamix", "SimplifiedAdEMAMix", {"decoupled_weight_decay": True}),
    Row(LIBRARY, "adaptive_muon", "AdaMuon", {}, note="moment2_method='normuon' is NorMuon"),
    Row(LIBRARY, "soap", "SOAP"),
    Row(LIBRARY, "stacked_soap", "SOAP", {}, note="parameters of one shape are stacked here without being asked"),
    Row(LIBRARY, "rekls", "SOAP", {"precondition_frequency": 1}, "eigenvectors are brought nearer by a step of QR, where this method computes them anew in each step"),
    Row(LIBRARY, "rekls_v3", "KLSOAP", {"precondition_frequency": 1}),
    Row(LIBRARY, "tp_rekls", instead="it is for tensor parallelism: take SOAP on the parameters that a process has"),
    Row(LIBRARY, "moso", instead="one-sided SOAP of the momentum is not among the rules here: take SOAP with max_precondition_dim below the longer side"),
    Row(LIBRARY, "kl_soap", "KLSOAP"),
    Row(LIBRARY, "kl_m_soap", instead="KL-SOAP of the momentum is not among the rules here: take kl_soap"),
    Row(LIBRARY, "muon_hyperball", "MuonH"),
    Row(LIBRARY, "scion", "Scion", {"momentum": 0.95}),
    Row(LIBRARY, "mop", "MOP"),
    Row(LIBRARY, "polargrad", "PolarGrad"),
    Row(LIBRARY, "spel", "SPEL"),
    Row(LIBRARY, "psgd_pro", "PSGDPro"),
    Row(LIBRARY, "iso", instead=f"{MANIFOLD}: take Muon"),
    Row(LIBRARY, "oblique_sgd", instead=f"{MANIFOLD}: take SGDP, which steps along spheres"),
    Row(LIBRARY, "oblique_adam", instead=f"{MANIFOLD}: take AdamP, which steps along spheres"),
]  # fmt: skip
