"""The tables of docs/names.md, written anew from the table of names: `python -m tests.names.page`."""

import re
from pathlib import Path

from thalweg.tools.showing.name_tables import markdown_of_names

PAGE = Path(__file__).parents[2] / "docs" / "names.md"


def written(text):
    """Put every library's table between its marks."""

    def filled(found):
        return "\n".join([f"<!-- names: {found[1]} -->", *markdown_of_names(found[1]), "<!-- end of names -->"])

    return re.sub(r"<!-- names: (\S+) -->\n.*?<!-- end of names -->", filled, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
