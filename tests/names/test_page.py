"""The page of names says what the table says."""

from thalweg.names import OF_LIBRARY

from .page import PAGE, written


def test_the_page_is_written_from_the_table():
    text = PAGE.read_text()
    assert all(f"<!-- names: {library} -->" in text for library in OF_LIBRARY)
    assert written(text) == text, "write it anew: python -m tests.names.page"
