"""What pages refer to: the links of Markdown pages, and the links, anchors and assets of built HTML pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)

# What a browser loads by itself: attributes that are addresses, and the kinds of <link> that load something.
_LOADED = {"src", "srcset", "data", "poster"}
_LOADING_LINKS = {"stylesheet", "icon", "shortcut", "preload", "prefetch", "preconnect", "dns-prefetch", "manifest"}


def in_markdown(page: str) -> list[str]:
    """Return where the links of a page lead, code left out."""
    return _LINK.findall(_CODE.sub("", _FENCE.sub("", page)))


def slugs(page: str) -> set[str]:
    """Return the anchors that code hosts give the headings of a page."""
    titles = _HEADING.findall(_FENCE.sub("", page))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def is_elsewhere(address: str) -> bool:
    """Whether the address leaves the place where the pages lie."""
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc)


def missing(root: Path) -> Iterator[str]:
    """Yield the links, in the Markdown pages under a folder, to files or headings that are not there."""
    for page in sorted(root.rglob("*.md")):
        for link in in_markdown(page.read_text(encoding="utf-8")):
            if not exists(page, link):
                yield f"{page}: {link}"


def exists(page: Path, link: str) -> bool:
    """Whether a link of a Markdown page leads to a file that is there, and to a heading in it; the web is not asked."""
    if is_elsewhere(link):
        return True
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not anchor or target.suffix != ".md":
        return target.exists()
    return target.is_file() and anchor in slugs(target.read_text(encoding="utf-8"))


@dataclass
class Html(HTMLParser):
    """One built page: where its links lead, which anchors it has, and what a browser loads with it."""

    text: str
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    assets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read it."""
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort one element's attributes."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.assets += [value for name, value in given.items() if name in _LOADED]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and _LOADING_LINKS & set(given.get("rel", "").split()):
            self.assets.append(given["href"])
        if "url(" in given.get("style", ""):
            self.assets += in_css(given["style"])


def in_css(style: str) -> list[str]:
    """Return what a style sheet loads; images that it holds itself are not loaded."""
    found = re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", style)
    return [address for pair in found if (address := "".join(pair)) and not address.startswith(("data:", "#"))]


def target(page: Path, link: str) -> tuple[Path, str]:
    """Return the file and the anchor that a link of a built page leads to."""
    parts = urlsplit(link)
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve()
    return path, unquote(parts.fragment)
