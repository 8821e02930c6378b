"""Logistic regression on scikit-learn's breast cancer data: four methods, one loss."""

import torch
from sklearn.datasets import load_breast_cancer
from torch.nn.functional import softplus

from thalweg.optimizers.closure import minimize

torch.manual_seed(0)
bunch = load_breast_cancer()
features = torch.tensor(bunch.data)
features = (features - features.mean(0)) / features.std(0)
signs = torch.tensor(2.0 * bunch.target - 1)
order = torch.randperm(len(signs))
train, test = order[:400], order[400:]


def loss(p):
    margins = signs[train] * (features[train] @ p["weight"] + p["bias"])
    return softplus(-margins).mean() + 1e-3 * p["weight"].square().sum()


start = {"weight": torch.zeros(30, dtype=torch.float64), "bias": torch.zeros((), dtype=torch.float64)}
for method in ("lbfgs", "cg", "bfgs", "trust-region"):
    found = minimize(loss, start, method)
    right = (features[test] @ found.x["weight"] + found.x["bias"]).sign() == signs[test]
    accuracy = right.double().mean()
    print(f"{method:13} loss {found.fun:.10f}  {found.nfev + found.nhev:3} evaluations  test accuracy {accuracy:.1%}")
