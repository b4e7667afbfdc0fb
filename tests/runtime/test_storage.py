"""Store and blobs by URL."""

import pytest

from kyanite.blobs.files import FileBlobs
from kyanite.blobs.memory import MemoryBlobs
from kyanite.config import BlobSettings, Settings, StoreSettings
from kyanite.errors import ConfigError
from kyanite.runtime.storage import blobs_of, data_folder, store_of
from kyanite.stores.memory import MemoryStore
from kyanite.stores.sqlite import SQLiteStore


def store(url):
    return store_of(Settings(data_dir="~/there", store=StoreSettings(url=url)))


def blobs(url):
    return blobs_of(Settings(data_dir="~/there", blobs=BlobSettings(url=url)))


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/somebody")


def test_without_a_url_both_lie_in_the_data_folder():
    assert str(data_folder(Settings(data_dir="~/there"))) == "/somebody/there"
    assert str(store("").path) == "/somebody/there/jobs.sqlite"
    assert str(blobs("").root) == "/somebody/there/blobs"


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        (":///srv/k", "/srv/k"),
        ("://///srv/k", "/srv/k"),
        (":/srv/k", "/srv/k"),
        (":srv/k", "srv/k"),
        (":~/k", "/somebody/k"),
        (":///srv/a%20b", "/srv/a b"),
    ],
)
def test_a_url_names_a_file_or_a_folder(rest, path):
    made = store(f"sqlite{rest}")
    assert isinstance(made, SQLiteStore)
    assert str(made.path) == path
    made = blobs(f"FILE{rest}")
    assert isinstance(made, FileBlobs)
    assert str(made.root) == path


def test_memory_is_new_each_time():
    assert isinstance(store("memory:"), MemoryStore)
    assert isinstance(blobs("memory:"), MemoryBlobs)
    assert store("memory:") is not store("memory:")


@pytest.mark.parametrize(
    ("make", "url", "problem"),
    [
        (store, "postgres://me:hunter2@host/db", r"store\.url postgres: is none of its schemes; .* sqlite:, memory:$"),
        (store, "file:///x", r"store\.url file: is none of its schemes"),
        (blobs, "sqlite:///x", r"blobs\.url sqlite: is none of its schemes; there are file:, memory:$"),
        (store, "hunter2/jobs.sqlite", r"store\.url has no scheme; there are sqlite:, memory:$"),
        (store, "memory://hunter2", r"store\.url memory: takes nothing behind the colon"),
        (store, "sqlite://hunter2/x", r"store\.url is sqlite:///absolute/path or sqlite:relative/path, with no host"),
        (store, "sqlite:", "with no host"),
        (store, "sqlite:///", "with no host"),
        (store, "sqlite:x?mode=hunter2", "nothing behind the path"),
        (blobs, "file:x#hunter2", "nothing behind the path"),
    ],
)
def test_a_url_that_names_nothing_is_refused_without_being_shown(make, url, problem):
    with pytest.raises(ConfigError, match=problem) as error:
        make(url)
    assert "hunter2" not in str(error.value)


async def test_a_database_opens_where_its_url_says(tmp_path):
    made = store(f"sqlite://{tmp_path}/deep/jobs.db")
    await made.open()
    await made.aclose()
    assert (tmp_path / "deep" / "jobs.db").exists()
