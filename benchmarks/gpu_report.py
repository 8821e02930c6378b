"""From raw numbers of GPUs, and of kernels compiled for them, to the tables of docs/benchmarks.md.

    python benchmarks/gpu_report.py [FILE]

FILE is what gpu.py has written, as far as it came; it is kept as benchmarks/results/gpu.json. Without one the tables
are made anew.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reports.page import ROOT, replace, time

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"


def read(name: str) -> dict[str, Any] | None:
    """Read what was measured or counted, if it was."""
    path = RESULTS / name
    return json.loads(path.read_text()) if path.exists() else None


def keep(path: Path) -> None:
    """Keep a file of results, once it is seen to be one; the others stay where it is not."""
    try:
        found = json.loads(path.read_text())
        list(measured(found))
    except (OSError, ValueError, TypeError, LookupError) as error:
        sys.exit(f"{path} is no file that gpu.py has written ({error!r}): nothing was changed")
    if not found["rows"]:
        sys.exit(f"{path} has no results: nothing was changed")
    (RESULTS / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")


def rows(results: dict[str, Any], part: str) -> list[dict[str, Any]]:
    """List what was measured in one part."""
    return [row for row in results["rows"] if row["part"] == part]


def table(results: dict[str, Any]) -> None:
    """Write what a card has measured where the page has its marks."""
    replace(PAGE, "gpu", "\n".join(measured(results)))


def measured(results: dict[str, Any]) -> Iterator[str]:
    """Say where this was measured, then what."""
    machine = results["machine"]
    speed = "".join(
        f" The device copies within its memory at {row['GB/s']:,.0f} GB/s." for row in rows(results, "copy")
    )
    yield (
        f"Measured on {machine['date']} on one {machine['device']}, torch {machine['torch']}, Triton "
        f"{machine['triton']}. Times are medians, taken by the device's own events.{speed}"
    )
    for found in rows(results, "bits"):
        unlike = sum(bool(row.get("unlike")) for row in found["wrong"])
        yield (
            f"\nParameters and states were compared bit for bit with the CPU's, for {found['checked']} of "
            f"{found['of']} pairs of a rule and a format: {unlike} pairs differ."
            f"{_listed('Not in kernels alone', found, 'explain')}{_listed('Ended in an error', found, 'error')}"
        )
    yield from speeds(rows(results, "speed"))
    yield from latencies(rows(results, "latency"))
    yield from graphs(rows(results, "graph"))
    for found in rows(results, "Muon"):
        yield (
            f"\nA step of Muon on the {found['matrices']} matrices of GPT-2 small's blocks takes {time(found['us'])} "
            f"on the device and {time(found['host us'])} on the host. torch.optim.Muon takes {time(found['torch us'])} "
            f"on the device, {found['torch us'] / found['us']:.1f} times as long."
        )


def _listed(title: str, found: dict[str, Any], key: str) -> str:
    """Name the pairs of which something is told."""
    pairs = [f"{row['optimizer']} in {row['format']}" for row in found["wrong"] if key in row]
    return f" {title}: {', '.join(pairs)}." if pairs else ""


def speeds(found: list[dict[str, Any]]) -> Iterator[str]:
    """Write the share of a copy's speed, a line for each rule and a column for each format."""
    if not found:
        return
    forms = list(dict.fromkeys(row["format"] for row in found))
    yield "\n### 1 GiB of parameters: the share of a copy's speed\n"
    yield "| | " + " | ".join(forms) + " | float32's step | torch fused | torch foreach |"
    yield "|---" * (len(forms) + 4) + "|"
    for name in dict.fromkeys(row["optimizer"] for row in found):
        own = {row["format"]: row for row in found if row["optimizer"] == name}
        cells = [_share(own.get(form)) for form in forms]
        yield f"| {name} | " + " | ".join([*cells, *_beside(own.get("float32"))]) + " |"


def _share(row: dict[str, Any] | None) -> str:
    """Say a share of a copy's speed; there is none where a copy was not measured."""
    return f"{row['of a copy']:.0%}" if row and "of a copy" in row else ""


def _beside(row: dict[str, Any] | None) -> list[str]:
    if row is None:
        return ["", "", ""]
    peers = row.get("torch", {})
    return [time(row["us"]), *(time(peers[kind]["us"]) if kind in peers else "" for kind in ("fused", "foreach"))]


def latencies(found: list[dict[str, Any]]) -> Iterator[str]:
    """Write what short steps take."""
    if not found:
        return
    yield "\n### Short steps: time on the device, and on the host\n"
    peers = "torch fused | torch foreach"
    yield f"| work | step | device | {peers} | host | with new gradients | {peers} |"
    yield "|---" * 9 + "|"
    for row in found:
        peers = row.get("torch", {})
        theirs = [
            time(peers[kind][of]) if kind in peers else "" for of in ("us", "host us") for kind in ("fused", "foreach")
        ]
        form = "" if row["format"] == "float32" else f", {row['format']}"
        own = [time(row["us"]), *theirs[:2], time(row["host us"]), time(max(row["host us, new gradients"], 0))]
        yield f"| {row['work']} | {row['optimizer']}{form} | " + " | ".join([*own, *theirs[2:]]) + " |"


def graphs(found: list[dict[str, Any]]) -> Iterator[str]:
    """Write what a replay of a captured step takes."""
    if found:
        yield "\n### One replay of AdamW's step, captured in a CUDA graph\n"
        yield "| work | thalweg | torch fused |"
        yield "|---|---|---|"
        for row in found:
            yield f"| {row['work']} | {time(row['us'])} | {time(row['torch fused, us'])} |"


def static_table() -> None:
    """Write what was counted where the page has its marks, beside what a card has measured."""
    counted, card = read("gpu_static.json"), read("gpu.json")
    if counted is not None:
        replace(PAGE, "gpu_static", "\n".join(static(counted, card)))


def static(counted: dict[str, Any], card: dict[str, Any] | None) -> Iterator[str]:
    """Write a line for each pass of each optimizer in each format."""
    columns = ("optimizer", "format", "pass", "bytes", "instructions", "registers", "spills", "accesses")
    yield "| " + " | ".join([*columns, "H100", "H200", "measured"]) + " |"
    yield "|---" * 11 + "|"
    known = {(row["optimizer"], row["format"]): row for row in rows(card, "speed")} if card else {}
    for row in counted["rows"]:
        if row["what"] == "prepare":
            continue
        found = known.get((row["optimizer"], row["format"])) if row["what"] == "update" else None
        expected = [f"{row['predicted'][device]:.0%}" for device in ("H100", "H200")]
        cells = [row["optimizer"], row["format"], row["what"], f"{row['bytes']:g}", f"{row['instructions']:.0f}"]
        cells += [str(row["registers"]), str(row["spills"]), row["accesses"], *expected]
        yield "| " + " | ".join([*cells, _share(found)]) + " |"
    prepare = [row["instructions"] for row in counted["rows"] if row["what"] == "prepare"]
    yield f"\nBefore AdamW's pass, one warp computes the numbers of the step, in {prepare[0]} instructions."
    yield "\n" + " ".join(f"{line}." for line in counted["elsewhere"])


def main() -> None:
    if len(sys.argv) > 1:
        keep(Path(sys.argv[1]))
    results = read("gpu.json")
    if results is not None:
        table(results)
    static_table()


if __name__ == "__main__":
    main()
