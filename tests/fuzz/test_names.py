"""No name leads out of its root: a name is refused, or it comes back as it was given, and so does what it names."""

import os
import re
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite import Workspace
from kyanite.blobs.files import FileBlobs
from kyanite.blobs.keys import file_path, is_safe, key_of, safe_key, uri_of
from kyanite.blobs.memory import MemoryBlobs
from kyanite.blobs.tree import Tree
from kyanite.config.kinds import WORKSPACE
from kyanite.errors import BlobExists, BlobMissing, InvalidRequest, KyaniteError, StoreCorrupt
from kyanite.runtime.envelope import checked_job_id
from kyanite.stores.memory import MemoryStore
from kyanite.sync.identity import workspace_name
from tests.fuzz.corpora import KEYS
from tests.fuzz.mutation import PARTS, respelt
from tests.reliability import counts, record
from tests.runtime.places import settings

NAMES = counts(quick=20_000, ci=1_000_000, soak=5_000_000)
THROUGH_WORKSPACE = counts(quick=300, ci=5_000, soak=50_000)
DESCRIPTORS = counts(quick=1_000, ci=5_000, soak=200_000)
WORDS = ("default", "my-workspace.1", "job-1", "0b5c9d0e-7c1a-4d0e-9c39-1f0f4a9f8a11", "uploads", "a", "0")


def keys(count, seed=1):
    """Respelt keys: now and then one of nothing but odd parts."""
    random = Random(seed)
    for _ in range(count):
        if random.random() < 0.1:
            yield "/".join(random.choices(PARTS, k=random.randint(1, 5)))
        else:
            yield respelt(random.choice(KEYS), random)


