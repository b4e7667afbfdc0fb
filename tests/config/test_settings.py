"""The settings, and the commented file that shows them all."""

import re
import tomllib
from typing import get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kyanite import Workspace
from kyanite.blobs.files import INLINE_MAX_LIMIT
from kyanite.config import BlobSettings, HookSettings, LimitSettings, Settings, WebhookSettings, load, resolve
from kyanite.config.kinds import WORKSPACE, NameOrNone
from kyanite.config.schema import arrays, item_kind
from kyanite.config.secrecy import ARRAYS
from kyanite.config.settings import FINAL_TYPES, EventType, Section
from kyanite.core.events import EVENTS, FINAL_EVENTS
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
    assert written == [key for key in keys(msgspec.to_builtins(Settings())) if key not in ARRAYS]


def test_the_commented_file_shows_a_table_of_each_array_with_every_key_at_its_default(tmp_path):
    tables = re.findall(r"^# \[\[\w+\]\]\n(?:# \w+ = .*\n)+", FILE.read_text(), re.MULTILINE)
    path = tmp_path / "kyanite.toml"
    path.write_text(re.sub("^# ", "", "".join(tables), flags=re.MULTILINE))
    assert [list(table) for name in arrays() for table in tomllib.loads(path.read_text())[name]] == [
        list(kind.__struct_fields__) for kind in arrays().values()
    ]
    settings = load(path)
    (webhook,), (hook,) = settings.webhooks, settings.hooks
    assert webhook == WebhookSettings(name=webhook.name, url=webhook.url, secrets=webhook.secrets)
    assert hook == HookSettings(run=hook.run)


def test_arrays_are_what_holds_tables():
    held = {field.name: item_kind(field.type) for field in msgspec.structs.fields(Settings)}
    assert {name for name, kind in held.items() if isinstance(kind, type) and issubclass(kind, Section)} == ARRAYS
    assert set(arrays()) == ARRAYS


def test_the_variable_in_the_commented_file_is_read():
    text = re.search(r"KYANITE_HOOKS='(.+)'", FILE.read_text())[1]
    assert resolve(environ={"KYANITE_HOOKS": text}).settings.hooks[0].run == ("notify-send", "{job.id}")


def test_types_of_events_are_those_there_are():
    assert get_args(EventType) == tuple(event.__name__ for event in EVENTS)
    assert set(FINAL_TYPES) == {event.__name__ for event in FINAL_EVENTS}


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
    assert is_of(NameOrNone, name) == (accepted or not name)


def is_of(kind, value):
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


@given(st.text("ab.-_ \n/", min_size=1, max_size=6) | st.text(min_size=1, max_size=200))
@example("notify.sh")
@example("..")
@example("a" * 127 + ".b")
def test_a_hook_can_be_called_as_its_program_is(program):
    title = HookSettings(run=(program,)).title
    assert re.search(WORKSPACE, title)
    if re.search(WORKSPACE, program):
        assert title == program
    assert HookSettings(run=(program,), name="own").title == "own"


def test_the_folder_of_a_program_is_not_in_the_name_of_its_hook():
    assert HookSettings(run=("/opt/hooks/notify.sh", "x")).title == "notify.sh"


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


def test_nothing_that_prints_a_webhook_tells_its_path_or_a_secret():
    literal = WebhookSettings(name="a", url="https://host:8443/hunter2", secrets=("hunter2", {"env": "OTHER"}))
    printed = repr(Settings(webhooks=(literal,)))
    assert "hunter2" not in printed
    assert "secrets=('<hidden>', {'env': 'OTHER'})" in printed
    assert "url='https://host:8443/...'" in printed


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
