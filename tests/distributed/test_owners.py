"""Matrices that are divided: each is made whole on one process, once, and the numbers are those of one process."""

from unittest import mock

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import Replicate, Shard, init_device_mesh
from torch.nn import Parameter

import thalweg as optim
from thalweg.distributed.owners import Loads, cost
from thalweg.engine.matrices import products
from thalweg.engine.sharded import owned_matrices

from .compared import divided
from .mesh_cases import of_several_meshes
from .processes import built_once, outcomes

SHAPES = [(8, 6), (6, 8), (7, 5), (8, 6), (5, 9), (4, 4), (8, 6), (6, 4, 2)]
"""Over four processes some parts are uneven, and some are empty."""


def divisions():
    """Meshes, and how tensors are divided on them."""
    count = dist.get_world_size()
    line = init_device_mesh("cpu", (count,))
    yield line, [Shard(0)]
    if count == 2:
        yield line, [Shard(1)]
    if count == 4:
        square = init_device_mesh("cpu", (2, 2))
        yield square, [Replicate(), Shard(0)]
        yield square, [Shard(1), Shard(0)]


def trained(cls, mesh, placements, dtype, shapes=SHAPES, steps=2, **options):
    """Train the same parameters on this process alone, and divided."""
    torch.manual_seed(0)
    starts = [torch.randn(shape).to(dtype) for shape in shapes]
    alone = [Parameter(start.clone()) for start in starts]
    parts = [Parameter(divided(start, mesh, placements)) for start in starts]
    optimizers = cls(alone, lr=0.1, **options), cls(parts, lr=0.1, **options)
    for step in range(steps):
        for one, other in zip(alone, parts, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = divided(one.grad, mesh, placements)
        optimizers[0].step() if step else built_once(optimizers[0].step)
        optimizers[1].step()
    return optimizers


def differences(one, other):
    """Name the parameters and states that differ in any bit."""
    pairs = zip(one.param_groups[0]["params"], other.param_groups[0]["params"], strict=True)
    # What one process has for all is told to all of them where it is saved.
    told = other.state_dict()["state"]
    for index, (alone, part) in enumerate(pairs):
        values = {"param": (alone, part)} | {
            name: (value, told[index][name]) for name, value in one.state[alone].items()
        }
        for name, (wanted, found) in values.items():
            whole = found.full_tensor() if hasattr(found, "full_tensor") else found
            if not torch.equal(wanted, whole):
                yield index, name


OPTIONS = [
    (torch.float32, {}),
    (torch.float64, {"nesterov": False, "weight_decay": 0.0}),
    (torch.bfloat16, {"rounding": "stochastic"}),
    (torch.float32, {"cautious": True, "max_tensor_norm": 1.0, "max_grad_norm": 1.0}),
]


WHOLES = [
    (optim.AdaMuon, {"max_grad_norm": 1.0}),
    (optim.NorMuon, {"max_grad_norm": 1.0, "track": True}),
    (optim.SOAP, {"max_grad_norm": 1.0, "track": True}),
    (optim.SOAP, {"accumulate": 2}),
]
"""Rules of whole matrices; but for the first, each parameter is stepped by its owner."""


def as_on_one_process():
    found = {}
    for mesh, placements in divisions():
        for dtype, options in OPTIONS:
            one, other = trained(optim.Muon, mesh, placements, dtype, **options)
            found[str((placements, dtype, options))] = list(differences(one, other))
    for cls, options in WHOLES:
        mesh, placements = list(divisions())[-1]
        one, other = trained(cls, mesh, placements, torch.float32, SHAPES[:3], **options)
        found[cls.__name__, str(options)] = list(differences(one, other))
        if one.metrics != other.metrics:
            found[cls.__name__, "metrics"] = [one.metrics, other.metrics]
    return found


def each_is_made_once():
    """Count the matrices that are made, and the bytes that are sent to others."""
    mesh, placements = next(divisions())
    shapes = [(16, 8)] * 8
    made, sent = [], []

    def making(stack, *arguments):
        made.append(len(stack))
        return actual(stack, *arguments)

    def sending(received, message, into, out, **keywords):
        sent.append(sum(out) - out[dist.get_rank()])
        return exchanging(received, message, into, out, **keywords)

    actual, exchanging = products.make, dist.all_to_all_single
    with (
        mock.patch.object(owned_matrices.products, "make", making),
        mock.patch.object(dist, "all_to_all_single", sending),
    ):
        trained(optim.Muon, mesh, placements, torch.float32, shapes, steps=1)
    # The optimizer on this process alone makes its eight by itself.
    counts = torch.tensor([sum(made) - len(shapes), sum(sent), len(sent)])
    dist.all_reduce(counts)
    return counts.tolist()


def stacks_of_experts_stay():
    """Divided by expert, each matrix is whole where it is: nothing is sent."""
    mesh, placements = next(divisions())
    with mock.patch.object(dist, "all_to_all_single", side_effect=AssertionError("nothing is to be sent")):
        one, other = trained(optim.Muon, mesh, placements, torch.float32, [(8, 6, 4)] * 2, batch_dims=1)
    return list(differences(one, other))


def launches_take_turns():
    """Several messages are under way at once, in buckets of one matrix each."""
    mesh, placements = next(divisions())
    with mock.patch.object(owned_matrices, "BUCKET", 1):
        one, other = trained(optim.Muon, mesh, placements, torch.float32)
    return list(differences(one, other))


def few_bytes_for_wholes():
    """Count what this process sends in a step of a rule that needs whole parameters."""
    mesh, placements = next(divisions())
    _, other = trained(optim.SOAP, mesh, placements, torch.float32, [(16, 8)] * 4)
    sent, exchanging = [], dist.all_to_all_single

    def sending(received, message, into, out, **keywords):
        sent.append(sum(out) - out[dist.get_rank()])
        return exchanging(received, message, into, out, **keywords)

    with mock.patch.object(dist, "all_to_all_single", sending):
        other.step()
    return len(sent), sum(sent), f"this process sends {sum(sent):,} bytes" in other.explain()


def what_others_write_is_seen():
    """Also where it leaves no trace but the numbers, and on one process alone; and states follow their owners."""
    mesh, placements = next(divisions())
    one, other = trained(optim.SOAP, mesh, placements, torch.float32, SHAPES[:3])
    alone, parts = (each.param_groups[0]["params"] for each in (one, other))
    alone[0].data.mul_(0.5)
    parts[0].data.mul_(0.5)
    with torch.no_grad():
        alone[1][0] = 7.0
        if dist.get_rank() == 0:
            parts[1].to_local()[0] = 7.0
    found = [_differ_after_a_step(one, other)]
    # With one parameter less, others have other owners.
    del one.state[alone.pop(0)], other.state[parts.pop(0)]
    return [*found, _differ_after_a_step(one, other)]


def _differ_after_a_step(one, other):
    for optimizer in (one, other):
        optimizer.step()
    return list(differences(one, other))


def averages_of_wholes():
    """They are where their owners are, and stand in on all processes."""
    mesh, placements = next(divisions())
    one, other = trained(optim.SOAP, mesh, placements, torch.float32, SHAPES[:3], ema_decay=0.5)
    pairs = list(zip(*(each.param_groups[0]["params"] for each in (one, other)), strict=True))
    with one.averaged(), other.averaged():
        return [tuple(alone.shape) for alone, part in pairs if not torch.equal(alone, part.full_tensor())]


def said_without_a_gradient(cls):
    mesh, placements = next(divisions())
    _, other = trained(cls, mesh, placements, torch.float32, SHAPES[:3])
    part = other.param_groups[0]["params"][1]
    before, part.grad = part.full_tensor().clone(), None if dist.get_rank() else part.grad
    try:
        other.step()
    except RuntimeError as error:
        return str(error), torch.equal(part.full_tensor(), before)
    return None


def one_has_no_gradient():
    return [said_without_a_gradient(cls) for cls in (optim.Muon, optim.SOAP)]


CASES = [
    as_on_one_process,
    of_several_meshes,
    each_is_made_once,
    few_bytes_for_wholes,
    stacks_of_experts_stay,
    launches_take_turns,
    what_others_write_is_seen,
    averages_of_wholes,
    one_has_no_gradient,
]


@pytest.fixture(scope="module", params=[2, 4])
def found(request):
    return request.param, outcomes(CASES, request.param)


def test_bits_are_those_of_one_process(found):
    for outcome in found[1]["as_on_one_process"]:
        assert isinstance(outcome, dict), outcome
        assert not any(outcome.values()), outcome


def test_each_matrix_is_made_once_and_few_bytes_are_sent(found):
    count, results = found
    made, sent, messages = results["each_is_made_once"][0]
    elements, momentum = 8 * 16 * 8, 4
    assert made == 8
    # In bfloat16, to the owner and back, all but what the owner has itself.
    assert sent == 2 * 2 * elements * (count - 1) // count
    assert sent <= 2 * momentum * elements
    assert messages == 2 * count


def test_wholes_go_to_their_owners_and_back(found):
    count, results = found
    elements = 4 * 16 * 8
    for messages, _, is_said in results["few_bytes_for_wholes"]:
        assert (messages, is_said) == (2, True)
    # There and back, all but what the owner has itself: at most twice the bytes of the momentum.
    assert sum(sent for _, sent, _ in results["few_bytes_for_wholes"]) == 2 * 4 * elements * (count - 1) // count


@pytest.mark.parametrize(
    "case", [stacks_of_experts_stay, launches_take_turns, averages_of_wholes], ids=lambda case: case.__name__
)
def test_nothing_differs(found, case):
    assert found[1][case.__name__] == [[]] * found[0]


def test_what_others_write_is_seen(found):
    assert found[1]["what_others_write_is_seen"] == [[[], []]] * found[0]


def test_all_must_have_gradients_of_the_same_matrices(found):
    count, results = found
    for rank, told in enumerate(results["one_has_no_gradient"]):
        for sentence, stayed in told:
            assert f"parameter 1 of group 0 (shape (6, 8)) has a gradient on 1 of {count} processes" in sentence
            assert ("none here" in sentence) == (rank > 0)
            assert stayed


def test_all_hear_of_all_meshes(found):
    count, results = found
    for rank, told in enumerate(results["of_several_meshes"]):
        for same, without, stayed, otherwise in (told[:4], told[4:]):
            assert same == [True, True]
            assert f"parameter 'wide' has a gradient on {count - 1} of {count} processes" in without
            assert stayed
            assert "cannot step parameter 'wide': its gradient is (Shard(dim=1),)" in otherwise
            assert ("as process 0 cannot" in otherwise) == (rank > 0)


def test_owners_have_like_work():
    """No process has more than the mean and one matrix."""
    loads = Loads(8)
    shapes = [((64, 64), 20), ((64, 256), 7), ((16, 16), 33)]
    for shape, count in shapes:
        assert sum(loads.owners(cost(shape), count)) == count
    mean = sum(cost(shape) * count for shape, count in shapes) / 8
    assert max(loads.loads) <= mean + cost((64, 256))
