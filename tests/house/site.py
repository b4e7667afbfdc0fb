"""What the site adds to the pages under docs/, which stay plain Markdown: a Sphinx extension.

- The map of the site: every list of links on a page that is a map becomes a part of the table of contents.
- The reference: its pages get the entries made from the docstrings.
- The lifecycle: a block marked `mermaid` is drawn here, as a picture that needs no script.
"""

from __future__ import annotations

import pydoc
import re
from functools import partial
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry
from sphinx.environment import BuildEnvironment

from kyanite.core import lifecycle
from tests.house import docstrings, reference, statechart
from tests.house.generate import renewed

MAPS = ("index", "decisions", "reference/index")
"""The pages whose lists and tables of links are the site's table of contents."""

_HEADING = re.compile(r"^## +(.+)$", re.MULTILINE)
_LINK = re.compile(r"^(?:[-*|]|\d+\.) *\[[^\]]*\]\(([\w./-]+)\.md\)", re.MULTILINE)


class StateDiagram(Directive):
    """The lifecycle as a picture; any other diagram is an error, since nothing here could draw it."""

    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """Draw it."""
        if "\n".join(self.content).strip() != lifecycle.diagram().strip():
            raise self.error("only the lifecycle can be drawn; call make docs if this is it")
        return [nodes.raw("", f'<div class="picture">{statechart.picture()}</div>', format="html")]


def add_to_page(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add to a page what only the site has: the table of contents, or the entries of the reference."""
    title = page.removeprefix("reference/")
    if page != title and title in reference.PAGES:
        source[0] = renewed(source[0], title, reference.page(title, site=True))
    if page in MAPS:
        source[0] += "".join(_toctrees(source[0]))


def _toctrees(page: str) -> list[str]:
    """A hidden table of contents for each section of a map, under the section's heading."""
    parts = _HEADING.split(page)
    sections = zip(["", *parts[1::2]], parts[::2], strict=True)
    trees = [
        [f":caption: {heading}"] * bool(heading) + ["", *links]
        for heading, text in sections
        if (links := _LINK.findall(text))
    ]
    return ["\n".join(["\n\n```{toctree}", ":hidden:", *tree, "```\n"]) for tree in trees]


def leave_out_constructor(  # Sphinx calls it so
    _app: Sphinx, kind: str, name: str, value: Any, _options: Any, _signature: str | None, _returns: str | None
) -> tuple[str, str] | None:
    """Records are described by their fields and enumerations by their values; what is handed out, nobody makes."""
    if kind not in {"class", "exception"}:
        return None
    return ("", "") if name in reference.HANDED_OUT or docstrings.fields(value) else None


def read_docstring(  # Sphinx calls it so
    _app: Sphinx, kind: str, _name: str, value: Any, _options: Any, lines: list[str]
) -> None:
    """Read Markdown, and add the fields."""
    lines[:] = docstrings.restructured(lines)
    if kind == "class":
        lines += docstrings.fields(value)


def qualify_short_names(_app: Sphinx, document: nodes.document) -> None:
    """Complete the names of classes that docstrings and signatures write short: the nearest of that name is meant."""
    full: dict[str, list[str]] = {}
    for home in reference.homes().values():
        full.setdefault(home.name, []).append(home.full)
    for link in document.findall(pending_xref):
        short, dot, member = str(link["reftarget"]).partition(".")
        if link["refdomain"] == "py" and short in full and short[0].isupper():
            nearest = partial(_nearness, str(link.get("py:module") or ""))
            link["reftarget"] = f"{max(full[short], key=nearest)}{dot}{member}"


def _nearness(module: str, name: str) -> tuple[int, int]:
    """How many parts the names of both have in common; among equals, the shorter name is nearer."""
    common = [one for one, other in zip(module.split("."), name.split("."), strict=False) if one == other]
    return len(common), -len(name)


def show_without_link(
    _app: Sphinx, _env: BuildEnvironment, node: pending_xref, shown: nodes.Element
) -> nodes.Element | None:
    """Leave a name that has no entry as it is written: Python's own, and what is not public.

    A full name of ours that does not exist is no such name: Sphinx then warns of it.
    """
    name = str(node["reftarget"])
    stale = name.startswith("kyanite") and pydoc.locate(name) is None
    return shown if node["refdomain"] == "py" and not stale else None


def list_every_name(_app: Sphinx, env: BuildEnvironment) -> None:
    """Put every name under which a thing can be imported into the index, wherever it is described."""
    objects = env.domains.python_domain.objects
    for modules in reference.PAGES.values():
        for module in modules:
            for name in reference.public_names(module):
                entry = objects.get(reference.home(name).full)
                if entry is not None and name.full not in objects:
                    objects[name.full] = ObjectEntry(entry.docname, entry.node_id, entry.objtype, aliased=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Have Sphinx call all this."""
    app.add_directive("mermaid", StateDiagram)
    app.connect("source-read", add_to_page)
    app.connect("autodoc-process-signature", leave_out_constructor)
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("doctree-read", qualify_short_names)
    app.connect("missing-reference", show_without_link)
    app.connect("env-check-consistency", list_every_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
