import torch

import thalweg as optim


def test_sum_starts_where_the_group_says():
    first, second = torch.zeros(2), torch.zeros(2)
    optimizer = optim.Adagrad([{"params": first}, {"params": second, "initial_accumulator_value": 0.5}])
    assert optimizer.state[first]["sum"].tolist() == [0, 0]
    assert optimizer.state[second]["sum"].tolist() == [0.5, 0.5]


def test_constant_gradients_have_no_variance_and_are_divided_by_eps_alone():
    param = torch.zeros(1, dtype=torch.float64)
    optimizer = optim.RMSProp([param], lr=1.0, alpha=0.0, eps=0.5, centered=True)
    param.grad = torch.full((1,), 0.1, dtype=torch.float64)
    optimizer.step()
    assert param.item() == -0.2


def test_rounding_makes_no_negative_variance():
    """These gradients, nearly constant, take square_avg below grad_avg**2 by rounding."""
    param = torch.zeros(200)
    optimizer = optim.RMSProp([param], alpha=0.5, centered=True)
    for _ in range(40):
        param.grad = torch.linspace(0.1, 1, 200)
        optimizer.step()
    assert param.isfinite().all()
