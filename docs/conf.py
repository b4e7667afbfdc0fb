# ruff: noqa: INP001  (Sphinx reads this file by its path)
"""The site: `make docs` builds it from these pages into build/site, and nothing in it is fetched from elsewhere."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the extension below is the repository's own

project = "Kyanite"
author = "the Kyanite authors"
version = release = installed_version("kyanite")

extensions = ["myst_parser", "sphinx.ext.autodoc", "tests.house.site"]
nitpicky = True

myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
smartquotes = False  # what is quoted in a table is to be typed
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "Kyanite"
html_static_path = ["_static"]
html_css_files = ["kyanite.css"]
html_show_sourcelink = False
html_show_copyright = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
