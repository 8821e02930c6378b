"""Whatever is changed between two steps, by whoever: the next step is the eager engine's."""

import copy
from collections import defaultdict

import pytest
import torch

from ..conftest import all_params

CHANGES = []


def change(function):
    CHANGES.append(pytest.param(function, id=function.__name__))
    return function


def first(optimizer):
    return optimizer.param_groups[0]["params"][0]


@change
def state_replaced(optimizer):
    state = optimizer.state[first(optimizer)]
    state["exp_avg"] = state["exp_avg"] * 2


@change
def state_updated(optimizer):
    optimizer.state[first(optimizer)].update(exp_avg=torch.ones(3, 3))


@change
def state_deleted(optimizer):
    del optimizer.state[first(optimizer)]


@change
def state_lacks_one(optimizer):
    optimizer.state[first(optimizer)].pop("exp_avg")


@change
def all_states_cleared(optimizer):
    optimizer.state.clear()


@change
def all_states_replaced(optimizer):
    optimizer.state = defaultdict(dict)


@change
def state_in_place(optimizer):
    optimizer.state[first(optimizer)]["exp_avg_sq"].mul_(4)


@change
def step_in_place(optimizer):
    optimizer.state[first(optimizer)]["step"].fill_(99)


@change
def state_in_another_dtype(optimizer):
    state = optimizer.state[first(optimizer)]
    state["exp_avg"] = state["exp_avg"].bfloat16()


@change
def state_wider_than_the_parameter(optimizer):
    state = optimizer.state[first(optimizer)]
    state["exp_avg"] = state["exp_avg"].double()


@change
def step_in_float64(optimizer):
    state = optimizer.state[first(optimizer)]
    state["step"] = state["step"].double()


@change
def state_laid_out_differently(optimizer):
    state = optimizer.state[first(optimizer)]
    state["exp_avg"] = state["exp_avg"].t().contiguous().t()


@change
def state_shared(optimizer):
    one, other = (optimizer.state[param] for param in all_params(optimizer)[:2])
    other["exp_avg"] = one["exp_avg"]


@change
def step_shared(optimizer):
    one, other = (optimizer.state[param] for param in all_params(optimizer)[:2])
    other["step"] = one["step"]


@change
def loaded(optimizer):
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


@change
def param_moved(optimizer):
    first(optimizer).data = first(optimizer).data + 1


@change
def param_transposed_in_place(optimizer):
    first(optimizer).data = first(optimizer).data.t()


@change
def param_shares_anothers_memory(optimizer):
    one, other = all_params(optimizer)[:2]
    other.data = one.data


@change
def params_swapped(optimizer):
    one, other = all_params(optimizer)[:2]
    one.data, other.data = other.data, one.data


@change
def param_in_half_precision(optimizer):
    param = first(optimizer)
    param.data, param.grad = param.data.half(), None


@change
def param_in_double_precision(optimizer):
    param = first(optimizer)
    param.data, param.grad = param.data.double(), None


@change
def param_in_the_same_place_as_another_dtype(optimizer):
    param = first(optimizer)
    param.data, param.grad = param.data.view(torch.bfloat16)[:, ::2].clone().view(-1)[:9].view(3, 3), None


@change
def param_smaller_in_place(optimizer):
    param = first(optimizer)
    param.data = param.data[:2]
    param.grad.data = param.grad.data[:2]
    for name in ("exp_avg", "exp_avg_sq"):
        optimizer.state[param][name] = optimizer.state[param][name][:2]


@change
def gradient_moved(optimizer):
    first(optimizer).grad.data = torch.randn(3, 3)


@change
def gradient_transposed_in_place(optimizer):
    first(optimizer).grad.data = first(optimizer).grad.data.t()


@change
def gradient_laid_out_differently(optimizer):
    first(optimizer).grad = torch.randn(3, 3).t()


@change
def gradient_with_gaps(optimizer):
    first(optimizer).grad = torch.randn(3, 6)[:, ::2]


@change
def gradient_expanded(optimizer):
    first(optimizer).grad = torch.randn(3, 1).expand(3, 3)


@change
def gradient_negated_lazily(optimizer):
    first(optimizer).grad = torch._neg_view(torch.randn(3, 3))


@change
def gradient_is_the_parameter(optimizer):
    first(optimizer).grad = first(optimizer).detach()


@change
def gradient_is_another_parameter(optimizer):
    one, other = all_params(optimizer)[:2]
    one.grad, other.grad = other.detach(), one.detach()


@change
def gradient_shared(optimizer):
    one, other = all_params(optimizer)[:2]
    one.grad = other.grad


@change
def gradient_gone(optimizer):
    first(optimizer).grad = None


@change
def requires_grad_off(optimizer):
    first(optimizer).requires_grad_(False)


@change
def group_added(optimizer):
    param = torch.nn.Parameter(torch.ones(4))
    param.grad = torch.ones(4)
    optimizer.add_param_group({"params": [param], "lr": 0.5})


@change
def group_replaced(optimizer):
    optimizer.param_groups[0] = optimizer.param_groups[0] | {"lr": 0.75}


@change
def groups_replaced(optimizer):
    optimizer.param_groups = [dict(group) for group in reversed(optimizer.param_groups)]


@change
def group_removed(optimizer):
    del optimizer.param_groups[0]


@change
def param_moved_to_another_group(optimizer):
    one, other = optimizer.param_groups
    other["params"].append(one["params"].pop())


@change
def param_replaced(optimizer):
    param = torch.nn.Parameter(torch.ones(3, 3))
    param.grad = torch.ones(3, 3)
    optimizer.param_groups[0]["params"][0] = param


@change
def lr(optimizer):
    optimizer.param_groups[0]["lr"] *= 10


@change
def betas_in_place(optimizer):
    optimizer.param_groups[0]["betas"] = [0.5, 0.5]
    optimizer.step()
    optimizer.param_groups[0]["betas"][0] = 0.25


@change
def lr_as_tensor_in_place(optimizer):
    optimizer.param_groups[0]["lr"] = torch.tensor(0.5)
    optimizer.step()
    optimizer.param_groups[0]["lr"].mul_(0.5)


@change
def weight_decay_on(optimizer):
    optimizer.param_groups[0]["weight_decay"] = 0.25


@change
def maximize(optimizer):
    optimizer.param_groups[0]["maximize"] = True


@change
def amsgrad(optimizer):
    optimizer.amsgrad = True


@pytest.mark.parametrize("happens", CHANGES)
def test_a_change_with_gradients_kept(pair, happens):
    pair.each(happens)
    pair.step_again()
    pair.step_again()


@pytest.mark.parametrize("happens", CHANGES)
def test_a_change_with_gradients_renewed(pair, happens):
    pair.each(happens)
    pair.step()
    pair.step()
