"""Distributed checkpoints of sharded training: saved on four processes, loaded on two and on one."""

import os
import signal

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import distribute_tensor, init_device_mesh

import thalweg as optim

from ..forked import FORKED
from .processes import outcomes

RUNS = {
    "plain": (optim.AdamW, torch.float32, {"max_grad_norm": 1.0, "ema_decay": 0.5}),
    "eight bits": (optim.AdamW, torch.float32, {"state_dtype": "8bit"}),
    "four bits": (optim.AdamW, torch.float32, {"state_dtype": "4bit"}),
    "stochastic": (optim.AdamW, torch.bfloat16, {"rounding": "stochastic", "state_dtype": torch.bfloat16}),
    "master": (optim.Adam, torch.bfloat16, {"rounding": "master"}),
    "kahan": (optim.SGD, torch.bfloat16, {"rounding": "kahan", "momentum": 0.5}),
    "gathered": (optim.AdamW, torch.float32, {"accumulate": 2}),
    "learned": (optim.Prodigy, torch.float32, {}),
    "matrices": (optim.Muon, torch.float32, {}),
    "bases": (optim.SOAP, torch.float32, {"precondition_frequency": 2}),
    "factors": (optim.Adafactor, torch.float32, {}),
}

KINDS = {
    "sharded": {},
    "flat": {"flatten_optimizer_state_dict": True},
    "full": {"full_state_dict": True, "cpu_offload": True},
}
"""The ways in which states are saved; each run is saved in two of them."""


