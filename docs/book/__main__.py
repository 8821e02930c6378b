"""Make the site: `python -m docs.book build/docs`, from the repository's root."""

import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from .check import check
from .code_blocks import failures
from .site import gather


def make(folder: Path) -> int:
    """Gather the pages, run what stands on them, build the site, and look at what came out; 0 if all is well."""
    pages, site = folder / "pages", folder / "html"
    gather(pages)
    faults = [*failures(pages)]
    options = ["-n", "-W", "--keep-going", "-q", "-E", "-b", "html", "-d", str(folder / "cache")]
    failed = sphinx([*options, str(pages), str(site)])
    faults += ["Sphinx has stopped, as said above"] if failed else check(site)
    print("\n".join(faults) or f"The site is at {site / 'index.html'}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(make(Path(sys.argv[1])))
