"""ZeRO-1: parameters that all processes have, and states of which each has its part; one line switches it on."""

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import thalweg as optim

from .processes import built_once, outcomes, sentence_of

RUNS = [
    (optim.AdamW, {"max_grad_norm": 0.1, "ema_decay": 0.5}, {"gradient_as_bucket_view": True}),
    (optim.SGD, {"momentum": 0.5}, {"static_graph": True}),
    (optim.AdamW, {"state_dtype": "8bit"}, {}),
    (optim.AdamW, {"state_dtype": "4bit"}, {}),
    (optim.AdamW, {"accumulate": 2}, {}),
    (optim.Prodigy, {}, {}),
    (optim.Adagrad, {}, {}),
    (optim.Muon, {}, {}),
    (optim.NorMuon, {"state_dtype": "8bit"}, {}),
    (optim.SOAP, {}, {}),
]
"""The optimizer, its options, and those of DistributedDataParallel."""


def network(dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(70, 64), nn.Tanh(), nn.LayerNorm(64), nn.Linear(64, 1)).to(dtype)


def train(model, net, optimizer, twin, other, steps):
    """Train a replicated model, and on this process alone another one along the same gradients."""
    for step in steps:
        torch.manual_seed(step)
        optimizer.zero_grad()
        if step == 1 and model is not net:
            with model.no_sync():
                model(torch.randn(4, 70)).square().mean().backward()
        model(torch.randn(4, 70)).square().mean().backward()
        for param, copy in zip(net.parameters(), twin.parameters(), strict=True):
            copy.grad = param.grad.clone()
        built_once(other.step) if step == 0 else other.step()
        optimizer.step()


def whole(value):
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def differences(net, optimizer, twin, other):
    for (name, param), copy in zip(net.named_parameters(), twin.named_parameters(), strict=True):
        if not torch.equal(param, copy[1]):
            yield name
    found = optimizer.state_dict()["state"]
    for key, state in other.state_dict()["state"].items():
        for name, value in state.items():
            if not torch.equal(torch.as_tensor(value), torch.as_tensor(whole(found[key][name]))):
                yield key, name


ON_FOUR = [
    run for run in RUNS if run[0] is not optim.SGD and run[0] is not optim.Adagrad and "accumulate" not in run[1]
]
"""Those that go by blocks, sums, or matrices, of which four processes have other parts than two."""


def as_on_one_process():
    """Bits of parameters and states, before and after states were moved to other optimizers, divided or not."""
    found = {}
    for cls, options, how in RUNS if dist.get_world_size() == 2 else ON_FOUR:
        net, twin = network(), network()
        model = DistributedDataParallel(net, **how)
        optimizer = optim.shard_states(cls(net.named_parameters(), lr=0.1, **options))
        other = cls(twin.named_parameters(), lr=0.1, **options)
        train(model, net, optimizer, twin, other, range(3))
        kept = [list(differences(net, optimizer, twin, other))]
        saved = optimizer.state_dict(), other.state_dict()
        whole_states = {
            key: {name: whole(value) for name, value in state.items()} for key, state in saved[0]["state"].items()
        }
        for states, is_divided in ((saved[0], True), (saved[1], True), ({**saved[0], "state": whole_states}, False)):
            again = network()
            again.load_state_dict(net.state_dict())
            fresh = cls(again.named_parameters(), lr=0.1, **options)
            fresh = optim.shard_states(fresh) if is_divided else fresh
            fresh.load_state_dict(states)
            copy, straight = network(), cls(network().named_parameters(), lr=0.1, **options)
            copy.load_state_dict(net.state_dict())
            straight = cls(copy.named_parameters(), lr=0.1, **options)
            straight.load_state_dict(other.state_dict())
            train(again, again, fresh, copy, straight, range(3, 5))
            kept.append(list(differences(again, fresh, copy, straight)))
        found[cls.__name__, str(options)] = kept
    return found


def each_has_its_share():
    """Count the elements of states here, and in all."""
    net = network()
    optimizer = optim.shard_states(optim.AdamW(net.parameters()))
    train(net, net, optimizer, network(), optim.AdamW(network().parameters()), range(1))
    states = [value for state in optimizer.state.values() for name, value in state.items() if name != "step"]
    return sum(value.to_local().numel() for value in states), sum(value.numel() for value in states)