@contextmanager
def memory_folder():
    """A folder in memory where there is one: what is tested here is where files lie, not that they last."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kyanite-names-", dir=place) as folder:
        yield Path(folder).resolve()


def place_of(descriptor):
    """Where an open file lies, as the kernel has it."""
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def through_tree(tree, key):
    """Give the key a file, open it by the key, and return where it lies."""
    name = tree.name()
    (tree.root / "tmp" / name).write_bytes(b"")
    tree.place(name, key)
    tree.clear([name])
    descriptor = tree.open(key)
    try:
        return place_of(descriptor)
    finally:
        os.close(descriptor)
        tree.remove(key)


@pytest.mark.timeout(counts(quick=60, ci=300, soak=3600))
def test_no_key_leads_out_of_its_root():
    told = Counter()
    opened = set()
    with memory_folder() as folder:
        root = folder / "far" / "down" / "root"  # so that ways up end where they are seen
        tree = Tree(root, read_only=False)
        for key in keys(NAMES):
            told["names"] += 1
            try:
                assert safe_key(key) is key
            except InvalidRequest:
                assert not is_safe(key)
                told["refused"] += 1
                continue
            path = file_path(root, key)
            assert path.is_relative_to(root / "objects")
            assert os.path.normpath(path) == str(path)
            assert key_of(uri_of(key)) == key
            if len(opened) < DESCRIPTORS and key not in opened:
                opened.add(key)
                assert through_tree(tree, key) == path
        tree.close()
        assert {entry.name for entry in root.iterdir()} <= {"lock", "tmp", "objects"}
        assert {entry for entry in folder.rglob("*") if not entry.is_relative_to(root)} == set(root.parents[:2])
    assert 0.2 < told["refused"] / told["names"] < 0.98
    assert len(opened) > DESCRIPTORS // 4
    figure = f"{told['names']:,} names, {told['refused']:,} refused, {len(opened):,} opened: 0 outside the root"
    record("Names: no path ever leaves its root", figure, names=told["names"], opened=len(opened))


@given(st.text(max_size=40) | st.lists(st.text(max_size=8), min_size=3, max_size=5).map("/".join))
def test_a_key_comes_back_as_it_was_given_or_not_at_all(key):
    if is_safe(key):
        assert key_of(uri_of(key)) == key
        assert file_path(Path("/root"), key).parts[4:] == tuple(key.split("/"))
    else:
        for refuse in (safe_key, uri_of, lambda text: file_path(Path("/root"), text)):
            with pytest.raises(InvalidRequest):
                refuse(key)


def test_the_tree_follows_no_symbolic_link_of_its_root():
    with memory_folder() as folder:
        outside, root = folder / "outside", folder / "root"
        outside.mkdir()
        (outside / "secret").write_bytes(b"secret")
        (outside / "inner").mkdir()
        tree = Tree(root, read_only=False)
        for parts in (3, 4):
            (root / "objects" / str(parts) / "w").mkdir(parents=True)
            (root / "objects" / str(parts) / "w" / "c").symlink_to(outside)
            (root / "objects" / str(parts) / "default").symlink_to(outside)
        (root / "objects" / "3" / "w" / "d").mkdir()
        (root / "objects" / "3" / "w" / "d" / "secret").symlink_to(outside / "secret")
        random, led, met = Random(3), ["w/c/secret", "default/inner/secret", "w/d/secret", "w/c/inner/secret"], 0
        for _ in range(counts(quick=1_000, ci=20_000, soak=100_000)):
            key = random.choice(led) if random.random() < 0.5 else respelt(random.choice(led), random)
            if not is_safe(key):
                continue
            met += 1
            try:
                place = through_tree(tree, key)
            except OSError:
                place = None
            assert place is None or place.is_relative_to(root / "objects")
            assert tree.path(key) is None
        tree.close()
        assert met > 400
        assert sorted(path.name for path in outside.rglob("*")) == ["inner", "secret"]
        assert (outside / "secret").read_bytes() == b"secret"


async def test_the_store_of_blobs_keeps_to_its_root():
    with memory_folder() as folder:
        outside = folder / "outside"
        outside.mkdir()
        blobs = FileBlobs(folder / "root", inline_max=0)
        await blobs.open()
        (folder / "root" / "objects" / "3").mkdir(parents=True, exist_ok=True)
        (folder / "root" / "objects" / "3" / "w").symlink_to(outside)
        stored = Counter()
        for key in keys(counts(quick=400, ci=5_000, soak=50_000), seed=5):
            try:
                await blobs.put(key, b"content", content_type="text/plain")
                assert await blobs.get(key) == b"content"
                assert blobs.local_path(key).is_relative_to(folder / "root" / "objects")
                stored["kept"] += 1
            except (InvalidRequest, BlobExists, StoreCorrupt) as error:
                stored[type(error).__name__] += 1
        await blobs.aclose()
        assert stored["kept"] > 10
        assert stored["StoreCorrupt"] > 0, "no key met the link"
        assert list(outside.iterdir()) == []
        assert sorted(entry.name for entry in folder.iterdir()) == ["outside", "root"]


def test_names_of_jobs_and_workspaces_are_refused_or_fit_to_be_parts_of_keys():
    random = Random(7)
    kept = Counter()
    for _ in range(NAMES // 4):
        name = respelt(random.choice(WORDS), random)
        try:
            job_id = checked_job_id(name)
        except InvalidRequest:
            job_id = None
        else:
            assert job_id == name
            path = file_path(Path("/root"), f"{name}/job-{name}/inputData")
            assert path.parts[1:4] == ("root", "objects", "3")
            assert len(path.parts) == 7
            kept["ids"] += 1
        if re.match(WORKSPACE, name):
            assert safe_key(f"{name}/job-1/inputData")
            kept["workspaces"] += 1
            assert job_id == name, "the configuration allows a name that a workspace does not take"
        try:
            ours = workspace_name(name)
        except KyaniteError:
            continue
        assert safe_key(f"{ours}/job-1/inputData")
        assert re.match(WORKSPACE, ours)
        kept["of resources"] += 1
    assert all(count > 100 for count in kept.values())
    assert len(kept) == 3


async def test_containers_and_names_of_uploads_stay_in_their_workspace():
    blobs, store = MemoryBlobs(), MemoryStore()
    random, told = Random(11), Counter()
    async with Workspace(store=store, blobs=blobs, settings=settings()) as workspace:
        for number in range(THROUGH_WORKSPACE):
            container, name = (
                respelt(random.choice(WORDS), random) if random.random() < 0.7 else random.choice(WORDS) for _ in "cn"
            )
            content = f"content {number}".encode()
            try:
                uri = await workspace.upload(content, container=container, name=name)
            except (InvalidRequest, BlobExists) as error:
                told[type(error).__name__] += 1
                continue
            told["kept"] += 1
            assert key_of(uri) == f"default/{container}/{name}"
            assert await workspace.download(uri) == content
    assert told["kept"] > THROUGH_WORKSPACE // 10
    assert told["InvalidRequest"] > THROUGH_WORKSPACE // 10
    names = [blob.key async for blob in _all(blobs)]
    assert len(names) == told["kept"]
    assert all(key.startswith("default/") and not key.startswith("default/job-") for key in names)


async def _all(blobs):
    after = ""
    await blobs.open()
    while page := await blobs.page("", after, 1_000):
        for blob in page:
            yield blob
        after = page[-1].key


async def test_no_address_leads_into_another_workspace():
    blobs, store = MemoryBlobs(), MemoryStore()
    async with Workspace(store=store, blobs=blobs, settings=settings()) as workspace:
        mine = await workspace.upload(b"mine", container="uploads", name="a")
        await blobs.put("other/uploads/a", b"theirs", content_type="text/plain")
        await blobs.put("default-2/uploads/a", b"theirs", content_type="text/plain")
        random, told = Random(13), Counter()
        theirs = ("other/uploads/a", "default/../other/uploads/a", "default-2/uploads/a")
        starts = (mine, *(f"kyanite:///{key}" for key in theirs))
        for _ in range(THROUGH_WORKSPACE):
            uri = random.choice(starts)
            uri = respelt(uri, random) if random.random() < 0.9 else uri
            try:
                content = await workspace.download(uri)
            except (InvalidRequest, BlobMissing) as error:
                told[type(error).__name__] += 1
            else:
                assert content == b"mine"
                told["read"] += 1
    assert min(told["read"], told["InvalidRequest"]) > 0
