"""A formula as MathML, which browsers set by themselves, and as the text that it is derived from."""

import inspect
import re
import textwrap

from thalweg import Optimizer
from thalweg.formula.tracing.latex import latex

from .traced import traced


def typeset(cls: type[Optimizer]) -> str:
    """Write each line of a formula, under the default options, as MathML."""
    # Imported here: the pages can be written without it, and tests do.
    from latex2mathml.converter import convert

    lines = (convert(_words_whole(line), display="block") for line in latex(traced(cls).program.formula))
    return "\n".join(['<div class="formula">', *lines, "</div>"])


def _words_whole(line: str) -> str:
    """Set words as words, where the converter would take them letter by letter."""
    words = r"\\(?:mathrm|operatorname)\{((?:[^{}\\]|\\_)+)\}"
    return re.sub(words, lambda found: rf"\text{{{found[1]}}}".replace(r"\_", " "), line)


def in_tex(cls: type[Optimizer]) -> str:
    """Write the same lines as TeX, for papers and slides."""
    lines = " \\\\\n".join(latex(traced(cls).program.formula))
    return f"```latex\n{lines}\n```"


def source(cls: type[Optimizer]) -> str:
    """Show the text of `update`."""
    return f"```py\n{textwrap.dedent(inspect.getsource(cls.update))}```"