def matrices_have_owners():
    """Each is on one process, with its states; the others hear what it has become."""
    found = []
    for cls in (optim.Muon, optim.SOAP):
        net, twin = network(), network()
        optimizer = optim.shard_states(cls(net.named_parameters(), lr=0.1, ema_decay=0.5))
        other = cls(twin.named_parameters(), lr=0.1, ema_decay=0.5)
        train(net, net, optimizer, twin, other, range(2))
        matrices = [net[0].weight]
        has = torch.tensor([bool(optimizer.state[param]) for param in matrices], dtype=torch.int64)
        dist.all_reduce(has)
        found.append(has.tolist())
        with optimizer.averaged(), other.averaged():
            pairs = zip(net.parameters(), twin.parameters(), strict=True)
            found.append([tuple(two.shape) for one, two in pairs if not torch.equal(one, two)])
        matrices[0].grad = None if dist.get_rank() else matrices[0].grad
        found.append(sentence_of(optimizer.step))
    return found


def within_torchs_own():
    """As the inner optimizer of torch's wrapper, which divides by whole parameters."""
    # Here, as its import warns of something of torch's own.
    from torch.distributed.optim import ZeroRedundancyOptimizer

    net, twin = network(), network()
    optimizer = ZeroRedundancyOptimizer(net.parameters(), optim.AdamW, lr=0.1)
    other = optim.AdamW(twin.parameters(), lr=0.1)
    train(DistributedDataParallel(net), net, optimizer, twin, other, range(3))
    return [
        name
        for (name, one), two in zip(net.named_parameters(), twin.parameters(), strict=True)
        if not torch.equal(one, two)
    ]


def kept_low_bits():
    """Parameters that others have gathered are the very ones that low bits belong to."""
    net, twin = network(torch.bfloat16), network(torch.bfloat16)
    optimizer = optim.shard_states(optim.AdamW(net.parameters(), rounding="master"))
    other = optim.AdamW(twin.parameters(), rounding="master")
    for step in range(4):
        torch.manual_seed(step)
        for param, copy in zip(net.parameters(), twin.parameters(), strict=True):
            param.grad = torch.randn_like(param)
            copy.grad = param.grad.clone()
        optimizer.step()
        other.step()
    return [
        name
        for (name, one), two in zip(net.named_parameters(), twin.parameters(), strict=True)
        if not torch.equal(one, two)
    ]


def refused():
    """One sentence, and nothing is changed."""
    net = network()
    optimizer = optim.shard_states(optim.AdamW(net.parameters()))
    net[0].weight.grad = torch.ones(64, 70).to_sparse()
    try:
        optimizer.step()
    except RuntimeError as error:
        return str(error)
    return None


CASES = [as_on_one_process, each_has_its_share, matrices_have_owners, within_torchs_own, kept_low_bits, refused]


@pytest.fixture(scope="module", params=[2, 4])
def found(request):
    return request.param, outcomes(CASES, request.param)


def test_bits_are_those_of_one_process(found):
    for outcome in found[1]["as_on_one_process"]:
        assert isinstance(outcome, dict), outcome
        assert not any(any(kept) for kept in outcome.values()), outcome


def test_each_process_has_its_share(found):
    count, results = found
    for mine, every in results["each_has_its_share"]:
        assert mine <= every / count + 2 * 64
    assert sum(mine for mine, _ in results["each_has_its_share"]) >= results["each_has_its_share"][0][1]


def test_matrices_have_owners(found):
    count, results = found
    for outcome in results["matrices_have_owners"]:
        assert outcome[:2] == outcome[3:5] == [[1], []], outcome
        for sentence in (outcome[2], outcome[5]):
            assert f"parameter '0.weight' has a gradient on 1 of {count} processes" in sentence


@pytest.mark.parametrize("case", [within_torchs_own, kept_low_bits], ids=lambda case: case.__name__)
def test_nothing_differs(found, case):
    assert found[1][case.__name__] == [[]] * found[0]


def test_sparse_gradients_are_refused(found):
    sentence = "its states are divided among processes, which needs a dense gradient of shape (64, 70)"
    assert all(sentence in str(outcome) for outcome in found[1]["refused"]), found[1]["refused"]


def test_processes_must_have_met():
    assert not dist.is_initialized()
    with pytest.raises(RuntimeError, match=r"call torch\.distributed\.init_process_group"):
        optim.shard_states(optim.AdamW([torch.ones(2)]))


def test_only_optimizers_with_a_formula():
    with pytest.raises(TypeError, match="needs an optimizer of thalweg with a formula, but got LBFGS"):
        optim.shard_states(optim.LBFGS([torch.ones(2)]))


def test_only_groups_that_this_process_is_in(monkeypatch):
    """`new_group` gives a process that is not in it a number."""
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    with pytest.raises(
        TypeError, match=r"needs process_group to be a .*that this process is in.*but got int: pass one"
    ):
        optim.shard_states(optim.AdamW([torch.ones(2)]), dist.GroupMember.NON_GROUP_MEMBER)
