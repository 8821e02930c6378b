"""Sharded parameters, on 2 and 4 processes: the bits of one process, and what processes tell each other."""

import pytest
import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, init_device_mesh
from torch.utils._python_dispatch import TorchDispatchMode

import thalweg
from thalweg.distributed.local_parameter import local_parameter
from thalweg.distributed.shards import shard_of
from thalweg.state.packed import unpacked
from thalweg.state.sharded import local_state

from .processes import outcomes

SHAPES = [(7, 7), (1, 1), (300, 33), (5,), (512, 16), (64, 256)]
"""Uneven and empty shards; blocks of 256 that lie on two processes, and such as do not."""

bf16 = torch.bfloat16

LINES = [Shard(0)]
COLUMNS = [Shard(1)]
EACH_RULE = [
    (thalweg.AdamW, {}),
    (thalweg.AdamW, {"ema_decay": 0.9, "accumulate": 2, "lookahead": 2, "grokfast": 1.0}),
    (thalweg.AdamW, {"max_grad_norm": 1.0, "track": True, "cautious": True, "max_tensor_norm": 1.0}),
    (thalweg.AdamW, {"dtype": bf16, "rounding": "stochastic"}),
    (thalweg.AdamW, {"dtype": bf16, "rounding": "kahan"}),
    (thalweg.AdamW, {"dtype": bf16, "rounding": "master", "state_dtype": "8bit"}),
    (thalweg.AdamW, {"state_dtype": "4bit", "cautious": True}),
    (thalweg.LAMB, {"state_dtype": "8bit"}),
    (thalweg.ASGD, {}),
    (thalweg.Rprop, {}),
    (thalweg.NAdam, {"skip_nonfinite": True}),
    (thalweg.Prodigy, {}),
    (thalweg.ScheduleFreeAdamW, {}),
]


def drawn(shape, seed, dtype=torch.float32):
    """Draw the same numbers on every process."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def cut(whole, shard):
    """Take this process's part of a tensor that every process has."""
    return whole.contiguous().reshape(-1)[shard.places().reshape(-1)].view(shard.local_shape)


def divided(whole, mesh, placements):
    """Make a DTensor without sending anything: every process has the whole."""
    own = [place if getattr(place, "dim", 0) < whole.dim() else Replicate() for place in placements]
    strides = whole.stride()
    empty = DTensor.from_local(whole[:0], mesh, own, run_check=False, shape=whole.shape, stride=strides)
    return shard_of(empty).whole(cut(whole, shard_of(empty)))


def stepped(cls, mesh, placements, dtype=torch.float32, steps=3, **options):
    """Step whole and sharded parameters, and give both optimizers and their parameters."""
    starts = [drawn(shape, index, dtype) for index, shape in enumerate(SHAPES)]
    plain = [torch.nn.Parameter(start.clone()) for start in starts]
    parts = [torch.nn.Parameter(divided(start, mesh, placements)) for start in starts]
    one, all_ = cls(plain, **options), cls(parts, **options)
    for step in range(steps):
        for index, (param, own) in enumerate(zip(plain, parts, strict=True)):
            param.grad = drawn(param.shape, 100 * step + index + 50, dtype)
            own.grad = divided(param.grad, mesh, placements)
        one.step()
        all_.step()
    return one, plain, all_, parts


def differences(one, plain, all_, parts):
    """Name what is not, bit for bit, what one process has."""
    for param, own in zip(plain, parts, strict=True):
        shard, local = shard_of(own), local_parameter(own)
        if not torch.equal(local, cut(param.detach(), shard)):
            yield tuple(param.shape), "param"
        for name, value in one.state[param].items():
            found = local_state(local, all_.state[own][name])
            if not torch.equal(torch.as_tensor(found), expected(value, param, shard, local, found)):
                yield tuple(param.shape), name


def expected(value, param, shard, local, found):
    """Give this process's part of a state of one process."""
    value = torch.as_tensor(value)
    if value.dim() == 0:
        return value
    if value.shape == param.shape:
        return cut(value, shard)
    if value.is_floating_point():
        return value[[each.block for each in local.fragments]]
    codes = unpacked(value)[shard.places().reshape(-1)]
    here = unpacked(found)
    here[torch.arange(len(codes)) if local.slots is None else local.slots] = codes
    from thalweg.state.packed import packed

    return packed(here)


