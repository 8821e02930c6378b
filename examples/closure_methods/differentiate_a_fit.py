"""How strong should each penalty be? Go down the validation loss, through the fit: implicit differentiation."""

import torch
from torch.nn.functional import softplus

from thalweg.optimizers.closure import minimize

torch.manual_seed(0)
FEATURES, TELLING = 40, 4


def draw(count):
    inputs = torch.randn(count, FEATURES, dtype=torch.float64)
    score = inputs[:, :TELLING].sum(1) + torch.randn(count, dtype=torch.float64)
    return inputs, score.sign()


train, validation, test = draw(60), draw(200), draw(2000)


def loss(weights, data):
    inputs, signs = data
    return softplus(-signs * (inputs @ weights)).mean()


def fitted(penalties, differentiable=False):
    """Return the weights of the penalized regression; they know their derivative by the penalties if asked."""
    return minimize(
        lambda w: loss(w, train) + (penalties.exp() * w.square()).sum(),
        torch.zeros(FEATURES, dtype=torch.float64),
        differentiable=differentiable,
    ).x


def validated(p):
    """Return the validation loss of the fit: a function of the penalties alone."""
    return loss(fitted(p["telling"] * mask + p["others"] * (1 - mask), differentiable=True), validation)


mask = (torch.arange(FEATURES) < TELLING).double()
start = {"telling": torch.tensor(-3.0, dtype=torch.float64), "others": torch.tensor(-3.0, dtype=torch.float64)}
print(f"validation loss {validated(start):.4f} with equal penalties")

found = minimize(validated, start, max_iter=20, bounds=[(-9.0, 3.0)] * 2)
print(f"validation loss {found.fun:.4f} after {found.nfev} fits")
print(f"penalty of features that tell {found.x['telling'].exp():.4f}, of the others {found.x['others'].exp():.4f}")
for name, p in (("equal", start), ("learned", found.x)):
    weights = fitted(p["telling"] * mask + p["others"] * (1 - mask))
    right = ((test[0] @ weights).sign() == test[1]).double().mean()
    print(f"{name:7} penalties: test accuracy {right:.1%}")
