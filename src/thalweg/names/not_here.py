"""Rules that have been published and are not here: what each does, and which one here is near to it."""

OF_MUON = "it is a relative of Muon that is not here: take Muon, NorMuon or AdaMuon"
OF_A_LOSS = "its rate follows from the loss: take PolyakSGD, MoMo or AliG, whose rates do so, too"

NOT_HERE: dict[str, str] = {
    "Muon2, Muon², Muon+, Contra-Muon, Newton-Muon, DynMuon, HTMuon, MuonEq, MuonBP, Drop-Muon, LiMuon, Turbo-Muon, "
    "AuON, REG, ROOT, SUMO, Mano, NAMO, EF21-Muon": OF_MUON,
    "MARS-M, MARS-Muon, MARS-Lion, MARS-Shampoo": (
        "it corrects gradients as MARS does, for another rule: take MARS, which does so for Adam"
    ),
    "COSMOS": "it has SOAP in leading directions and Muon in the others: take SOAPMuon or SOAP",
    "ASGO, one-sided Shampoo": (
        "it has Shampoo's factor on one side alone: take SOAP, whose max_precondition_dim leaves out the longer side"
    ),
    "CASPR, Sketchy, KrADagrad, M-FAC": "it has other factors than Shampoo for the same end: take Shampoo or SOAP",
    "SWAN": "it normalizes and whitens gradients, without states: take SinkGD, which has none either",
    "LDAdam, SubTrack, SubTrack++, GaLore2, GoLore, Lotus, FRUGAL, FLORA, MoFaSGD, AdaRankGrad": (
        "it keeps states of a low rank, in a subspace of its own choice: put thalweg.GaLore, thalweg.Fira or "
        "thalweg.APOLLO around a rule"
    ),
    "LoRA-Pro, LoRA-RITE": (
        "it steps the two matrices of a LoRA layer together, so that they must be told apart: take AdamW, with a "
        "larger rate for the second of them"
    ),
    "MicroAdam, Adapprox, SMMF, H-Fac": (
        "it keeps small states: take Adafactor, CAME or AdamMini, or pass state_dtype='8bit' to any optimizer"
    ),
    "Adam++, AdaGrad++": (
        "it finds its rate from the way that parameters have come: take Prodigy, DAdaptAdaGrad or DoG, which do so, too"
    ),
    "AdaGrad-Norm": "it has one rate for all weights, from the norms of gradients: take DoG or DoWG",
    "hypergradient descent, hypergradient SGD, Adam-HD, SGD-HD, YellowFin": (
        "it tunes its own rate: take Prodigy, or put thalweg.Mechanic around an optimizer"
    ),
    "L4, L4Adam, L4Mom, NGN, NGN-M, IAM, SPSmax, DecSPS": OF_A_LOSS,
    "SLS, Armijo, stochastic line search, PoNoS": (
        "it searches along lines of mini-batches: take PolyakSGD or MoMo, whose rates follow from losses, or LBFGS on "
        "full batches"
    ),
    "AdaLayer, layerwise Adam": "it has one mean square for each layer: take NovoGrad or AdamMini",
    "CPR, AdamCPR": (
        "it bounds weights in place of letting them decay: take AdamW, or pass hyperball=True, which keeps norms"
    ),
    "SMORMS3, Eve, AdaSqrt": "it is a relative of RMSProp and Adam that is not here: take RMSProp or Adam",
    "NosAdam, AdaX": "it is Adam with a longer memory of squares: take Adam, with amsgrad=True",
    "AddSign, PowerSign": "its steps grow where signs of gradients and momentum agree: take Grams or Lion",
    "Madam": "it multiplies weights in place of adding to them: take Fromage, which is of the same authors",
    "ISTA, FISTA, ProxSGD, ProxAdam, proximal gradient, FOBOS, RDA, OWL-QN": (
        "it makes weights zero by a step of their own: take FTRL, whose lambda_1 does so"
    ),
    "Riemannian Adam, Riemannian SGD, RAdam on manifolds, Cayley SGD": (
        "it moves along a manifold: take ObliqueSGD or ObliqueAdam for vectors of norm 1, SPEL for orthogonal "
        "matrices, or torch.nn.utils.parametrizations for others"
    ),
    "ESAM, SSAM, GAM, MSAM, Momentum-SAM, FisherSAM, gradient norm penalty": (
        "it is a relative of SAM that is not here: put thalweg.SAM, thalweg.LookSAM or thalweg.FriendlySAM around an "
        "optimizer"
    ),
    "m-SAM, m-sharpness": (
        "it is SAM with a worst point for each part of a batch: put thalweg.SAM around an optimizer, and call in_parts"
    ),
    "VOGN, Vadam": "it learns a distribution of parameters, and takes gradients at draws from it: take IVON",
    "EmoNavi, EmoFact, EmoLynx, EmoSens, EmoAiry, EmoCats, EmoVoid": (
        "its rate follows the loss that a closure returns, for which there is no paper: take AdamW, Adafactor or Lion"
    ),
    "Automagic, Automagic2, Automagic3": (
        "it has a rate for each weight that follows how signs change, for which there is no paper: take Adafactor, or "
        "Prodigy, which finds its rate"
    ),
    "Compass, FCompass, FARMSCrop, FARMSCropV2, FMARSCrop, FishMonger, LPFAdamW": (
        "it is its author's, for which there is no paper: take AdamW, or AdEMAMix, which has a slow mean, too"
    ),
    "SR1, DFP": "it has another formula than BFGS for the same matrix: take BFGS or LBFGS",
    "Anderson acceleration, Anderson mixing, Barzilai-Borwein": (
        "it makes steps of a few earlier ones: take LBFGS, which does so, too"
    ),
    "QuickProp": "it makes steps from how each gradient changes: take RProp or LBFGS",
}
"""What published rules do, and what to take, by their names."""
