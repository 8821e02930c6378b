"""What must hold of the finished site: links within it lead somewhere, and it asks no other place for anything."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
"""What a browser fetches by itself."""


class Page(HTMLParser):
    """The links of a page, what it fetches, and the places in it that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag says."""
        for name, value in attrs:
            if value is not None and name in ("id", "name"):
                self.places.add(value)
            if value is not None and (tag, name) in FETCHED:
                self.fetched.append(value)
            elif value is not None and name == "href":
                self.links.append(value)


def check(site: Path) -> list[str]:
    """List what is wrong, a sentence each."""
    pages = {path.resolve(): Page(path.read_text()) for path in site.rglob("*.html")}
    return [fault for path, page in pages.items() for fault in _faults(path, page, pages)]


def _faults(path: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    for address in page.fetched:
        if urlsplit(address).netloc:
            yield f"{path.name} fetches {address}: keep a copy on the site"
    for link in (*page.links, *page.fetched):
        if dead := _dead(path, link, pages):
            yield f"{path.name} links to {link}, {dead}"


def _dead(path: Path, link: str, pages: dict[Path, Page]) -> str | None:
    """Say why a link within the site leads nowhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not there.exists():
        return "which is no file"
    is_known = not parts.fragment or there not in pages or unquote(parts.fragment) in pages[there].places
    return None if is_known else f"but {there.name} has no place of that name"
