"""The site builds without a warning, needs nothing from elsewhere, leads nowhere wrong, and describes every name."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

from tests.house import docstrings, links, reference, tree

BUILD_TIMEOUT_S = 120
NAMES = [name for modules in reference.PAGES.values() for module in modules for name in reference.public_names(module)]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", folder / "doctrees", "-b", "html"]
    child = subprocess.run(
        [*command, tree.ROOT / "docs", folder / "html"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, links.Html]:
    return {path: links.Html(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


@pytest.mark.timeout(BUILD_TIMEOUT_S + 30)  # whichever of these comes first builds the site
def test_every_document_is_a_page(site, pages):
    sources = [path for path in tree.documents() if path.is_relative_to(tree.ROOT / "docs")]
    expected = {site / path.relative_to(tree.ROOT / "docs").with_suffix(".html") for path in sources}
    assert len(expected) > 10
    assert expected - pages.keys() == set()


@pytest.mark.timeout(BUILD_TIMEOUT_S + 30)
def test_nothing_is_loaded_from_elsewhere(site, pages):
    loaded = {asset for page in pages.values() for asset in page.assets}
    loaded |= {asset for path in site.rglob("*.css") for asset in links.in_css(path.read_text(encoding="utf-8"))}
    assert any(asset.endswith("kyanite.css") or "kyanite.css?" in asset for asset in loaded)
    assert [asset for asset in loaded if links.is_elsewhere(asset) and not asset.startswith("data:")] == []


@pytest.mark.timeout(BUILD_TIMEOUT_S + 30)
def test_every_link_leads_somewhere(pages):
    anchors = {path.resolve(): page.anchors for path, page in pages.items()}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            if links.is_elsewhere(link):
                continue
            target, anchor = links.target(path, link)
            if not target.is_file() or (anchor and target in anchors and anchor not in anchors[target]):
                dead.append(f"{path.name}: {link}")
    assert dead == []


@pytest.mark.timeout(BUILD_TIMEOUT_S + 30)
def test_every_public_name_is_in_the_inventory(site):
    with (site / "objects.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", "/".join)
    described = {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}
    assert len(NAMES) > 100
    assert [name.full for name in NAMES if name.full not in described] == []


@pytest.mark.timeout(BUILD_TIMEOUT_S + 30)
def test_lifecycle_is_a_picture(site):
    page = (site / "lifecycle.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "stateDiagram" not in page


def test_everything_public_is_documented():
    assert [name.full for name in NAMES if not name.docstring] == []
    silent = [
        f"{name.full}.{method}"
        for name in NAMES
        if inspect.isclass(name.value)
        for method, value in inspect.getmembers(name.value)
        if is_shown(name.value, method, value) and not inspect.getdoc(value)
    ]
    assert silent == []


def is_shown(owner, name, value):
    """Whether it is a method or property of ours, which the reference should show."""
    ours = any(name in vars(base) for base in owner.__mro__ if base.__module__.startswith("kyanite"))
    return ours and not name.startswith("_") and (callable(value) or isinstance(value, property))


def test_links_of_the_plain_pages_lead_somewhere():
    assert list(links.missing(tree.ROOT / "docs")) == []
    readme = tree.ROOT / "README.md"
    assert [
        link for link in links.in_markdown(readme.read_text(encoding="utf-8")) if not links.exists(readme, link)
    ] == []


def test_dead_link_is_found(tmp_path):
    (tmp_path / "one.md").write_text("# One Two\n[a](two.md) [b](#one-two) [c](#three) `[d](x)` [e](http://x/)\n")
    assert [line.partition(": ")[2] for line in links.missing(tmp_path)] == ["two.md", "#three"]


def test_asset_from_elsewhere_is_found():
    page = links.Html(
        '<link rel="stylesheet" href="//fonts.example/x.css"><script src="https://cdn.example/x.js"></script>'
    )
    assert [links.is_elsewhere(asset) for asset in page.assets] == [True, True]
    assert links.in_css("@import 'a.css'; b { background: url(data:x) } c { background: url('//x/y.png') }") == [
        "a.css",
        "//x/y.png",
    ]


def test_docstring_becomes_restructured_text():
    read = docstrings.restructured(["Take `Job`s, `*args` and", "`a b`; 2 * 3 is not name_ but |x|."])
    assert read == [
        r"Take :py:obj:`Job`\ s, ``*args`` and",
        r"``a b``; 2 \* 3 is not name\_ but \|x\|.",
    ]
