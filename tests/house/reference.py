"""The public names: which modules the reference covers, what is public in each, and where each name is described.

A page under `docs/reference/` says what its modules are for and lists their names, so that it is of use as plain
Markdown; on the site each list is followed by the entries made from the docstrings. A name that several modules offer
is described once, on the first page that has it, and listed on the others.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from sphinx.pycode import ModuleAnalyzer

PAGES = {
    "kyanite": ("kyanite",),
    "kyanite.optimization": ("kyanite.optimization", "kyanite.optimization.toshiba"),
    "kyanite.sync": ("kyanite.sync",),
    "kyanite.sync.optimization": ("kyanite.sync.optimization",),
    "kyanite.problems": ("kyanite.problems",),
    "kyanite.config": ("kyanite.config",),
    "kyanite.errors": ("kyanite.errors",),
    "kyanite.ports": ("kyanite.ports.clock", "kyanite.ports.jobs", "kyanite.ports.blobs", "kyanite.ports.providers"),
    "kyanite.core": ("kyanite.core.job", "kyanite.core.session", "kyanite.core.events"),
    "kyanite.testing": (
        "kyanite.testing.providers",
        "kyanite.testing.stores",
        "kyanite.testing.sessions",
        "kyanite.testing.blobs",
        "kyanite.testing.clocks",
    ),
}
"""The modules of each page. The order decides where a name is described that more than one module offers."""

TOPICS = {
    "kyanite.runtime.workspace": "Workspaces and jobs",
    "kyanite.runtime.job": "Workspaces and jobs",
    "kyanite.core.story": "Workspaces and jobs",
    "kyanite.core.job": "Records",
    "kyanite.core.session": "Records",
    "kyanite.core.events": "Events",
    "kyanite.ports.providers": "Providers",
    "kyanite.errors": "Errors",
}
"""Under which heading, and in which order, the page of `kyanite` puts names that it collects from other modules."""

HANDED_OUT = {"kyanite.Job", "kyanite.Story"}
"""What users are given and never make: the reference shows no constructor."""


@dataclass(frozen=True)
class Name:
    """A public name: the module that offers it, the module that made it, and what it is called there."""

    module: str
    name: str
    origin: str
    original: str

    @property
    def full(self) -> str:
        """The name as users import it."""
        return f"{self.module}.{self.name}"

    @property
    def value(self) -> Any:
        """What it stands for."""
        return getattr(importlib.import_module(self.module), self.name)

    @property
    def directive(self) -> str:
        """The autodoc directive that describes it."""
        if inspect.isclass(self.value):
            return "autoexception" if issubclass(self.value, BaseException) else "autoclass"
        return "autofunction" if inspect.isroutine(self.value) else "autodata"

    @property
    def docstring(self) -> str:
        """What it says of itself, without indentation; of a constant, the string that follows its assignment."""
        if self.directive != "autodata":
            return inspect.getdoc(self.value) or ""
        return "\n".join(analyzer(self.origin).attr_docs.get(("", self.original), [])).strip()


@cache
def analyzer(module: str) -> ModuleAnalyzer:
    """Return what Sphinx reads out of the module's source: the order of names, and the words on constants."""
    found = ModuleAnalyzer.for_module(module)
    found.analyze()
    return found


@cache
def public_names(module: str) -> tuple[Name, ...]:
    """Return what the module offers: what it makes, in the order of its source, then the rest by the alphabet.

    That is `__all__`; without one, every class and function made there, and every constant that has a docstring.
    """
    namespace = vars(importlib.import_module(module))
    listed = namespace.get("__all__") or [name for name in namespace if _is_offered(module, name)]
    names = [_name(module, name) for name in listed]
    return tuple(
        sorted(
            names, key=lambda name: (False, _order(name), "") if name.origin == module else (True, 0, name.name.lower())
        )
    )


def _is_offered(module: str, name: str) -> bool:
    thing = getattr(importlib.import_module(module), name)
    if name.startswith("_"):
        return False
    if inspect.isclass(thing) or inspect.isfunction(thing):
        return thing.__module__ == module
    return ("", name) in analyzer(module).attr_docs


