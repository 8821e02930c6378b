"""What is tried with sharded parameters on 2 and 4 processes: each case is run by all of them."""

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, init_device_mesh
from torch.utils._python_dispatch import TorchDispatchMode

import thalweg

from .compared import COLUMNS, EACH_RULE, LINES, compared, divided, drawn, stepped


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
    return compared(mesh, [Shard(0), Shard(1)], EACH_RULE[3:9:2])


def rows_of_four_have_the_bits_of_one_process():
    """Shards that are empty or uneven otherwise than on two: with sums, phases, and what is learned."""
    mesh = init_device_mesh("cpu", (4,))
    return compared(mesh, LINES, [EACH_RULE[1], *EACH_RULE[6:8], *EACH_RULE[10:12]])


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
    clipped = stepped(*wanted[1][:1], mesh, LINES, steps=1, **wanted[1][1])[2].explain()
    found.append("one all_reduce of 40 bytes: the common norm of all gradients" in clipped)
    return found == [*((count, 0, count) for _, _, count in wanted), True] or found


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


def a_process_without_gradients_sends_sums_and_sizes():
    """Trust ratios, and sizes of blocks that lie on both; its own part does not move."""
    mesh, moved = init_device_mesh("cpu", (2,)), []
    for cls, options in ((thalweg.LAMB, {}), (thalweg.AdamW, {"state_dtype": "8bit"})):
        part = torch.nn.Parameter(divided(drawn((100, 50), 1), mesh, LINES))
        optimizer = cls([part], **options)
        for step in range(2):
            before = part.to_local().clone()
            part.grad = divided(drawn((100, 50), 2), mesh, LINES) if dist.get_rank() == 0 or step == 0 else None
            optimizer.step()
        moved.append(not torch.equal(part.to_local(), before))
    return moved


def an_infinite_gradient_counts_once():
    """On a mesh where the same part is on both processes, what does not count is left out, and not made NaN."""
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(torch.ones(4), mesh, [Replicate()]))
    part.grad = divided(torch.tensor([1.0, float("inf"), 1.0, 1.0]), mesh, [Replicate()])
    optimizer = thalweg.SGD([part], lr=0.5, max_grad_norm=1.0)
    optimizer.step()
    return optimizer.metrics["grad_norm"]


def closure_methods_go_the_way_of_one_process():
    """Rosenbrock's valley, the same loss on each process."""
    mesh = init_device_mesh("cpu", (2,))
    faults = []
    for cls in (thalweg.LBFGS, thalweg.CG, thalweg.BFGS, thalweg.SSBroyden, thalweg.NewtonCG, thalweg.TrustRegion):
        start = drawn((7, 2), 3).double()
        plain = [torch.nn.Parameter(start.clone()), torch.nn.Parameter(start[0].clone())]
        parts = [torch.nn.Parameter(divided(start.clone(), mesh, LINES)), torch.nn.Parameter(start[0].clone())]
        for params in (plain, parts):
            optimizer = cls(params, max_iter=5)
            for _ in range(2):
                optimizer.step(lambda params=params, optimizer=optimizer: valley(params, optimizer))
        faults += [cls.__name__] if not torch.equal(parts[0].full_tensor(), plain[0]) else []
        faults += [cls.__name__] if not torch.equal(parts[1], plain[1]) else []
        faults += ["did not move"] if torch.equal(plain[0], start) else []
    return faults


def valley(params, optimizer):
    """Compute a loss and its gradient by hand: the same operations for whole and for sharded parameters."""
    x = [param.full_tensor() if isinstance(param, DTensor) else param for param in params]
    x = [value.detach().requires_grad_() for value in x]
    loss = sum(((1 - v[..., 0]) ** 2 + 100 * (v[..., 1] - v[..., 0] ** 2) ** 2).sum() for v in x)
    loss.backward()
    for param, value in zip(params, x, strict=True):
        is_whole = not isinstance(param, DTensor)
        param.grad = value.grad if is_whole else divided(value.grad, param.device_mesh, LINES)
    return loss.detach()


def wrappers_measure_what_all_processes_have():
    """Sharded parameters beside plain ones; a number of a sharded tensor is what is here alone."""
    mesh = init_device_mesh("cpu", (2,))
    found = []
    for wrapper in (thalweg.Mechanic, thalweg.TRAC, thalweg.GSAM, thalweg.WSAM, thalweg.LookSAM):
        start = [drawn((7, 3), 1).double(), drawn((5, 2), 2).double()]
        plain = [torch.nn.Parameter(value.clone()) for value in start]
        parts = [torch.nn.Parameter(divided(start[0], mesh, LINES)), torch.nn.Parameter(start[1].clone())]
        for params in (plain, parts):
            optimizer = thalweg.SGD(params, lr=1e-4)
            kept = wrapper(optimizer)
            for _ in range(4):
                optimizer.step(lambda params=params: valley(params, None))
            found.append(getattr(kept, "scale", 1.0))
        found[-2:] = [abs(found[-1] / found[-2] - 1), float((parts[0].full_tensor() - plain[0]).abs().max())]
    return max(found) < 1e-12 or found


def heads_are_clipped_where_they_are():
    mesh, logits = init_device_mesh("cpu", (2,)), torch.tensor([50.0, 200.0, 400.0])
    plain, part = torch.nn.Parameter(drawn((9, 4), 1)), torch.nn.Parameter(divided(drawn((9, 4), 1), mesh, LINES))
    for param in (plain, part):
        optimizer = thalweg.SGD([param], lr=0.1)
        clip = thalweg.QKClip(optimizer, {"first": (param, None)})
        clip.see("first", logits)
        optimizer.step()
    return torch.equal(part.full_tensor(), plain) and not torch.equal(plain.detach(), drawn((9, 4), 1))


def a_shared_loss_is_whole():
    mesh = init_device_mesh("cpu", (2,))
    part = torch.nn.Parameter(divided(torch.ones(4, 2), mesh, LINES))
    part.grad = divided(torch.ones(4, 2), mesh, LINES)
    optimizer = thalweg.PolyakSGD([part])
    optimizer.step(loss=part.detach().sum())
    return optimizer.loss == 8


def directions_are_of_whole_gradients():
    part = torch.nn.Parameter(divided(drawn((8, 8), 1), init_device_mesh("cpu", (2,)), LINES))
    try:
        thalweg.GaLore([("weight", part)], rank=2)
    except ValueError as error:
        return "parameter 'weight' is sharded" in str(error)


ON_TWO = [
    wrappers_measure_what_all_processes_have,
    directions_are_of_whole_gradients,
    heads_are_clipped_where_they_are,
    a_shared_loss_is_whole,
    rows_have_the_bits_of_one_process,
    columns_have_the_bits_of_one_process,
    a_warm_step_takes_few_messages,
    plain_and_sharded_parameters_share_a_launch,
    fsdp_trains_as_one_process,
    gradients_that_are_terms_are_added_up,
    a_gradient_is_let_go,
    a_process_without_gradients_takes_part,
    a_process_without_gradients_sends_sums_and_sizes,
    closure_methods_go_the_way_of_one_process,
    an_infinite_gradient_counts_once,
]
ON_FOUR = [
    hybrid_shards_have_the_bits_of_one_process,
    both_dimensions_have_the_bits_of_one_process,
    rows_of_four_have_the_bits_of_one_process,
]
