import torch

import thalweg as optim


def test_the_first_step_is_lr_within_the_step_sizes():
    small, large = torch.zeros(1), torch.zeros(1)
    optimizer = optim.RProp([{"params": small}, {"params": large, "lr": 100.0}], lr=0.5, step_sizes=(1e-6, 2))
    small.grad, large.grad = torch.ones(1), -torch.ones(1)
    optimizer.step()
    assert (small.item(), large.item()) == (-0.5, 2)


def test_a_weight_whose_gradient_turned_rests_for_one_step():
    param = torch.zeros(1)
    optimizer = optim.RProp([param], lr=0.5)
    path = []
    for gradient in (1, -1, -1):
        param.grad = torch.tensor([float(gradient)])
        optimizer.step()
        path.append(param.item())
    assert path == [-0.5, -0.5, -0.25]
