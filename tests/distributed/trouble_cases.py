"""What is tried on 2 processes where something is wrong, on one of them or on both: each says what it was told."""

import warnings

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import init_device_mesh

import thalweg

from .compared import COLUMNS, LINES, divided, drawn


def said(call):
    """Give the sentence of an error."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def a_gradient_that_is_divided_otherwise_is_refused():
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(drawn((8, 8), 1), mesh, LINES))
    part.grad = divided(drawn((8, 8), 2), mesh, COLUMNS)
    return said(thalweg.AdamW([("weight", part)]).step)


def a_plain_state_is_refused():
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(drawn((8, 8), 1), mesh, LINES))
    part.grad = divided(drawn((8, 8), 2), mesh, LINES)
    optimizer = thalweg.AdamW([("weight", part)])
    optimizer.step()
    optimizer.state[part]["exp_avg"] = torch.zeros(8, 8)
    return said(optimizer.step)


def one_process_has_fewer_parameters():
    mesh = init_device_mesh("cpu", (2,))
    parts = [torch.nn.Parameter(divided(drawn((8, 8), index), mesh, LINES)) for index in range(2)]
    for part in parts:
        part.grad = divided(drawn((8, 8), 2), mesh, LINES)
    return said(thalweg.LAMB(parts[dist.get_rank() :]).step)


def one_process_has_an_empty_group():
    mesh = init_device_mesh("cpu", (2,))
    parts = [torch.nn.Parameter(divided(drawn((8, 8), index), mesh, LINES)) for index in range(2)]
    for part in parts:
        part.grad = divided(drawn((8, 8), 2), mesh, LINES)
    groups = [{"params": parts[:1]}, {"params": [] if dist.get_rank() else parts[1:]}]
    return said(thalweg.Muon(groups).step)


def one_process_fails_in_a_later_step():
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(drawn((8, 8), 1), mesh, LINES))
    part.grad = divided(drawn((8, 8), 2), mesh, LINES)
    optimizer = thalweg.LAMB([("weight", part)])
    optimizer.step()
    before = part.full_tensor()
    if dist.get_rank() == 1:
        part.grad = divided(drawn((8, 8), 2), mesh, COLUMNS)
    told = said(optimizer.step)
    part.grad = divided(drawn((8, 8), 2), mesh, LINES)
    stayed = torch.equal(part.full_tensor(), before)
    optimizer.step()
    return told, stayed, torch.equal(part.full_tensor(), before)


def begun(**options):
    """Make an optimizer of one sharded matrix, all processes of which have taken two steps."""
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(drawn((100, 50), 1), mesh, LINES))
    part.grad = divided(drawn((100, 50), 2), mesh, LINES)
    optimizer = thalweg.AdamW([("weight", part)], **options)
    for _ in range(2):
        optimizer.step()
    return optimizer, part


def one_process_gets_an_empty_group_later():
    optimizer, _ = begun(max_grad_norm=1.0)
    if dist.get_rank() == 0:
        optimizer.add_param_group({"params": []})
    return said(optimizer.step)


def one_process_clips_no_more():
    optimizer, _ = begun(max_grad_norm=1.0)
    if dist.get_rank() == 1:
        optimizer.param_groups[0]["max_grad_norm"] = None
    return said(optimizer.step)


def one_process_has_other_options():
    """Also where a step without them would need no message; then all take the same ones, and step."""
    told = []
    for name, value in (("max_grad_norm", 1.0), ("lr", torch.tensor(0.5)), ("betas", (0.5, 0.9))):
        mesh, options = init_device_mesh("cpu", (2,)), {name: value} if dist.get_rank() else {}
        part = torch.nn.Parameter(divided(drawn((8, 8), 1), mesh, LINES))
        part.grad = divided(drawn((8, 8), 2), mesh, LINES)
        optimizer = thalweg.AdamW([("weight", part)], **options)
        told.append(said(optimizer.step))
        optimizer.param_groups[0][name] = value
        told += [said(optimizer.step), torch.equal(part.full_tensor(), drawn((8, 8), 1))]
    return told


def one_process_has_a_wrong_gradient_at_first():
    """The others would need nothing of it, and hear of it."""
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(drawn((8, 8), 1), mesh, LINES))
    part.grad = divided(drawn((8, 8), 2), mesh, COLUMNS if dist.get_rank() else LINES)
    return said(thalweg.AdamW([("weight", part)]).step)


def one_process_knows_another_mesh():
    """The other one, which knows of no other mesh, is told."""
    optimizer, _ = begun(max_grad_norm=1.0)
    alone = init_device_mesh("cpu", (2, 1), mesh_dim_names=("a", "b"))["b"]
    if dist.get_rank() == 0:
        part = torch.nn.Parameter(divided(torch.ones(2, 2), alone, LINES))
        optimizer.add_param_group({"params": [("alone", part)]})
    return said(optimizer.step)


def one_process_fails_where_only_blocks_are_shared():
    optimizer, part = begun(state_dtype="8bit")
    if dist.get_rank() == 0:
        part.grad = divided(drawn((100, 50), 2), part.device_mesh, COLUMNS)
    return said(optimizer.step)


def one_process_cannot_load():
    """Its steps go on with the states that it has; nobody waits in vain."""
    optimizer, _ = begun(max_grad_norm=1.0)
    states = optimizer.state_dict()
    if dist.get_rank() == 1:
        states["state"][0]["exp_avg"] = torch.zeros(100, 50)
    return said(lambda: optimizer.load_state_dict(states)), said(optimizer.step)


def meshes_that_differ_are_refused():
    wide = init_device_mesh("cpu", (2,))
    alone = init_device_mesh("cpu", (2, 1), mesh_dim_names=("a", "b"))["b"]
    pairs = [("wide", divided(torch.ones(2, 2), wide, LINES)), ("alone", divided(torch.ones(2, 2), alone, LINES))]
    params = [(name, torch.nn.Parameter(value)) for name, value in pairs]
    for _, param in params:
        param.grad = param.detach().clone()
    return said(thalweg.SGD(params, lr=0.5, max_grad_norm=1.0).step)


def a_process_leaves():
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(torch.ones(2, 2), mesh, LINES))
    part.grad = divided(torch.ones(2, 2), mesh, LINES)
    optimizer = thalweg.SGD([part], lr=0.5, max_grad_norm=1.0)
    optimizer.step()
    if dist.get_rank() == 1:
        dist.destroy_process_group()
        dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
        return "left"
    return said(optimizer.step), said(thalweg.SGD([part], lr=0.5, max_grad_norm=1.0).step)


def least_squares_needs_whole_parameters():
    part = torch.nn.Parameter(divided(drawn((7, 2), 3), init_device_mesh("cpu", (2,)), LINES))
    return said(lambda: thalweg.LevenbergMarquardt([part]).step(lambda: part.full_tensor().reshape(-1)))


def rates_are_not_tried_on_what_cannot_be_copied():
    model = fully_shard(torch.nn.Linear(4, 2))
    optimizer = thalweg.SGD(model.parameters(), lr=0.1)
    return said(lambda: thalweg.find_lr(model, optimizer, [drawn((3, 4), 1)], lambda net, batch: net(batch).sum()))


def an_optimizer_was_made_before_fully_shard():
    """Its parameters are nobody's any more: one is told by name, and the one made afterwards is told nothing."""
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
    before = thalweg.AdamW(net.named_parameters())
    fully_shard(net, mesh=init_device_mesh("cpu", (2,)))
    net(torch.ones(2, 4)).sum().backward()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        before.step()
        thalweg.AdamW(net.named_parameters()).step()
    return [str(warning.message) for warning in told]


