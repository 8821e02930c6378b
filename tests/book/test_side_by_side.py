"""The page of all rules: it has each of them, with the numbers of its own page, and its table is sorted by a click."""

import json
import re
import shutil
import subprocess

import pytest

import thalweg
from docs.book import measured, quality, side_by_side
from docs.book.optimizer_page import catalogue
from docs.book.sizes import sizes_table
from thalweg.optimizers.closure.optimizer import ClosureOptimizer

SCRIPT = measured.DOCS / "static" / "sortable.js"

RANKS = """
<!-- ranks -->
| rank | rule | optimizer | loss | rate | time of a run |
|---|---|---|---|---|---|
| 1 | D-Muon | `Muon` | 1.900 ± 0.010 | 0.001 | 9 s |
| 2 | AdamW | `AdamW` | 2.000 ± 0.010 | 0.003 | 5 s |
| 3 | Muon | `Muon` | 2.100 (one seed) | 0.01 | 9 s |
| 4 | Lion | `Lion` | diverged | 0.1 | 5 s |

Two runs.
<!-- end of ranks -->
"""


@pytest.fixture(scope="module")
def page():
    return side_by_side.side_by_side()


@pytest.fixture
def ranks(tmp_path, monkeypatch):
    (tmp_path / "choose.md").write_text(RANKS)
    monkeypatch.setattr(measured, "DOCS", tmp_path)
    measured.measured.cache_clear()
    yield
    measured.measured.cache_clear()


def rows(page):
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line[:3] == "| ["]
    return {re.match(r"\[(\w+)\]", cells[0])[1]: cells for cells in lines}


def test_every_rule_has_a_row(page):
    rules = {cls.__name__ for cls in catalogue() if not issubclass(cls, ClosureOptimizer)}
    assert rows(page).keys() == rules
    assert len({len(cells) for cells in rows(page).values()}) == 1


def test_bytes_are_those_of_the_rules_own_pages(page):
    for name in ("AdamW", "Lion", "Muon", "Adafactor"):
        own = [line.split("|")[-2].strip() for line in sizes_table(getattr(thalweg, name)).splitlines()[2:]]
        assert rows(page)[name][-len(own) :] == own


def test_cells_are_numbers_that_can_be_sorted(page):
    assert all(not cell or float(cell) > 0 for cells in rows(page).values() for cell in cells[2:])
    assert float(rows(page)["AdamW"][4]) > 10


def test_ranks_stand_on_the_pages_of_the_classes(ranks):
    text = quality.quality("Muon")
    assert "| 1 | D-Muon | 1.900 ± 0.010 | 0.001 |" in text
    assert "| 3 | Muon | 2.100 (one seed) | 0.01 |" in text
    assert "among 4 optimizers" in text
    assert quality.quality("AdEMAMix") == ""
    assert [quality.best_loss(name) for name in ("Muon", "Lion", "SGD")] == ["1.900", "", ""]


@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed")
def test_a_table_sorts_by_a_click(tmp_path):
    """Numbers by size and words by letters, what is empty last; heads are buttons, which the keyboard reaches."""
    cells = [("b", "10"), ("a", ""), ("C", "9"), ("d", "1.5e3")]
    body = "".join(f"<tr><td><a href='#'>{name}</a></td><td>{number}</td></tr>" for name, number in cells)
    table = f"<table class='sortable'><thead><tr><th>x</th><th>y</th></tr></thead><tbody>{body}</tbody></table>"
    clicks = (
        "const rows = () => [...document.querySelectorAll('.sortable tbody tr')];"
        "const names = () => rows().map(row => row.cells[0].textContent).join('');"
        "const out = [names()], heads = document.querySelectorAll('table.sortable th > button');"
        "for (const at of [1, 1, 0]) { heads[at].click(); out.push(names()); }"
        "out.push(document.querySelector('th').getAttribute('aria-sort'));"
        "out.push(document.querySelectorAll('#plain button').length);"
        "document.body.innerHTML = '<pre>' + JSON.stringify(out) + '</pre>';"
    )
    plain = table.replace("class='sortable'", "id='plain'")
    (tmp_path / "page.html").write_text(
        f"<body>{table}{plain}<script>{SCRIPT.read_text()}</script>"
        f"<script>document.addEventListener('DOMContentLoaded', () => {{ {clicks} }})</script></body>"
    )
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"file://{tmp_path}/page.html"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found = json.loads(re.search(r"<pre>(.*)</pre>", shown)[1])
    before, up, down, by_name, sort, plain_buttons = found
    assert (before, up, down, by_name) == ("baCd", "Cbda", "dbCa", "abCd")
    assert (sort, plain_buttons) == ("ascending", 0)
