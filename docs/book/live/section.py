"""The toy's place on an optimizer's page, and what it runs on: plain HTML and two files of JavaScript."""

import re
from collections.abc import Iterable
from pathlib import Path

from thalweg import Optimizer

from .rules import live, text, why_no_bits

PAGE = Path(__file__).parent / "page"

SCRIPTS = ("surfaces", "run", "controls", "plane", "plane-view", "matrix-view", "curve", "states", "toy")
"""The scripts of a page, in the order in which they need each other."""

ON_A_PLANE = (
    "Here the formula above is at work. This is not a drawing of the idea: the text of the class was translated to "
    "JavaScript, and in float32 it takes **the same steps, bit for bit,** as the kernel on the CPU."
)

ON_A_MATRIX = (
    "Here the formula above is at work on a matrix of four rows and three columns. The text of the class was "
    "translated to JavaScript. **The bits are not those of the library:** {reason}; here it is simply done in float64."
)

OF_A_PLANE = "A plane has two weights, and a network has millions."

OF_A_MATRIX = "A matrix of twelve numbers is no network."

HONEST = "What wins here says nothing about networks. [Which one?](../choose.md) says what is known about them."


def section(cls: type[Optimizer]) -> str:
    """Write the section; nothing for what cannot be shown at work."""
    if cls not in live():
        return ""
    reason = why_no_bits(cls)
    said = ON_A_MATRIX.format(reason=reason) if reason else ON_A_PLANE
    return f"## At work\n\n{said}\n\n{html(cls)}\n\n{OF_A_MATRIX if reason else OF_A_PLANE} {HONEST}"


def html(cls: type[Optimizer], static: str = "../_static") -> str:
    """Write the place of a toy, which the scripts fill."""
    return (
        f'<link rel="stylesheet" href="{static}/live.css">\n'
        f'<div class="live-toy" data-optimizer="{cls.__name__}"><p>This picture is made by JavaScript.</p></div>\n'
        f'<script defer src="{static}/live.js"></script>'
    )


def files(classes: Iterable[type[Optimizer]] | None = None) -> dict[str, str]:
    """Give what the pages load, by name; all optimizers can be compared with, unless some are named."""
    script = "\n".join((PAGE / f"{name}.js").read_text() for name in SCRIPTS)
    rules = text(live() if classes is None else classes)
    # In a function of its own: a page's other scripts have names, too.
    whole = re.sub(r"(?m)^ *(//.*)?\n?", "", f"(() => {{\n{rules}\n{script}\n}})()\n")
    return {"live.js": whole, "live.css": (PAGE / "live.css").read_text()}
