"""What a step costs on a GPU, and whether its bits are right: what matters most comes first.

    python benchmarks/gpu.py [--out DIR] [--budget 300] [--device cuda] [--workers 12]

It needs torch and Triton and nothing else, and goes through these parts, as far as the budget of seconds allows: the
gate (AdamW runs as a kernel and has the CPU's bits), bits of every rule in every format, speed on 1 GiB of parameters
beside a copy's, latency, CUDA graphs, Muon, and every other rule and format. DIR/gpu.json is written after every single
result. Exit status 3: no kernel ran, and nothing else was tried. `python benchmarks/gpu_report.py DIR/gpu.json` puts
the results into docs/benchmarks.md. With `--device cpu`, under TRITON_INTERPRET=1, all is tiny: that tries the script,
and its results go into build/gpu-trial if no DIR is given.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from gpu_bits import check, jobs
from measuring.gpu_session import Session
from measuring.run_log import read
from measuring.traffic import FORMATS, ROW_FORMATS, ROWS, bytes_of_step, catalogue, has_rows, options_of
from tasks.workloads import gpt
from torch import Tensor

import thalweg
from thalweg.engine.triton.available import interprets, why_not
from thalweg.optimizer import registry

HERE = Path(__file__).parent
PEERS = {"AdamW": "AdamW", "Adam": "Adam", "SGD": "SGD", "Adagrad": "Adagrad", "RMSProp": "RMSprop", "NAdam": "NAdam"}
"""Names of rules in torch.optim, where both can be stepped by the same options."""


def made(session: Session, shapes: list[tuple[int, ...]], dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Make parameters with gradients."""
    params = [torch.randn(shape, device=session.device).to(dtype).requires_grad_() for shape in shapes]
    for param in params:
        param.grad = torch.randn_like(param) * 1e-2
    return params


def engine(session: Session) -> dict[str, Any]:
    """Ask for the kernels by name where a device's are only tried."""
    return {"engine": "triton"} if session.is_trial else {}


def gate(session: Session) -> bool:
    """Tell if AdamW runs as a kernel with the CPU's bits."""
    try:
        row = check("AdamW", "float32", False, session.device)
    except Exception:
        session.failed("gate")
        return False
    session.put("gate", **row)
    return bool(row["has run"]) and not row["unlike"]


def bits(session: Session) -> Iterator[Callable[[], None]]:
    """Compare every rule in every format with the CPU, in processes side by side: this fills Triton's cache, too."""

    def all_of_them() -> None:
        limit = min(60.0 if session.is_trial else 120.0, 0.45 * session.left)
        files = [session.path.with_name(f"bits{part}.jsonl") for part in range(session.workers)]
        more = ["--parts", str(session.workers), "--device", session.device]
        command = [sys.executable, str(HERE / "gpu_bits.py"), *more]
        kids = [
            subprocess.Popen([*command, "--part", str(part), "--out", str(file)]) for part, file in enumerate(files)
        ]
        end = perf_counter() + limit
        for kid in kids:
            try:
                kid.wait(max(end - perf_counter(), 0.1))
            except subprocess.TimeoutExpired:
                kid.kill()
        rows = [row for file in files for row in read(file)]
        for file in files:
            file.unlink(missing_ok=True)
        wrong = [row for row in rows if row.get("unlike") or not row.get("has run")]
        session.put("bits", checked=len(rows), of=len(jobs()), wrong=wrong)

    yield all_of_them


def copy(session: Session) -> Iterator[Callable[[], None]]:
    """Measure a copy within the device's memory, read and written."""

    def one() -> None:
        size = 1 << (20 if session.is_trial else 31)
        source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=session.device)
        target = torch.empty_like(source)
        session.copy = 2e6 * size / session.clock.device(lambda: target.copy_(source), 4)
        session.put("copy", **{"GB/s": session.copy / 1e9})

    yield one


def step_of(session: Session, name: str, form: str, params: list[Tensor]) -> Callable[[], object]:
    """Make a step and see that it is a kernel's."""
    cls = registry[name]
    optimizer = cls(params, **options_of(cls), **FORMATS[form][1], **engine(session))
    optimizer.step()
    said = optimizer.explain()
    assert "Triton" in said, said
    assert "eager" not in said, said
    return optimizer.step


def speed(session: Session, name: str, form: str) -> None:
    """Measure one rule in one format on 1 GiB of parameters."""
    shape: tuple[int, ...] = (64, 64) if session.is_trial else (8_192, 8_192)
    shape = shape if has_rows(registry[name]) else (prod(shape),)
    params = made(session, [shape] * 4, FORMATS[form][0])
    step = step_of(session, name, form, params)
    moved = bytes_of_step(registry[name], form, (64, 128) if has_rows(registry[name]) else (8_192,))
    taken = session.clock.device(step)
    row: dict[str, Any] = {"optimizer": name, "format": form, "us": taken, "bytes": moved}
    if session.copy:
        row["of a copy"] = moved * sum(param.numel() for param in params) / taken * 1e6 / session.copy
    if form == "float32" and name in PEERS:
        row["torch"] = peers(session, name, params)
    session.put("speed", **row)


def peers(session: Session, name: str, params: list[Tensor], repeats: int = 3) -> dict[str, Any]:
    """Measure torch's own ways of the same rule."""
    found = {}
    for kind in ("fused", "foreach"):
        try:
            peer = getattr(torch.optim, PEERS[name])(params, **options_of(registry[name]), **{kind: True})
            found[kind] = {"us": session.clock.device(peer.step, repeats), "host us": session.clock.host(peer.step)}
        except (TypeError, RuntimeError, torch.OutOfMemoryError):
            # torch has no such variant of this optimizer, or it needs more memory.
            continue
    return found


