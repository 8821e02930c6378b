"""Processes forked from one that has imported what they need: from nothing, each would spend seconds on that."""

import sys
from multiprocessing import get_context

FORKED = get_context("forkserver" if sys.platform != "win32" else "spawn")
FORKED.set_forkserver_preload(
    [
        # torch's compiler imports Triton, which processes of these tests compile with.
        "tests.uninterpreted",
        "tests.engine.conftest",
        "torch.distributed.checkpoint.state_dict",
        "torch.distributed.fsdp",
        # What torch takes in with the first DTensor that it makes: two seconds.
        "torch._dynamo",
        "thalweg",
    ]
)
