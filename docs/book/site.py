"""Everything that the site is made of, gathered in one folder: what people wrote, and what is derived."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from .catalogue_page import catalogue_page
from .examples import examples_page
from .formula import typeset
from .live.section import files
from .optimizer_page import catalogue, file_name, page
from .reference import pages
from .side_by_side import side_by_side

ROOT = Path(__file__).parents[2]
WRITTEN = ROOT / "docs"

AT_ROOT = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages that stand in the repository's root, and what they are called on the site."""


def gather(folder: Path, typeset: Callable[[type], str] = typeset) -> None:
    """Write all pages into a folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(WRITTEN, folder, ignore=shutil.ignore_patterns("book", "__pycache__", "menu.md"))
    for path in folder.rglob("*.md"):
        path.write_text(lifted(path.read_text()))
    for name, there in AT_ROOT.items():
        (folder / there).write_text(moved((ROOT / name).read_text()))
    shutil.copy(ROOT / "CITATION.cff", folder)
    with (folder / "index.md").open("a") as index:
        index.write("\n" + menu())
    for name, text in files().items():
        (folder / "static" / name).write_text(text)
    for name, text in derived(typeset).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def menu() -> str:
    """Write the menu; a written page that it does not name comes last among the guides."""
    text = (WRITTEN / "menu.md").read_text()
    pages = sorted(path.relative_to(WRITTEN).with_suffix("").as_posix() for path in WRITTEN.rglob("*.md"))
    others = "".join(f"{page}\n" for page in pages if page not in [*text.split(), "menu"])
    return text.replace("```\n", f"{others}```\n", 1)


def derived(typeset: Callable[[type], str] = typeset) -> dict[str, str]:
    """Write the pages that nobody has to write, by their places on the site."""
    of_classes = {f"optimizers/{file_name(cls)}.md": page(cls, typeset) for cls in catalogue()}
    reference = {f"reference/{name}.md": text for name, text in pages().items()}
    return {
        "optimizers/index.md": catalogue_page(),
        "optimizers/side-by-side.md": side_by_side(),
        "examples.md": examples_page(ROOT / "examples"),
        **of_classes,
        **reference,
    }


def moved(text: str) -> str:
    """Let links of a page in the root lead to where their ends are on the site."""
    for name, there in AT_ROOT.items():
        text = text.replace(f"]({name}", f"]({there}")
    text = re.sub(r"\]\((examples[^)]*)\)", "](examples.md)", text)
    return re.sub(r"(\]\(|src=\")docs/", r"\1", text)


def lifted(text: str) -> str:
    """Let links of a page in `docs` to pages in the root lead to where these are on the site."""
    for name, there in AT_ROOT.items():
        text = text.replace(f"](../{name}", f"]({there}")
    return re.sub(r"\]\(\.\./examples[^)]*\)", "](examples.md)", text)
