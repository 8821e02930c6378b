"""Learn a learning rate: backpropagate through 20 steps of training, to the rate that they were taken with.

The inner training fits a line to noisy points by gradient descent with momentum. Each of its steps is part of the
graph (`differentiable=True`), so the loss after the last one has a gradient with respect to the learning rate and the
momentum; an outer optimizer follows it.
"""

import torch

import thalweg as optim

STEPS, ROUNDS = 20, 40


def points():
    """Noisy points on a line."""
    x = torch.linspace(-1, 2, 50)
    return x, 3 * x - 1 + 0.1 * torch.randn(50)


def loss_of(weights, x, y):
    slope, offset = weights
    return (slope * x + offset - y).square().mean()


def train(lr, momentum, x, y):
    """Take the inner steps; what is returned knows how it depends on lr and momentum."""
    weights = torch.zeros(2, requires_grad=True).clone()  # not a leaf: it changes within the graph
    optimizer = optim.SGD([weights], lr=lr, momentum=momentum, differentiable=True)
    for _ in range(STEPS):
        loss = loss_of(weights, x, y)
        [weights.grad] = torch.autograd.grad(loss, [weights], create_graph=True)
        optimizer.step()
    return loss_of(weights, x, y)


torch.manual_seed(0)
x, y = points()
# Learned on scales where every number is allowed: rates are positive, momenta between 0 and 1.
log_lr = torch.tensor(-5.0, requires_grad=True)
logit = torch.tensor(-2.0, requires_grad=True)
outer = optim.Adam([log_lr, logit], lr=0.1)

for turn in range(ROUNDS + 1):
    outer.zero_grad()
    loss = train(log_lr.exp(), logit.sigmoid(), x, y)
    if turn % 20 == 0:
        rates = f"lr {log_lr.exp().item():.4f}, momentum {logit.sigmoid().item():.3f}"
        print(f"round {turn:2}: {rates}: loss after {STEPS} steps {loss.item():.4f}")
    loss.backward()
    outer.step()
