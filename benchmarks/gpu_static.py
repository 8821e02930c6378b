"""What kernels for GPUs will cost, without one: compiled for a card, taken apart, and counted.

    python benchmarks/gpu_static.py [--quick] [--processes 2]

Writes benchmarks/results/gpu_static.json, and the table of docs/benchmarks.md, where what a card has measured stands
beside what is predicted. `--quick` takes AdamW alone, prints, and writes nothing. Triton's own wheel has all the tools.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from measuring.sass import Code
from measuring.traffic import (
    FORMATS,
    ROWS,
    bytes_of,
    bytes_of_part,
    catalogue,
    choice_of,
    has_rows,
    programs_of,
)
from triton.backends.compiler import GPUTarget

from thalweg.engine.triton.kernels.assembly import compiled
from thalweg.engine.triton.kernels.lines.items import TILE, unrolled, warps_of
from thalweg.engine.triton.kernels.settings import setting_of
from thalweg.formula.graph.expr import BLOCK, symbols
from thalweg.formula.tracing.domains import ALONG_LINES
from thalweg.formula.tracing.program import Program
from thalweg.optimizer import registry

RESULTS = Path(__file__).parent / "results" / "gpu_static.json"
HOPPER = GPUTarget("cuda", 90, 32)
USED = ("AdamW", "SGD", "RMSProp", "LAMB", "Prodigy")
"""Rules that are counted in all formats; the others in float32."""

PARTS = ("update", "walk", "across", "total")
"""What goes over elements: one kernel, or up to three along rows and columns."""

MATRIX = (1024, 1024)
"""The parameter of rules that speak of rows and columns."""

OTHERS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
"""What AdamW is compiled for beside the card that the table is about."""

CARDS = {"H100": 3.0e12, "H200": 4.27e12}
"""Bytes a second of a copy, read and written, as measured on one card of each kind."""

ISSUED = 132 * 4 * 32 * 1.755e9
"""Instructions of threads a second: multiprocessors, schedulers, threads of a warp, clock."""


def kernels(name: str, form: str) -> list[dict[str, Any]]:
    """Compile all passes of one optimizer in one format, and count."""
    choice = choice_of(registry[name], form, MATRIX if has_rows(registry[name]) else (8192,))
    if choice.why_eager:
        return []
    rows = []
    functions = ("prepare", *PARTS) if (name, form) == ("AdamW", "float32") else PARTS
    for index, program in enumerate(programs_of(choice)):
        for function, kernel in compiled(program, dict(choice.dtypes), HOPPER, functions):
            code = Code(kernel.asm["cubin"])
            if function == "prepare":
                rows.append({"what": function, "instructions": len(code.path)})
            else:
                rows.append(counted(function, program, dict(choice.dtypes), code) | {"pass": index})
    return [{"optimizer": name, "format": form} | row for row in rows]


def counted(function: str, program: Program, dtypes: dict[str, Any], code: Code) -> dict[str, Any]:
    """Sum up one kernel."""
    if function == "update":
        setting, size = setting_of(program, dtypes), bytes_of(program, dtypes)
        elements = setting.blocks * BLOCK / (32 * setting.warps)
    else:
        size = bytes_of_part(program, dtypes, function)
        elements = together(function, program) * (tiles_of(program, code) if function == "walk" else 1)
    instructions = len(code.path) / elements
    return {
        "what": "sums" if function == "update" and program.totals else function,
        "bytes": size,
        "instructions": instructions,
        "registers": code.registers,
        "spills": code.spills,
        "barriers": code.barriers,
        "accesses": code.widths,
        "predicted": {card: predicted(instructions, size, speed) for card, speed in CARDS.items()},
    }


def together(function: str, program: Program) -> float:
    """Count the elements that a thread has in what is counted of a kernel along lines: those of some lines."""
    lines = {"walk": TILE // BLOCK, "across": unrolled(program), "total": 8}[function]
    return lines * BLOCK / (32 * warps_of(function, BLOCK, program))


def tiles_of(program: Program, code: Code) -> int:
    """Count the tiles that are in the loop of a walk over float32, which the assembler may have unrolled."""
    sums = (node.operands[0] for node in program.within.values())
    read = {symbol.name for symbol in symbols(*program.stores.values(), *sums)} & {*program.loads}
    wide = [name for name in read if program.scope(name) != ALONG_LINES[program.domain]]
    return max(code.wide_loads // max(len(wide), 1), 1)


def predicted(instructions: float, size: float, speed: float) -> float:
    """Predict the share of a copy's speed: memory's time and that of issuing instructions, which overlap in part."""
    issue, memory = instructions / ISSUED, size / speed
    return 1 / (1 + (issue / memory) ** 4) ** 0.25 if memory else 0.0


def elsewhere() -> Iterator[str]:
    """Compile AdamW in all formats for other devices, and say what comes of it."""
    for target, device in OTHERS.items():
        for form in FORMATS:
            choice = choice_of(registry["AdamW"], form)
            for program in programs_of(choice):
                for function, kernel in compiled(program, dict(choice.dtypes), device):
                    is_nvidia = "cubin" in kernel.asm
                    spills = (
                        Code(kernel.asm["cubin"]).spills if is_nvidia else kernel.asm["amdgcn"].count("scratch_store")
                    )
                    if spills:
                        yield f"{target}: AdamW {form}, {function}: {spills} spills"
        yield f"{target}: AdamW compiles in {len(FORMATS)} formats"


def chosen(is_quick: bool) -> Iterator[tuple[str, str]]:
    """List which rules are counted in which formats."""
    names = ["AdamW"] if is_quick else [cls.__name__ for cls in (*catalogue(), *catalogue(ROWS))]
    for name in names:
        for form in FORMATS if name in USED else ("float32",):
            yield name, form


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="AdamW alone")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    jobs = list(chosen(arguments.quick))
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        for found in pool.map(kernels, *zip(*jobs, strict=True)):
            rows += found
            print(*map(json.dumps, found), sep="\n", file=sys.stderr)
            # What is counted is kept, whatever becomes of the rest.
            if not arguments.quick:
                RESULTS.write_text(json.dumps({"rows": rows, "elsewhere": []}, indent=1) + "\n")
    if arguments.quick:
        return
    RESULTS.write_text(json.dumps({"rows": rows, "elsewhere": list(elsewhere())}, indent=1) + "\n")
    from gpu_report import static_table

    static_table()


if __name__ == "__main__":
    main()
