"""Closure methods against SciPy, torch and pytorch-minimize, in one process: `python benchmarks/closure.py`.

Solved means f - f* <= 1e-8 (f0 - f*), within the evaluations and the 30 s of processor time that each problem has; a
product of the Hessian with a vector counts as one evaluation. Written to
--out: runs.json (every run, kept and reused), closure.md (the tables), closure-profile.png (Dolan & More 2002).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from measuring.counted import Run, run
from peers.solvers import DENSE, LEAST_SQUARES, SOLVERS
from problems import PROBLEMS, Problem
from problems.physics import POISSON
from reports.closure_profile import draw

REFERENCE = "SciPy L-BFGS-B"
Runs = dict[str, dict[str, Run]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run solvers whose name contains this; the others are read back")
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    parser.add_argument(
        "--again", type=int, default=0, help="time so often again, and keep the least: for a busy machine"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = measured(arguments.out / "runs.json", arguments.only, arguments.fresh)
    for _ in range(arguments.again):
        timed_again(runs, arguments.only)
        (arguments.out / "runs.json").write_text(json.dumps(runs))
    text = "\n\n".join([table(runs), squares_table(runs), network_table(runs)])
    (arguments.out / "closure.md").write_text(text + "\n")
    profile(runs, arguments.out / "closure-profile.png")
    print(text)


def measured(path: Path, only: str, fresh: bool) -> Runs:
    """Return every run that was asked for or is on record."""
    record = json.loads(path.read_text()) if path.exists() else {}
    runs: Runs = {name: {key: Run(*value) for key, value in rows.items()} for name, rows in record.items()}
    for name, solver in (SOLVERS | LEAST_SQUARES).items():
        if only not in name or (name in runs and not fresh):
            continue
        run(solver, asked_of(name)[0])  # the first call of anything is slow
        runs[name] = {problem.name: run(solver, problem) for problem in asked_of(name)}
        if name in SOLVERS and name not in ("SciPy trust-ncg", "SciPy Newton-CG", "thalweg NewtonCG"):
            runs[name]["poisson_pinn"] = run(solver, POISSON, budget=5000, target=-math.inf)
        path.write_text(json.dumps(runs))
        print(name, "done", flush=True)
    return runs


def timed_again(runs: Runs, only: str) -> None:
    """Keep the least time of its own that each method has taken, on the problems that count for it and are not hard."""
    for name in [name for name in SOLVERS if only in name and name in runs]:
        for problem in [problem for problem in asked_of(name) if problem.size <= 1000 and not problem.hard]:
            before = runs[name][problem.name]
            runs[name][problem.name] = before._replace(own=min(before.own, run(SOLVERS[name], problem).own))


def asked_of(name: str) -> list[Problem]:
    if name in LEAST_SQUARES:
        return [problem for problem in PROBLEMS if problem.residuals is not None and problem.size <= 100]
    return [problem for problem in PROBLEMS if name not in DENSE or problem.size <= 2000]


def table(runs: Runs) -> str:
    """Return solved, evaluations and own time of each method."""
    lines = [
        f"On {len(PROBLEMS)} problems (n = 2 to 10,000; dense methods: n <= 2,000):",
        "",
        "| method | solved | evaluations / SciPy L-BFGS-B | own processor us per evaluation, n <= 1,000 |",
        "|---|---|---|---|",
    ]
    for name in SOLVERS:
        if name not in runs:
            continue
        rows = {key: value for key, value in runs[name].items() if key != "poisson_pinn"}
        small = [problem.name for problem in PROBLEMS if problem.size <= 1000]
        own = statistics.median(rows[key].own for key in small)
        solved = sum(row.solved is not None for row in rows.values())
        lines.append(f"| {name} | {solved} of {len(rows)} | {ratio(rows, runs[REFERENCE]):.2f} | {own:.0f} |")
    return "\n".join(lines)


def ratio(rows: dict[str, Run], others: dict[str, Run], among: set[str] | None = None) -> float:
    """Return the geometric mean of the evaluations, over the problems that both solve."""
    both = [key for key in rows if key in others and rows[key].solved and others[key].solved]
    both = [key for key in both if among is None or key in among]
    logs = [math.log(rows[key].solved / others[key].solved) for key in both]
    return math.exp(statistics.fmean(logs)) if logs else math.nan


def squares_table(runs: Runs) -> str:
    """Return residual evaluations, against SciPy's trf, for few and for many unknowns."""
    if "SciPy trf" not in runs:
        return ""
    problems = asked_of("SciPy trf")
    halves = halves_of(problems)
    lines = [
        f"On the {len(problems)} sums of squares with n <= 100: residual evaluations / SciPy trf",
        "",
        f"| method | solved | {' | '.join(halves)} |",
        "|---|---|---|---|",
    ]
    for name in LEAST_SQUARES:
        if name in runs:
            shares = [f"{ratio(runs[name], runs['SciPy trf'], half):.2f}" for half in halves.values()]
            solved = sum(row.solved is not None for row in runs[name].values())
            lines.append(f"| {name} | {solved} of {len(problems)} | {' | '.join(shares)} |")
    return "\n".join(lines)


def halves_of(problems: list[Problem]) -> dict[str, set[str]]:
    """Return the problems of fewer and of more unknowns, cut in the middle; names decide between equal sizes."""
    ordered = [problem.name for problem in sorted(problems, key=lambda problem: (problem.size, problem.name))]
    middle = (len(ordered) + 1) // 2
    return {"fewer unknowns": set(ordered[:middle]), "more unknowns": set(ordered[middle:])}


def network_table(runs: Runs) -> str:
    """Return the loss of the Poisson network after 5,000 evaluations."""
    lines = ["Poisson network, 481 parameters, float64, after 5,000 evaluations:", "", "| method | loss |", "|---|---|"]
    lines += [f"| {name} | {rows['poisson_pinn'].best:.1e} |" for name, rows in runs.items() if "poisson_pinn" in rows]
    return "\n".join(lines)


def profile(runs: Runs, path: Path) -> None:
    """Draw how many evaluations each method needs, next to the fewest of all, on problems that dense methods can do."""
    keys = [problem.name for problem in PROBLEMS if problem.size <= 2000]
    draw({name: [runs[name][key].solved or math.inf for key in keys] for name in SOLVERS if name in runs}, path)


if __name__ == "__main__":
    main()
