"""Several processes that meet once, and run one case after the other: what goes wrong in each is told."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from queue import Empty
from typing import Any

import torch
import torch.distributed as dist

from ..forked import FORKED

SECONDS = 60
"""Within which processes meet, and answer each other: a hang is a failure."""

PATIENCE = 20 * SECONDS
"""How long nothing may be told by processes that are alive: all their cases take minutes on a busy machine."""


def outcomes(cases: Sequence[Callable[..., Any]], count: int, *arguments: Any) -> dict[str, list[Any]]:
    """Run cases on so many processes; give by name what each process returned, or the text of its error."""
    with tempfile.TemporaryDirectory() as folder:
        queue = FORKED.Queue()
        members = [
            FORKED.Process(
                target=_member, args=(rank, count, f"{folder}/meeting", cases, arguments, queue), daemon=True
            )
            for rank in range(count)
        ]
        os.environ["OMP_NUM_THREADS"], before = "1", os.environ.get("OMP_NUM_THREADS")
        try:
            for member in members:
                member.start()
            found = dict(_told(queue, members) for _ in members)
        finally:
            for member in members:
                member.join(timeout=1)
                member.kill()
            os.environ.pop("OMP_NUM_THREADS") if before is None else os.environ.update(OMP_NUM_THREADS=before)
    return {case.__name__: [found[rank][case.__name__] for rank in range(count)] for case in cases}


def _told(queue: Any, members: Sequence[Any]) -> Any:
    """Wait until a process tells what it has found, as long as none has died."""
    for _ in range(PATIENCE):
        try:
            return queue.get(timeout=1)
        except Empty:
            died = {rank: member.exitcode for rank, member in enumerate(members) if member.exitcode}
            assert not died, f"processes ended without a word, with these exit codes: {died}"
    raise TimeoutError(f"the processes told nothing for {PATIENCE} seconds")


def built_once(step: Callable[[], Any]) -> None:
    """Let the first process take a step that concerns nobody else: the others find its kernels in the cache."""
    if dist.get_rank() == 0:
        step()
    dist.barrier()
    if dist.get_rank() != 0:
        step()


def _member(
    rank: int, count: int, meeting: str, cases: Sequence[Callable[..., Any]], arguments: Sequence[Any], queue: Any
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=count, timeout=timedelta(seconds=SECONDS)
    )
    queue.put((rank, {case.__name__: _tried(case, arguments) for case in cases}))
    dist.destroy_process_group()


def _tried(case: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    try:
        return case(*arguments)
    except Exception:
        return traceback.format_exc()


def sentence_of(call: Callable[[], Any]) -> str | None:
    """Say what a call refuses; None if it does not."""
    try:
        call()
    except RuntimeError as error:
        return str(error)
    return None
