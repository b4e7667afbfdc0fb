"""The options of providers become keyword arguments: checked by name and type, with the secrets read."""

import importlib.metadata
import traceback
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from kyanite import Provider, Workspace, plugins
from kyanite.config import Settings
from kyanite.errors import ConfigError


class Acme(Provider):
    id = "acme"

    def __init__(self, *, url: str = "", workers: int | None = None, timeout_s: float = 1.0, api_key: str = "", **more):
        if url == "wrong":
            raise ValueError(f"no host at {url} for {api_key}")
        self.options = {"url": url, "workers": workers, "timeout_s": timeout_s, "api_key": api_key, **more}

    def targets(self):
        return []

    async def run(self, task):
        raise NotImplementedError


class Plain(Provider):
    id = "plain"

    def __init__(self, folder: str | Path = "", later: "NotThere" = None):  # noqa: F821
        self.folder = folder

    def targets(self):
        return []

    async def run(self, task):
        raise NotImplementedError


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    points = [
        EntryPoint("acme", f"{__name__}:Acme", plugins.GROUP),
        EntryPoint("plain", f"{__name__}:Plain", plugins.GROUP),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)


def made(**options):
    return plugins.providers({"acme": options})[0].options


def refused(name, **options):
    with pytest.raises(ConfigError) as error:
        plugins.providers({name: options})
    assert "hunter2" not in "".join(traceback.format_exception(error.value))
    return str(error.value).removeprefix("The configuration is not valid: ")


def test_options_are_keyword_arguments_of_the_annotated_type():
    assert made() == {"url": "", "workers": None, "timeout_s": 1.0, "api_key": ""}
    options = made(workers=2, timeout_s=3, anything=[1])
    assert options == {"url": "", "workers": 2, "timeout_s": 3.0, "api_key": "", "anything": [1]}
    assert type(options["timeout_s"]) is float


def test_secrets_are_read(monkeypatch):
    monkeypatch.setenv("ACME_KEY", "hunter2")
    assert made(api_key={"env": "ACME_KEY"})["api_key"] == "hunter2"


def test_a_wrong_type_is_named(monkeypatch):
    assert refused("acme", workers="two") == 'providers.acme.workers must be a whole number, not "two"'
    assert refused("acme", url=5) == "providers.acme.url must be text, not 5"
    assert refused("acme", api_key={"env": "NOWHERE"}).startswith("providers.acme.api_key: the environment has no")


def test_an_unknown_option_is_named():
    assert refused("plain", foldr=1) == "providers.plain.foldr is not an option of the provider; did you mean folder?"


def test_types_that_can_not_be_checked_are_left_to_the_provider():
    assert plugins.providers({"plain": {"folder": "x"}})[1].folder == "x"


def test_what_the_provider_refuses_is_told_without_its_secrets(monkeypatch):
    monkeypatch.setenv("ACME_KEY", "hunter2")
    assert refused("acme", url="wrong") == "providers.acme: no host at wrong for "
    problem = refused("acme", url="wrong", api_key={"env": "ACME_KEY"})
    assert problem == "providers.acme: no host at wrong for <hidden>"


def test_an_unknown_provider_is_named(tmp_path):
    problem = "providers.nobody is not installed; there are: acme, plain"
    with pytest.raises(ConfigError, match=problem):
        Workspace.open(Settings(providers={"nobody": {}}), data_dir=tmp_path)


def test_the_local_provider_names_its_mistakes(tmp_path, monkeypatch):
    monkeypatch.undo()
    for options, problem in [
        ({"wrokers_max": 1}, r"providers\.local\.wrokers_max is not an option .* did you mean workers_max"),
        ({"workers_max": "two"}, r'providers\.local\.workers_max must be a whole number, not "two"'),
        ({"workers_max": 0}, r"providers\.local: workers_max.* must be at least 1"),
    ]:
        with pytest.raises(ConfigError, match=problem):
            Workspace.open(Settings(providers={"local": options}), data_dir=tmp_path)
