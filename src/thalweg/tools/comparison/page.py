"""The report of a comparison as a page: one file with its pictures inside, which needs no network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import isfinite
from pathlib import Path

import torch
from rich.text import Text

from ... import __version__
from .compare import Run
from .repeated import Repeated, repeated
from .tables import CAPTION, Measure, measured, options

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: clamp(1.4rem, 6vw, 2rem); line-height: 1.2; }
table { border-collapse: collapse; width: 100%; }
.wide { overflow-x: auto; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { position: sticky; left: 0; background: Canvas; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th button { font: inherit; font-weight: 600; border: 0; background: none; padding: 0; cursor: pointer; color: inherit; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
tr.trouble { color: #b3261e; }
.best { font-weight: 700; color: #1a7f37; }
img { width: 100%; min-width: 44rem; background: white; }
@media (prefers-color-scheme: dark) { tr.trouble { color: #ff8a80; } .best { color: #6fdc8c; } }
"""

SORT = """
for (const head of document.querySelectorAll("th")) head.firstChild.onclick = () => {
  const up = head.getAttribute("aria-sort") !== "ascending", body = document.querySelector("tbody");
  for (const other of document.querySelectorAll("th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => row.cells[head.cellIndex].dataset.value ?? row.cells[head.cellIndex].textContent;
  const rows = [...body.rows].sort((one, two) => {
    const [a, b] = [key(one), key(two)], [x, y] = [parseFloat(a), parseFloat(b)];
    if (isNaN(x) || isNaN(y)) return isNaN(x) && isNaN(y) ? a.localeCompare(b) * (up ? 1 : -1) : isNaN(x) ? 1 : -1;
    return (x - y) * (up ? 1 : -1);
  });
  body.append(...rows);
};
"""


def write_page(
    runs: Sequence[Run], title: str, conditions: str, remarks: Iterable[str], pictures: Iterable[Path], path: Path
) -> None:
    """Write the page: what was done, a table that is sorted by a click, what is remarkable, and pictures."""
    groups = repeated(runs)
    told = "".join(f"<p>{escape(remark)}</p>" for remark in remarks)
    images = "".join(
        f'<p class="wide"><img src="{_inside(picture)}" alt="{_words(picture)}"></p>' for picture in pictures
    )
    versions = f"thalweg {__version__}, torch {torch.__version__}"
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(conditions)}. {escape(versions)}.</p>"
        f'<div class="wide">{_table(groups)}</div><p>{escape(CAPTION)}</p>{told}{images}'
        f"<script>{SORT}</script></body></html>\n",
        encoding="utf-8",
    )


def _table(groups: Sequence[Repeated]) -> str:
    told = ["What went wrong"] if any(group.trouble for group in groups) else []
    measures = measured(groups)
    titles = [measure.title for measure in measures]
    heads = ["Optimizer", "Options", *titles, *told]
    head = "".join(f"<th{_class(name in titles)}><button>{escape(name)}</button></th>" for name in heads)
    best = {measure: measure.of_best(groups) for measure in measures}
    rows = "".join(_row(group, best, has_trouble=bool(told)) for group in groups)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(group: Repeated, best: Mapping[Measure, Repeated | None], has_trouble: bool) -> str:
    cells = [group.choice.name, Text.from_markup(options(group.runs[0])).plain]
    texts = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    numbers = "".join(_number(measure, group, is_best=winner is group) for measure, winner in best.items())
    trouble = ' class="trouble"' if group.trouble else ""
    told = f"<td>{escape(group.trouble)}</td>" if has_trouble else ""
    return f"<tr{trouble}>{texts}{numbers}{told}</tr>"


def _number(measure: Measure, group: Repeated, is_best: bool) -> str:
    value, kind = group.mean(measure.value), "number best" if is_best else "number"
    shown = f"{value!r}" if isfinite(value) else ""
    return f'<td class="{kind}" data-value="{shown}">{escape(measure.written(group))}</td>'


def _class(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _inside(picture: Path) -> str:
    return f"data:image/png;base64,{b64encode(picture.read_bytes()).decode()}"


def _words(picture: Path) -> str:
    return (
        "Loss curves" if picture.stem == "losses" else f"Test loss over {escape(picture.stem.removeprefix('sweep-'))}"
    )