def fully_shard_has_no_second_derivatives():
    """Neither of a module that stays whole until its backward pass, nor of one that does not."""
    told = []
    for stays in (True, False):
        model = fully_shard(torch.nn.Sequential(torch.nn.Linear(4, 2)), reshard_after_forward=not stays)
        loss = model(drawn((3, 4), 1)).square().sum()
        told.append(said(lambda model=model, loss=loss: thalweg.hutchinson(model.parameters(), loss)))
    loss.backward()
    return [*told, said(thalweg.AdaHessian(model.parameters()).step)]


WRONG_ON_TWO = [
    rates_are_not_tried_on_what_cannot_be_copied,
    an_optimizer_was_made_before_fully_shard,
    fully_shard_has_no_second_derivatives,
    a_gradient_that_is_divided_otherwise_is_refused,
    a_plain_state_is_refused,
    one_process_has_fewer_parameters,
    one_process_has_an_empty_group,
    one_process_fails_in_a_later_step,
    one_process_gets_an_empty_group_later,
    one_process_clips_no_more,
    one_process_has_other_options,
    one_process_has_a_wrong_gradient_at_first,
    one_process_knows_another_mesh,
    one_process_fails_where_only_blocks_are_shared,
    one_process_cannot_load,
    meshes_that_differ_are_refused,
    least_squares_needs_whole_parameters,
    a_process_leaves,
]
"""The last one ends with a process that has left."""
