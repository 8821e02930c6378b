"""Every rule that there is, on two processes and on one: the same parameters, and the same states."""

from functools import partial

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import Shard, init_device_mesh

import thalweg as optim
from thalweg.optimizer import registry

from .compared import divided, drawn
from .processes import built_once, outcomes

SHAPES = [(6, 4), (5,), (3, 7)]

OPTIONS = {"SGD": {"lr": 0.1}}

SUMS = {
    "AdaGC": {"mean_norm"},
    "AdaGO": {"square_sum"},
    "AdaNorm": {"exp_grad_norm"},
    "AdaTAM": {"alignment"},
    "LDoG": {"square_sum"},
    "NovoGrad": {"exp_avg_sq"},
    "SGDSaI": {"gsnr"},
    "TAM": {"alignment"},
}
"""States that are sums in float64: their last bits go by who adds what first, as docs/sharded.md says."""

NEARLY = 1e-14
"""How far they may be off, in parts of themselves: some units in the last place of a float64."""


def rules():
    """All but that for sparse gradients, which torch cannot divide."""
    return [name for name in sorted(registry) if torch.strided in registry[name].layouts]


def stepped(name):
    """Step whole and sharded parameters alike; a rule for matrices alone gets no others."""
    mesh, cls = init_device_mesh("cpu", (dist.get_world_size(),)), registry[name]
    optimizers = []
    for make in (lambda x: x, lambda x: divided(x, mesh, [Shard(0)])):
        params = [torch.nn.Parameter(make(drawn(shape, place))) for place, shape in enumerate(SHAPES)]
        optimizers.append(made(cls, params, OPTIONS.get(name, {})))
    for step in range(2):
        for make, optimizer in zip((lambda x: x, lambda x: divided(x, mesh, [Shard(0)])), optimizers, strict=True):
            params = optimizer.param_groups[0]["params"]
            for place, param in enumerate(params):
                param.grad = make(drawn(param.shape, 10 * step + place + 5))
            hessian = [make(drawn(param.shape, place + 50)) for place, param in enumerate(params)]
            more = {"hessian": hessian} if hasattr(cls, "observe") else {"loss": 0.5} if "loss" in cls.options else {}
            take = partial(optimizer.step, **more)
            built_once(take) if optimizer is optimizers[0] and not step else take()
    return optimizers


def made(cls, params, options):
    try:
        return cls(params, **options)
    except ValueError:
        return cls([param for param in params if param.dim() == 2], **options)


def differing(name):
    one, other = stepped(name)
    found = other.state_dict()["state"]
    for key, (param, part) in enumerate(zip(*(each.param_groups[0]["params"] for each in (one, other)), strict=True)):
        if not torch.equal(param, part.full_tensor()):
            yield key, "param"
        for state, value in one.state[param].items():
            own = found[key].get(state, torch.nan)
            own = own.full_tensor() if hasattr(own, "full_tensor") else own
            most = NEARLY * abs(torch.as_tensor(value)) if state in SUMS.get(name, ()) else 0
            if not bool((abs(torch.as_tensor(own) - torch.as_tensor(value)) <= most).all()):
                yield key, state


def as_on_one_process():
    return {name: list(differing(name)) for name in rules()}


@pytest.mark.every
def test_every_rule_is_as_on_one_process():
    for outcome in outcomes([as_on_one_process], 2)["as_on_one_process"]:
        assert isinstance(outcome, dict), outcome
        assert not any(outcome.values()), {name: found for name, found in outcome.items() if found}
        assert len(outcome) > 60
    assert optim.AdamW.__name__ in outcome
