import msgspec
import pytest

from kyanite import Workspace
from kyanite.config import LimitSettings, Settings, load
from kyanite.errors import ConfigError
from tests.house.tree import ROOT

FILE = ROOT / "config" / "kyanite.toml"


def test_the_commented_file_is_the_defaults():
    assert load(FILE) == Settings()


def test_the_commented_file_shows_every_key():
    def keys(value, path=""):
        for name, item in value.items():
            yield f"{path}{name}"
            if isinstance(item, dict):
                yield from keys(item, f"{path}{name}.")

    import tomllib

    written = set(keys(tomllib.loads(FILE.read_text())))
    assert written == set(keys(msgspec.to_builtins(Settings())))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[limits]\ncoers = 2\n", "coers"),
        ("[limits]\ncores = 'two'\n", r"\$\.limits\.cores"),
        ("[store]\nsynchronous = 'OFF'\n", r"\$\.store\.synchronous"),
        ("[queue\n", "kyanite.toml"),
        ("queue = 3\n", r"\$\.queue"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, named):
    path = tmp_path / "kyanite.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=named):
        load(path)


def test_a_missing_file_and_an_unknown_provider_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        load(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError, match=r"providers\.nobody is not installed"):
        Workspace.open(Settings(providers={"nobody": {}}), data_dir=tmp_path)
    with pytest.raises(ConfigError, match=r"providers\.local"):
        Workspace.open(Settings(providers={"local": {"wrokers": 1}}), data_dir=tmp_path)


async def test_a_workspace_opens_from_a_file(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text(f"workspace = 'team'\ndata_dir = '{tmp_path}/data'\n[providers.local]\nworkers_max = 3\n")
    async with Workspace.open(path) as workspace:
        assert workspace.name == "team"
        assert {target.slots for target in workspace.targets()} == {3}
    assert (tmp_path / "data" / "jobs.sqlite").exists()


def test_limits_default_to_the_machine():
    assert LimitSettings().machine().cores >= 1
    assert LimitSettings().machine().memory_bytes > 1 << 28
    assert LimitSettings(cores=1.5, gpus=2).machine().gpus == 2