def _name(module: str, name: str) -> Name:
    thing = getattr(importlib.import_module(module), name)
    made = getattr(thing, "__module__", None)
    if isinstance(made, str) and made.startswith("kyanite.") and hasattr(thing, "__qualname__"):
        return Name(module, name, made, thing.__qualname__)
    return Name(module, name, module, name)


def _order(name: Name) -> int:
    """Where in the source of its module the name is made."""
    order: int = analyzer(name.origin).tagorder.get(name.original, 0)
    return order


@cache
def homes() -> dict[tuple[str, str], Name]:
    """Return for each thing, by the module that made it and its name there, the name under which it is described."""
    found: dict[tuple[str, str], Name] = {}
    for modules in PAGES.values():
        for module in modules:
            for name in public_names(module):
                found.setdefault((name.origin, name.original), name)
    return found


def home(name: Name) -> Name:
    """Return the public name under which the same thing is described."""
    return homes()[name.origin, name.original]


def page_of(name: Name) -> str:
    """Return the page that describes the name."""
    described = home(name)
    return next(page for page, modules in PAGES.items() if described.module in modules)


def summary(docstring: str) -> str:
    """Return the first sentence of a docstring, on one line."""
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    found = re.match(r"(?:`[^`]*`|[^`])*?\.(?=\s|$)", paragraph)
    return found[0] if found else paragraph


def page(title: str, *, site: bool = False) -> str:
    """Return the body of a page of the reference; with `site`, as the site has it: with links and whole entries."""
    parts = []
    for heading, text, names in _sections(title):
        parts += [heading, text, _table(title, names, site=site)]
        if site:
            parts += _entries(names)
    return "\n\n".join(part for part in parts if part)


def _sections(title: str) -> Iterator[tuple[str, str, list[Name]]]:
    """Yield headings, what they say first, and the names under them: by topic, by module, or all under none."""
    modules = PAGES[title]
    words = [_module_docstring(module) for module in modules]
    if title == "kyanite":
        yield "", words[0], []
        for topic in dict.fromkeys(TOPICS.values()):
            origins = [origin for origin, its_topic in TOPICS.items() if its_topic == topic]
            chosen = [name for name in public_names(title) if name.origin in origins]
            yield f"## {topic}", "", sorted(chosen, key=lambda name: (origins.index(name.origin), _order(name)))
        return
    for module, text in zip(modules, words, strict=True):
        yield f"## {module}" if module != title else "", text, list(public_names(module))


def _table(title: str, names: list[Name], *, site: bool) -> str:
    if not names:
        return ""
    rows = [f"| {_named(title, name, site=site)} | {_cell(summary(name.docstring))} |" for name in names]
    return "\n".join(["| name | what it is |", "|---|---|", *rows])


def _named(title: str, name: Name, *, site: bool) -> str:
    if site:
        return f"{{py:obj}}`{name.name} <{home(name).full}>`"
    page = page_of(name)
    return f"`{name.name}`" if page == title else f"[`{name.name}`]({page}.md)"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _entries(names: list[Name]) -> Iterator[str]:
    for name in names:
        if home(name) == name:
            options = "".join(f"   {option}\n" for option in _options(name.value))
            yield f"```{{eval-rst}}\n.. {name.directive}:: {name.full}\n{options}```"


def _options(value: Any) -> Iterator[str]:
    """A class shows its members, but not the fields of a record: they are in a table (`tests.house.docstrings`)."""
    if inspect.isclass(value):
        yield ":members:"
        if issubclass(value, msgspec.Struct):
            yield f":exclude-members: {', '.join(value.__struct_fields__)}"


def index() -> str:
    """Return the table of the reference's pages."""
    rows = [f"| [{title}]({title}.md) | {_cell(summary(_module_docstring(title)))} |" for title in PAGES]
    return "\n".join(["| page | what it is about |", "|---|---|", *rows])


def _module_docstring(module: str) -> str:
    return inspect.getdoc(importlib.import_module(module)) or ""
