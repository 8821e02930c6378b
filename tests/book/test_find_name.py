"""The field on the page of names, in Chromium: it finds rows of all tables, and says of which library each is."""

import pytest

from docs.book.measured import DOCS

from .chromium import Chromium, needs_chromium

NAMES = {"timm": ["adam", "cadamw", "nadamw"], "bitsandbytes": ["PagedAdamW"]}


@pytest.fixture
def page(tmp_path):
    def section(library, names):
        rows = "".join(f"<tr><td>{name}</td><td>A({name.title()})</td><td></td></tr>" for name in names)
        table = f"<table><thead><tr><th>name</th></tr></thead><tbody>{rows}</tbody></table>"
        link = f"<a class='headerlink' href='#{library}'>#</a>"
        return f"<section id='{library}'><h2>{library}{link}</h2><div class='table-wrapper'>{table}</div></section>"

    text = "".join(section(library, names) for library, names in NAMES.items())
    field = "<div class='find-name' data-label='Find a name' data-example='cadamw'></div>"
    script = (DOCS / "static" / "find-name.js").read_text()
    (tmp_path / "page.html").write_text(f"<!doctype html><body>{field}{text}<script>{script}</script></body>")
    return tmp_path / "page.html"


@needs_chromium
def test_names_are_found_while_they_are_written(page, tmp_path):
    browser = Chromium(tmp_path)
    browser.open(page)
    assert browser.ask("document.querySelector('.find-name table').hidden")
    field = "(field => { field.value = %r; field.dispatchEvent(new Event('input')) })"
    cells = "[...row.cells].slice(0, 2).map(cell => cell.textContent).join(':')"
    rows = f"[...document.querySelectorAll('.find-name tbody tr')].map(row => {cells})"
    found = {}
    for sought in ("adamw", "ADAM timm", "paged", "sgd", ""):
        browser.ask(f"{field % sought}(document.querySelector('.find-name input'))")
        found[sought] = browser.ask(rows), browser.ask("document.querySelector('.find-name [role=status]').textContent")
    assert found["adamw"] == (["timm:cadamw", "timm:nadamw", "bitsandbytes:PagedAdamW"], "3 names")
    assert found["ADAM timm"] == (["timm:adam", "timm:cadamw", "timm:nadamw"], "3 names")
    assert found["paged"] == (["bitsandbytes:PagedAdamW"], "1 name")
    assert found["sgd"] == ([], "no names")
    assert found[""] == ([], "")
    assert browser.ask("document.querySelector('.find-name label').control.type") == "search"
    assert browser.ask("document.querySelectorAll('section tbody tr').length") == 4
    assert browser.complaints == []
    browser.close()


def test_the_page_of_names_has_the_field():
    assert 'class="find-name"' in (DOCS / "names.md").read_text()
    assert '"find-name.js"' in (DOCS / "conf.py").read_text()