MOST_USED = [
    *(("AdamW", form) for form in FORMATS if form != "bf16 kahan"),
    *((name, "float32") for name in ("SGD", "LAMB", "Prodigy", "RMSProp")),
]


def most_used(session: Session) -> Iterator[Callable[[], None]]:
    """Measure AdamW in every format, and what is used most."""
    for name, form in MOST_USED:
        yield lambda name=name, form=form: speed(session, name, form)  # type: ignore[misc]


def everything(session: Session) -> Iterator[Callable[[], None]]:
    """Measure every other rule, format by format."""
    for form in FORMATS:
        for cls in [*catalogue(), *(catalogue(ROWS) if form in ROW_FORMATS else ())]:
            if (cls.__name__, form) not in MOST_USED:
                yield lambda name=cls.__name__, form=form: speed(session, name, form)  # type: ignore[misc]


def works(session: Session) -> dict[str, list[tuple[int, ...]]]:
    """Give the models whose steps are short."""
    if session.is_trial:
        return {"tiny": [(8,)] * 5}
    small = [(64, 64), (64,)] * 3
    return {"GPT-2 small": [*gpt(12, 768, 50_257, 1_024)], "1,000 of 1,000": [(1_000,)] * 1_000, "MLP of 6": small}


def latency(session: Session) -> Iterator[Callable[[], None]]:
    """Measure small steps: the device's time, the host's, and the host's with new gradients each time."""

    def one(work: str, shapes: list[tuple[int, ...]], name: str, form: str) -> None:
        params = made(session, shapes)
        step = step_of(session, name, form, params)

        def renew() -> None:
            for param in params:
                assert param.grad is not None
                param.grad = param.grad.clone()

        def renew_and_step() -> None:
            renew()
            step()

        clock = session.clock
        row: dict[str, Any] = {"work": work, "optimizer": name, "format": form}
        row |= {"us": clock.device(step, 10), "host us": clock.host(step)}
        row["host us, new gradients"] = clock.host(renew_and_step, 10) - clock.host(renew, 10)
        if form == "float32":
            row["torch"] = peers(session, name, params, 10)
        session.put("latency", **row)

    for work, shapes in works(session).items():
        for name, form in (("AdamW", "float32"), ("AdamW", "clip and average"), ("SGD", "float32"), ("AdamW", "8bit")):
            yield lambda work=work, shapes=shapes, name=name, form=form: one(work, shapes, name, form)  # type: ignore[misc]


def graphs(session: Session) -> Iterator[Callable[[], None]]:
    """Measure replays of a captured step, torch's beside it."""

    def replayed(optimizer: Any) -> float:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                optimizer.step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            optimizer.step()
        return session.clock.device(graph.replay, 10)

    def one(work: str, shapes: list[tuple[int, ...]]) -> None:
        ours = replayed(thalweg.AdamW(made(session, shapes), capturable=True))
        theirs = replayed(torch.optim.AdamW(made(session, shapes), fused=True, capturable=True))
        session.put("graph", work=work, us=ours, **{"torch fused, us": theirs})

    for work, shapes in works(session).items() if not session.is_trial else ():
        yield lambda work=work, shapes=shapes: one(work, shapes)  # type: ignore[misc]


def matrices(session: Session) -> Iterator[Callable[[], None]]:
    """Measure Muon on the matrices of a GPT's blocks against torch's, one matrix after the other."""

    def one() -> None:
        whole = gpt(1, 16, 50, 8) if session.is_trial else gpt(12, 768, 50_257, 1_024)
        params = made(session, [shape for shape in whole if len(shape) == 2][2:])
        optimizer = thalweg.Muon(params, **engine(session))
        optimizer.step()
        row: dict[str, Any] = {"matrices": len(params), "us": session.clock.device(optimizer.step, 2, 5)}
        row["host us"] = session.clock.host(optimizer.step, 5)
        theirs = torch.optim.Muon(params)
        theirs.step()
        session.put("Muon", **row, **{"torch us": session.clock.device(theirs.step, 1, 3)})
        print(optimizer.explain(), flush=True)

    yield one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="benchmarks/results if it is not given")
    parser.add_argument("--budget", type=float, default=300.0, help="seconds")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--workers", type=int, default=12, help="processes that compare bits")
    arguments = parser.parse_args()
    if arguments.device != "cpu" and not torch.accelerator.is_available():
        sys.exit("there is no GPU here: nothing was measured, and nothing was written")
    if reason := why_not():
        sys.exit(reason)
    if arguments.device == "cpu" and not interprets():
        sys.exit("on the CPU this script is tried in Triton's interpreter: set TRITON_INTERPRET=1")
    # What a trial finds never takes the place of what a card has measured.
    arguments.out = arguments.out or (Path("build/gpu-trial") if arguments.device == "cpu" else HERE / "results")
    session = Session(arguments)
    if not gate(session):
        print("no kernel ran on the device, or its bits are wrong: nothing else was tried", file=sys.stderr)
        sys.exit(3)
    for part, least in ((bits, 30), (copy, 25), (most_used, 20), (latency, 15), (graphs, 12), (matrices, 8)):
        session.run(part, least)
    session.run(everything, 8)


if __name__ == "__main__":
    main()
