"""What is looked at on the finished site: dead links, and what a browser would fetch elsewhere."""

from docs.book.check import check


def pages(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return check(folder)


def test_links_that_lead_somewhere_are_fine(tmp_path):
    (tmp_path / "a picture.png").touch()
    assert not pages(
        tmp_path,
        one='<p id="here"><a href="two.html#there"><a href="#here"><a href="https://x.org"><img src="a%20picture.png">',
        two='<h1 id="there">',
    )


def test_dead_links_are_told(tmp_path):
    assert pages(tmp_path, one='<a href="two.html"><a href="#nowhere"><img src="no.png">') == [
        "one.html links to two.html, which is no file",
        "one.html links to #nowhere, but one.html has no place of that name",
        "one.html links to no.png, which is no file",
    ]


def test_what_is_fetched_elsewhere_is_told(tmp_path):
    said = pages(
        tmp_path, one='<script src="https://cdn.org/x.js"></script><link rel="stylesheet" href="//cdn.org/x.css">'
    )
    assert said == [
        "one.html fetches https://cdn.org/x.js: keep a copy on the site",
        "one.html fetches //cdn.org/x.css: keep a copy on the site",
    ]
