"""The list of all optimizers, by what an update needs."""

from collections.abc import Iterator

from thalweg import Optimizer

from .docstring import parts
from .markdown import table
from .optimizer_page import catalogue, file_name

FAMILIES = {
    "elementwise": "Element by element",
    "layerwise": "With norms of each parameter",
    "rows": "With rows and columns",
    "matrix": "With whole matrices",
    "modelwise": "With sums over the whole model",
    "closure": "With a closure that is evaluated again",
}
"""The folders of the catalogue, and what their rules have in common."""


def catalogue_page() -> str:
    """Write a table for each family, and the list that makes the menu."""
    menu = "\n".join(["side-by-side", *map(file_name, catalogue())])
    start = (
        "# All optimizers\n\nEach name leads to a page that is derived from its class. "
        "[Side by side](side-by-side.md) has the memory and the speed of all of them in one table."
    )
    return "\n\n".join([start, *_families(), f"```{{toctree}}\n:hidden:\n\n{menu}\n```"]) + "\n"


def _families() -> Iterator[str]:
    folders = dict.fromkeys((*FAMILIES, *map(family, catalogue())))
    for folder in folders:
        title = FAMILIES.get(folder, folder.replace("_", " ").capitalize())
        classes = [cls for cls in catalogue() if family(cls) == folder]
        rows = [(f"[{cls.__name__}]({file_name(cls)}.md)", parts(cls).idea) for cls in classes]
        yield f"## {title}\n\n{table(('optimizer', 'idea'), rows)}"


def family(cls: type[Optimizer]) -> str:
    """Say in which folder of the catalogue a class stands."""
    return cls.__module__.split(".")[2]
