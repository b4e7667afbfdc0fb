"""The settings, and the commented file that shows them all."""

import re
import tomllib

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kyanite import Workspace
from kyanite.blobs.files import INLINE_MAX_LIMIT
from kyanite.config import BlobSettings, LimitSettings, Settings, load, resolve
from kyanite.config.settings import WORKSPACE
from kyanite.errors import ConfigError, InvalidRequest
from kyanite.runtime.envelope import checked_job_id
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

    written = list(keys(tomllib.loads(FILE.read_text())))
    assert written == list(keys(msgspec.to_builtins(Settings())))


def test_the_commented_file_comments_every_group_of_keys():
    blocks = re.split(r"\n(?:\n|(?=#))", FILE.read_text())
    bare = [block for block in blocks if re.search(r"^\w+ =", block, re.MULTILINE) and "#" not in block]
    assert bare == []


def test_the_defaults_keep_their_own_bounds():
    assert msgspec.convert(msgspec.to_builtins(Settings()), Settings) == Settings()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"inline_max_bytes": INLINE_MAX_LIMIT + 1}, BlobSettings)
    assert msgspec.convert({"inline_max_bytes": INLINE_MAX_LIMIT}, BlobSettings).inline_max_bytes == INLINE_MAX_LIMIT


@given(st.text("ab.-_ \n/", max_size=6) | st.text(max_size=3) | st.integers(125, 131).map("a".__mul__))
@example("a.b")
@example("a.")
@example("a\n")
def test_a_workspace_can_be_called_what_the_workspace_accepts(name):
    try:
        accepted = bool(checked_job_id(name))
    except InvalidRequest:
        accepted = False
    assert bool(re.search(WORKSPACE, name)) == accepted


def test_limits_default_to_the_machine():
    assert LimitSettings().machine().cores >= 1
    assert LimitSettings().machine().memory_bytes > 1 << 28
    assert LimitSettings(cores=1.5, gpus=2).machine().gpus == 2


def test_nothing_that_prints_settings_tells_a_secret():
    settings = Settings(
        providers={
            "acme": {"api_key": "hunter2", "tokens_max": 5, "auth": {"password": "hunter2"}},
            "other": {"url": "https://me:hunter2@host", "password": {"env": "OTHER"}},
        }
    )
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(list(settings.__rich_repr__()))
    assert "'tokens_max': 5" in repr(settings)
    assert "{'env': 'OTHER'}" in repr(settings)
    assert "store=StoreSettings(url='', synchronous='FULL')" in repr(settings)


async def test_a_workspace_opens_from_a_file(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text(f"workspace = 'team'\ndata_dir = '{tmp_path}/data'\n[providers.local]\nworkers_max = 3\n")
    async with Workspace.open(path) as workspace:
        assert workspace.name == "team"
        assert {target.slots for target in workspace.targets()} == {3}
    assert (tmp_path / "data" / "jobs.sqlite").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.toml: No such file"):
        load(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError, match=r"nothing\.toml \(named by KYANITE_CONFIG\): No such file"):
        resolve(environ={"KYANITE_CONFIG": str(tmp_path / "nothing.toml")})
