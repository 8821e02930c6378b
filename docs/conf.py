"""How Sphinx makes the site."""

project = "thalweg"
copyright = "2026, the thalweg authors"

extensions = ["myst_parser"]
html_theme = "furo"
html_title = "thalweg"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_js_files = ["sortable.js", "find-name.js"]
html_show_sourcelink = False
html_copy_source = False
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["static"]
highlight_language = "none"
pygments_style = "default"
