"""Two optimizers that pull in opposite directions: a generator learns a distribution by what fools a critic."""

import torch
from torch import nn

import thalweg as optim

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
critic = nn.Sequential(nn.Linear(1, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
# A short memory of past gradients, as the other side keeps changing.
makes = optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.9))
judges = optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.9))
likelihood = nn.functional.binary_cross_entropy_with_logits
real, fake = torch.ones(128, 1), torch.zeros(128, 1)

for _ in range(400):
    samples, made = 3 + torch.randn(128, 1), generator(torch.randn(128, 4))
    judges.zero_grad()
    (likelihood(critic(samples), real) + likelihood(critic(made.detach()), fake)).backward()
    judges.step()
    makes.zero_grad()
    likelihood(critic(made), real).backward()  # it leaves gradients in the critic, which its next zero_grad drops
    makes.step()

with torch.no_grad():
    made = generator(torch.randn(10_000, 4))
print(f"the data's mean is 3, the generator's {made.mean():.2f}")
