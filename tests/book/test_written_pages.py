"""What people wrote: links lead somewhere in the repository or on the site, and errors are quoted as they are."""

import inspect
import re

import numpy as np
import pytest
import torch

import thalweg
from docs.book import optimizer_page, reference, site
from thalweg import Optimizer
from thalweg.formula import sqrt
from thalweg.hyper import NonNegative

DOCS = site.WRITTEN
PAGES = [*DOCS.rglob("*.md"), *(site.ROOT / name for name in site.AT_ROOT)]
DERIVED = {
    "examples.md",
    "optimizers/index.md",
    "optimizers/side-by-side.md",
    *(f"optimizers/{optimizer_page.file_name(cls)}.md" for cls in optimizer_page.catalogue()),
    *(f"reference/{name}.md" for name in ("functions", "optimizer", "words", "ranges", "options")),
}


def links(text):
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    for link in links(page.read_text()):
        if link.startswith(("https://", "http://", "#")):
            continue
        there = (page.parent / link.partition("#")[0]).resolve()
        assert there.exists() or there.relative_to(DOCS.resolve()).as_posix() in DERIVED, link


def headings(page):
    """Name what the headings of a page are linked by: small letters, and hyphens for spaces."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_to_headings_find_them(page):
    found = [link.partition("#") for link in links(page.read_text()) if "#" in link and not link.startswith("http")]
    for name, _, heading in found:
        there = page.parent / name if name else page
        assert not there.exists() or heading in headings(there), f"{name}#{heading}"


def test_the_menu_has_every_written_page(tmp_path, monkeypatch):
    named = site.menu().split()
    assert all(page.relative_to(DOCS).with_suffix("").as_posix() in [*named, "menu"] for page in DOCS.rglob("*.md"))
    (tmp_path / "menu.md").write_text("```{toctree}\nold\n```\n```{toctree}\nlast\n```\n")
    for name in ("old", "new", "last"):
        (tmp_path / f"{name}.md").touch()
    monkeypatch.setattr(site, "WRITTEN", tmp_path)
    assert site.menu() == "```{toctree}\nold\nnew\n```\n```{toctree}\nlast\n```\n"


def test_derived_pages_are_those_that_links_count_on():
    assert {f"reference/{name}.md" for name in reference.pages()} <= DERIVED


def test_the_first_page_tells_which_rates_are_not_those_of_torch():
    ours = {name: getattr(thalweg, name, None) for name in dir(torch.optim)}
    rates = {
        name: (cls.options["lr"].default, inspect.signature(getattr(torch.optim, name)).parameters["lr"].default)
        for name, cls in ours.items()
        if isinstance(cls, type) and cls is not Optimizer and issubclass(cls, Optimizer)
    }
    assert len(rates) > 10
    differing = {
        name for name, (own, torchs) in rates.items() if not isinstance(torchs, torch.Tensor) and own != torchs
    }
    assert differing == {"Adam", "SGD"}
    assert rates["Adam"] == (1e-2, 1e-3)


def formulas():
    """The mistakes of the table in `invent.md`."""

    def with_numpy(self, param, grad, v):
        return param - np.sqrt(v), v

    def with_a_mean(self, param, grad):
        return param - grad.mean()

    def with_max(self, param, grad):
        return param - max(grad, 0)

    def with_a_root(self, param, grad):
        return param - grad**0.5

    def with_a_typo_of_an_option(self, param, grad):
        return param - self.lrr * grad

    def with_a_typo_of_a_word(self, param, grad):
        return param - sgrt(grad)  # noqa: F821

    def without_a_return(self, param, grad):
        sqrt(grad)

    def without_its_state(self, param, grad, m):
        return param

    def with_a_taken_name(self, param, grad, step):
        return param, step

    return [value for value in locals().values() if callable(value)]


@pytest.mark.parametrize("update", formulas(), ids=lambda function: function.__name__)
def test_errors_are_quoted_as_they_are(update):
    page = (DOCS / "invent.md").read_text().replace("\\`", "`").replace("\\|", "|")
    weight = torch.ones(2, requires_grad=True)
    weight.grad = torch.ones(2)
    with pytest.raises((TypeError, AttributeError, NameError)) as told:
        type("Mine", (Optimizer,), {"update": update, "__annotations__": {"lr": NonNegative}, "lr": 0.1})(
            [weight]
        ).step()
    assert str(told.value).rpartition("`: ")[2] in page or str(told.value) in page