def network(dtype, mesh=None):
    """Weights of which some are large enough for codes, and rows that are no whole blocks."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(72, 70), nn.LayerNorm(70), nn.Linear(70, 5)).to(dtype)
    if mesh is not None:
        fully_shard(net, mesh=mesh)
    return net


def train(net, optimizer, steps):
    """Take steps along the same gradients, however parameters are divided."""
    for step in steps:
        for place, param in enumerate(net.parameters()):
            torch.manual_seed(100 * step + place)
            grad = torch.randn(param.shape).to(param.dtype)
            if hasattr(param, "placements"):
                grad = distribute_tensor(grad, param.device_mesh, param.placements)
            param.grad = grad
        optimizer.step()
    optimizer.zero_grad()


def prepared(name, mesh):
    cls, dtype, options = RUNS[name]
    net = network(dtype, mesh)
    return net, cls(net.named_parameters(), lr=0.1, **options)


def kinds(name):
    """Choose two of the kinds for each run; low bits are of 16, which backends do not gather."""
    if name == "master":
        return ["sharded", "flat"]
    names, place = list(KINDS), list(RUNS).index(name)
    return [names[place % 3], names[(place + 1) % 3]]


def whole(value):
    if not hasattr(value, "full_tensor"):
        return value
    # Backends do not gather whole numbers of 16 bits.
    return value.to(torch.int32).full_tensor().to(value.dtype) if value.dtype is torch.int16 else value.full_tensor()


def saved(folder):
    """Train for three steps, and save; and save what a run has that nobody stops."""
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for place, name in enumerate(RUNS):
        if place % dist.get_world_size() == dist.get_rank():
            net, optimizer = prepared(name, None)
            train(net, optimizer, range(5))
            torch.save((net.state_dict(), optimizer.state_dict()["state"]), f"{folder}/{name} unstopped.pt")
        dist.barrier()
        net, optimizer = prepared(name, mesh)
        train(net, optimizer, range(3))
        for kind in kinds(name):
            how = StateDictOptions(**KINDS[kind])
            states = get_optimizer_state_dict(net, optimizer, options=how)
            parameters = {key: whole(value.detach()) for key, value in net.state_dict().items()}
            if kind == "full":
                if dist.get_rank() == 0:
                    torch.save((states, parameters), f"{folder}/{name} {kind}.pt")
            else:
                dcp.save({"states": states, "parameters": parameters}, checkpoint_id=f"{folder}/{name} {kind}")
        dist.barrier()


def loaded(folder):
    """Load, go on for two steps, and give what is other than if nobody had ever stopped."""
    count, found = dist.get_world_size(), {}
    mesh = init_device_mesh("cpu", (count,)) if count > 1 else None
    for name in RUNS:
        unstopped = torch.load(f"{folder}/{name} unstopped.pt", weights_only=True)
        for kind in kinds(name):
            twin, fresh = prepared(name, mesh)
            _load(f"{folder}/{name} {kind}", kind, twin, fresh)
            train(twin, fresh, range(3, 5))
            found[name, kind] = list(_differences(*unstopped, twin, fresh))
    return found


def _load(path, kind, net, optimizer):
    how = StateDictOptions(**KINDS[kind])
    parameters = {key: whole(value.detach()) for key, value in net.state_dict().items()}
    if kind == "full":
        states, parameters = torch.load(f"{path}.pt", weights_only=True)
    else:
        states = get_optimizer_state_dict(net, optimizer, options=how)
        content = {"states": states, "parameters": parameters}
        dcp.load(content, checkpoint_id=path)
        states, parameters = content["states"], content["parameters"]
    set_optimizer_state_dict(net, optimizer, states, options=how)
    with torch.no_grad():
        for key, param in net.named_parameters():
            value = parameters[key]
            param.copy_(
                distribute_tensor(value, param.device_mesh, param.placements)
                if value.dim() and hasattr(param, "placements")
                else value
            )


def _differences(params, states, twin, fresh):
    for key, other in twin.named_parameters():
        if not torch.equal(params[key], whole(other.detach())):
            yield key
    found = fresh.state_dict()["state"]
    for key, state in states.items():
        for name, value in state.items():
            if not torch.equal(torch.as_tensor(value), torch.as_tensor(whole(found[key][name]))):
                yield key, name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints")
    assert outcomes([saved], 4, str(path))["saved"] == [None] * 4
    return str(path)


@pytest.mark.parametrize("count", [2, 1])
def test_saved_on_four_and_loaded_on_fewer(folder, count):
    for outcome in outcomes([loaded], count, folder)["loaded"]:
        assert isinstance(outcome, dict), outcome
        assert not any(outcome.values()), outcome
        assert len(outcome) == 2 * len(RUNS)


def stopped_while_saving(folder):
    """Save a checkpoint, and be killed in the midst of the next one."""
    net, optimizer = prepared("plain", None)
    train(net, optimizer, range(2))
    dcp.save({"states": get_optimizer_state_dict(net, optimizer)}, checkpoint_id=f"{folder}/1")
    train(net, optimizer, range(2, 3))
    # The states are on disk, and what they are is about to be told.
    writer = dcp.filesystem.FileSystemWriter
    writer.finish = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    dcp.save({"states": get_optimizer_state_dict(net, optimizer)}, checkpoint_id=f"{folder}/2")


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_a_process_that_is_killed_loses_nothing_that_was_complete(tmp_path):
    """A folder without `.metadata` is no checkpoint; the one before it is there."""
    process = FORKED.Process(target=stopped_while_saving, args=(str(tmp_path),))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert any((tmp_path / "2").iterdir())
    assert [(tmp_path / name / ".metadata").exists() for name in "12"] == [True, False]
    (net, optimizer), (twin, fresh) = prepared("plain", None), prepared("plain", None)
    train(net, optimizer, range(2))
    content = {"states": get_optimizer_state_dict(twin, fresh)}
    dcp.load(content, checkpoint_id=str(tmp_path / "1"))
    set_optimizer_state_dict(twin, fresh, content["states"])
    found, wanted = (each.state_dict()["state"] for each in (fresh, optimizer))
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_saved_before_the_first_step(tmp_path):
    """While the first gradients are gathered there are no other states; those of a new optimizer stay as they are."""
    (net, optimizer), (twin, fresh) = prepared("gathered", None), prepared("gathered", None)
    train(net, optimizer, range(1))
    dcp.save({"states": get_optimizer_state_dict(net, optimizer)}, checkpoint_id=str(tmp_path))
    content = {"states": get_optimizer_state_dict(twin, fresh)}
    dcp.load(content, checkpoint_id=str(tmp_path), planner=dcp.DefaultLoadPlanner(allow_partial_load=True))
    set_optimizer_state_dict(twin, fresh, content["states"])
    for each in ((net, optimizer), (twin, fresh)):
        train(*each, range(1, 4))
    assert not list(_differences(dict(net.named_parameters()), optimizer.state_dict()["state"], twin, fresh))