def compared(mesh, placements, rules):
    """Compare rules under options, and name what differs."""
    faults = []
    for cls, options in rules:
        found = list(differences(*stepped(cls, mesh, placements, **options)))
        faults += [(cls.__name__, str(options), *each) for each in found]
    return faults


def rows_have_the_bits_of_one_process():
    return compared(init_device_mesh("cpu", (dist.get_world_size(),)), LINES, EACH_RULE)


def columns_have_the_bits_of_one_process():
    return compared(init_device_mesh("cpu", (dist.get_world_size(),)), COLUMNS, EACH_RULE[2:8])


def hybrid_shards_have_the_bits_of_one_process():
    """HSDP: groups of two have the same; a sum counts each element once."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("replicas", "shards"))
    return compared(mesh, [Replicate(), Shard(0)], EACH_RULE[2:8:2])


def both_dimensions_have_the_bits_of_one_process():
    """FSDP and tensor parallelism."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("fsdp", "tensor"))
    return compared(mesh, [Shard(0), Shard(1)], EACH_RULE[2:8:2])


class Counting(TorchDispatchMode):
    """Counts what torch is asked to do."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls.append(str(func))
        return func(*args, **(kwargs or {}))

    calls: list[str]


def messages_of(optimizer):
    """Count the collectives of a warm step, and the operations of torch."""
    optimizer.step()
    sums, dispatched = optimizer._local.optimizer._sharing.sums, Counting()
    before, dispatched.calls = (sums.count if sums else 0), []
    with dispatched:
        optimizer.step()
    return (sums.count if sums else 0) - before, len(dispatched.calls)


def a_warm_step_takes_few_messages():
    mesh = init_device_mesh("cpu", (2,))
    wanted = [
        (thalweg.AdamW, {}, 0),
        (thalweg.AdamW, {"max_grad_norm": 1.0}, 1),
        (thalweg.AdamW, {"max_grad_norm": 1.0, "track": True, "cautious": True}, 3),
        (thalweg.LAMB, {}, 1),
        (thalweg.Prodigy, {}, 1),
        (thalweg.AdamW, {"state_dtype": "8bit"}, 1),
    ]
    found = []
    for cls, options, _ in wanted:
        all_ = stepped(cls, mesh, LINES, steps=2, **options)[2]
        count, dispatched = messages_of(all_)
        found.append(
            (count, dispatched if not options and cls is thalweg.AdamW else 0, all_.explain().count("all_reduce"))
        )
    return found == [(count, 0, count) for _, _, count in wanted] or found


def plain_and_sharded_parameters_share_a_launch():
    mesh = init_device_mesh("cpu", (2,))
    plain, part = torch.nn.Parameter(drawn((8, 8), 1)), torch.nn.Parameter(divided(drawn((8, 8), 1), mesh, LINES))
    plain.grad, part.grad = drawn((8, 8), 2), divided(drawn((8, 8), 2), mesh, LINES)
    optimizer = thalweg.AdamW([plain, part], max_grad_norm=1.0)
    for _ in range(2):
        optimizer.step()
    launches = optimizer._local.optimizer._watch.plan.launches
    norm = 2**0.5 * plain.grad.double().norm()
    same = torch.equal(part.full_tensor(), plain) and isinstance(optimizer.state[part]["exp_avg"], DTensor)
    return same and len(launches) == 1 and abs(optimizer.metrics["grad_norm"] - float(norm)) < 1e-14 * float(norm)


def fsdp_trains_as_one_process():
    torch.manual_seed(0)
    make = lambda: torch.nn.Sequential(torch.nn.Linear(7, 7), torch.nn.Linear(7, 1, bias=False))  # noqa: E731
    whole = make()
    model = make()
    model.load_state_dict(whole.state_dict())
    fully_shard(model)
    one, all_ = thalweg.AdamW(whole.parameters(), lr=0.1), thalweg.AdamW(model.parameters(), lr=0.1)
    for step in range(4):
        x = drawn((2, 7), step)
        for net, optimizer in ((whole, one), (model, all_)):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
    pairs = zip(whole.parameters(), model.parameters(), strict=True)
    # Gradients are means over processes of the same numbers, which adds no rounding.
    return [tuple(a.shape) for a, b in pairs if not torch.equal(a, b.full_tensor())]


def gradients_that_are_terms_are_added_up():
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(drawn((8, 8), 1), mesh, LINES))
    plain = torch.nn.Parameter(drawn((8, 8), 1))
    optimizers = [thalweg.SGD([plain], lr=0.5), thalweg.SGD([part], lr=0.5)]
    for step in range(2):
        plain.grad = drawn((8, 8), 5 + step) * 2
        part.grad = DTensor.from_local(drawn((8, 8), 5 + step), mesh, [Partial()], run_check=False)
        for optimizer in optimizers:
            optimizer.step()
    return torch.equal(part.full_tensor(), plain)


def a_gradient_is_let_go():
    """What the local parameter has of it would be memory that nobody frees."""
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(drawn((8, 8), 1), mesh, LINES))
    part.grad = divided(drawn((8, 8), 2), mesh, LINES)
    optimizer = thalweg.SGD([part], lr=0.5)
    optimizer.step()
    (local,) = optimizer._local.own
    had = local.grad is not None
    optimizer.zero_grad()
    return had and local.grad is None


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


def a_process_without_gradients_takes_part():
    """Its sums are zeros; nobody waits for it in vain."""
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(torch.ones(2, 2), mesh, LINES))
    if dist.get_rank() == 0:
        part.grad = divided(torch.ones(2, 2), mesh, LINES)
    optimizer = thalweg.SGD([part], lr=0.5, max_grad_norm=1.0)
    for _ in range(2):
        optimizer.step()
    return optimizer.metrics["grad_norm"]


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
    return said(optimizer.step)


ON_TWO = [
    rows_have_the_bits_of_one_process,
    columns_have_the_bits_of_one_process,
    a_warm_step_takes_few_messages,
    plain_and_sharded_parameters_share_a_launch,
    fsdp_trains_as_one_process,
    gradients_that_are_terms_are_added_up,
    a_gradient_is_let_go,
    a_gradient_that_is_divided_otherwise_is_refused,
    a_plain_state_is_refused,
    one_process_has_fewer_parameters,
    one_process_fails_in_a_later_step,
    a_process_without_gradients_takes_part,
    meshes_that_differ_are_refused,
    a_process_leaves,
]
ON_FOUR = [hybrid_shards_have_the_bits_of_one_process, both_dimensions_have_the_bits_of_one_process]


@pytest.fixture(scope="module")
def two():
    return outcomes(ON_TWO, 2)


@pytest.mark.parametrize("case", ["rows", "columns"])
def test_two_processes_have_the_bits_of_one(two, case):
    assert two[f"{case}_have_the_bits_of_one_process"] == [[], []]


@pytest.mark.parametrize("case", ["hybrid_shards", "both_dimensions"])
def test_four_processes_have_the_bits_of_one(four, case):
    assert four[f"{case}_have_the_bits_of_one_process"] == [[]] * 4


@pytest.fixture(scope="module")
def four():
    return outcomes(ON_FOUR, 4)


@pytest.mark.parametrize(
    "case",
    [
        "a_warm_step_takes_few_messages",
        "plain_and_sharded_parameters_share_a_launch",
        "gradients_that_are_terms_are_added_up",
        "a_gradient_is_let_go",
    ],
)
def test_it_is_so_on_each_process(two, case):
    assert two[case] == [True, True]


def test_fully_shard_trains_as_one_process(two):
    assert two["fsdp_trains_as_one_process"] == [[], []]


def test_a_process_without_gradients_takes_part(two):
    assert two["a_process_without_gradients_takes_part"] == [2**0.5, 2**0.5]


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (
            "a_gradient_that_is_divided_otherwise_is_refused",
            "cannot step parameter 'weight': its gradient is (Shard(dim=1),)",
        ),
        ("a_plain_state_is_refused", "but its exp_avg is a plain tensor of shape (8, 8)"),
        ("one_process_has_fewer_parameters", "process 0 has 2 parameters in groups of [2]"),
        ("meshes_that_differ_are_refused", "use an optimizer for each mesh"),
    ],
)
def test_one_sentence_on_every_process(two, case, sentence):
    assert all(sentence in told for told in two[case]), two[case]


def test_who_cannot_step_tells_the_others(two):
    (first, *first_rest), (second, *second_rest) = two["one_process_fails_in_a_later_step"]
    assert "process 1 cannot: RuntimeError: LAMB cannot step parameter 'weight': its gradient is" in first
    assert "LAMB cannot step parameter 'weight': its gradient is" in second
    assert first_rest == second_rest == [True, False]


def test_who_leaves_is_missed(two):
    told, _ = two["a_process_leaves"]
    assert "SGD waited for the common norm of all gradients of processes [0, 1], but one of them left" in told
