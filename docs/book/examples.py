"""The page of the examples: each with its first words and its text."""

import ast
from pathlib import Path


def examples_page(folder: Path) -> str:
    """Write a section for each example in a folder, those beneath it last."""
    files = sorted(folder.rglob("*.py"), key=lambda path: (len(path.parts), path.name))
    sections = "\n\n".join(_section(path, folder) for path in files if path.name != "__init__.py")
    return f"# Examples\n\nEach of these is a file in the folder `examples`, and runs as it stands.\n\n{sections}\n"


def _section(path: Path, folder: Path) -> str:
    text = path.read_text()
    said = ast.get_docstring(ast.parse(text)) or ""
    title = path.stem.replace("_", " ").capitalize()
    return f"## {title}\n\n{said}\n\n`examples/{path.relative_to(folder)}`\n\n```py\n{text}```"
