"""Providers that are installed are found; one that is broken takes nothing along."""

import sys

import pytest

from kyanite import Workspace, plugins
from kyanite.config import Settings

PACKAGE = """
from kyanite import Provider, Target

class Shout(Provider):
    id = "acme"

    def __init__(self, *, mark="!"):
        self.mark = mark

    def targets(self):
        return [Target(id="acme.shout", provider_id=self.id)]

    async def run(self, task):
        await task.write_output((await task.read_input()).decode().upper() + self.mark)
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution with two providers, one of which can not be imported."""
    site = tmp_path / "site"
    info = site / "acme_shout-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "acme_shout.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-shout\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[kyanite.providers]\nshout = acme_shout:Shout\nbroken = acme_not_there:Provider\n"
    )
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("acme_shout", None)


async def test_an_installed_provider_serves_its_targets(installed, tmp_path):
    settings = Settings(data_dir=str(tmp_path / "data"), providers={"shout": {"mark": "?"}})
    async with Workspace.open(settings) as workspace:
        ids = {target.id for target in workspace.targets()}
        assert {"acme.shout", "microsoft.simulatedannealing.cpu"} <= ids
        assert await (await workspace.submit("acme.shout", "hello")).get_results() == "HELLO?"


def test_the_broken_one_is_left_out(installed):
    made = plugins.providers({})
    assert [type(provider).__name__ for provider in made] == ["LocalProvider", "Shout"]
