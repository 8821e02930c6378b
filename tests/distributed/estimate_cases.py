"""What is estimated besides steps, on 2 processes: a learning rate, the Hessian's diagonal, and memory."""

import torch
import torch.distributed as dist
from torch.distributed.tensor import Replicate, init_device_mesh

import thalweg

from .compared import COLUMNS, LINES, divided, drawn


def one_rate_is_found_for_all():
    """Processes under DistributedDataParallel have other batches, which alone would have led to other rates."""
    torch.manual_seed(0)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(5, 1))
    batches = [drawn((4, 5), 10 * dist.get_rank() + seed) * (1 + 3 * dist.get_rank()) for seed in range(3)]
    found = thalweg.find_lr(model, thalweg.SGD(model.parameters(), lr=1.0), batches, squared_sum)
    seen = [found.lr, *found.curve.losses, *found.tried.values()]
    told = [None, None]
    dist.all_gather_object(told, seen)
    return told[0] == told[1] and found.lr is not None


def squared_sum(model, batch):
    return (model(batch) - batch.sum(1, keepdim=True)).square().mean()


def signs_are_of_whole_tensors():
    """Estimates of the Hessian's diagonal, and a step with them, of divided tensors as of whole ones."""
    mesh = init_device_mesh("cpu", (2,))
    found = []
    for is_whole in (True, False):
        values = [(drawn((7, 3), 1), LINES), (drawn((3, 6), 2), COLUMNS), (drawn((3,), 3), [Replicate()])]
        params = [torch.nn.Parameter(value if is_whole else divided(value, mesh, how)) for value, how in values]
        loss = (params[0].pow(3) * 2).sin().sum() + params[1].pow(4).sum() + params[2].exp().sum()
        # What whole tensors draw on this process, the divided ones draw on the first.
        torch.manual_seed(5 if is_whole else dist.get_rank() + 5)
        found.append([*thalweg.hutchinson(params, loss if is_whole else loss.full_tensor(), samples=2), *params])
        (loss if is_whole else loss.full_tensor()).backward()
        thalweg.AdaHessian(params).step(hessian=found[-1][:3])
    return all(torch.equal(one, all_.full_tensor()) for one, all_ in zip(*found, strict=True))


def memory_is_that_of_all_processes():
    """Codes and scales of blocks that lie on two processes are kept as the parts of each."""
    part = torch.nn.Parameter(divided(drawn((100, 50), 1), init_device_mesh("cpu", (2,)), LINES))
    part.grad = divided(drawn((100, 50), 2), part.device_mesh, LINES)
    optimizer = thalweg.AdamW([part], state_dtype="4bit")
    whole = thalweg.AdamW([torch.nn.Parameter(drawn((100, 50), 1))], state_dtype="4bit")
    before = optimizer.memory()
    optimizer.step()
    return optimizer.memory() == before == whole.memory()


ESTIMATED_ON_TWO = [one_rate_is_found_for_all, signs_are_of_whole_tensors, memory_is_that_of_all_processes]
