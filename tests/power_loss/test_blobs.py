"""The power goes out under the blob store: what was acknowledged is whole, and nothing else is to be seen."""

import hashlib
import random

import anyio
import pytest

from kyanite.blobs import committer
from kyanite.blobs.files import FileBlobs
from kyanite.errors import KyaniteError
from tests.crashes.steps import watched
from tests.power_loss.disk import Disk, clear
from tests.reliability import counts, record

pytest.importorskip("apsw")
from tests.power_loss.vfs import DiskVFS  # apsw is what it is about

LIVES = 5
LOSSES_A_LIFE = 10
CLIENTS = 4
INLINE_MAX = 512
ROOT = "data/blobs"


def content_of(key):
    """Follows from the key; every third or so is large enough for a file."""
    digest = hashlib.sha256(key.encode()).digest()
    return digest * (1 + digest[0] % 4 if digest[1] % 3 else 100 + digest[0])


async def stream(content):
    for start in range(0, len(content), 3_000):
        yield content[start : start + 3_000]


async def client(blobs, disk, chance, name, source):
    """Put and delete objects, and note what has been acknowledged."""
    kept = []
    for number in range(chance.randrange(2, 12)):
        key = f"default/job-{name}/{number}" if chance.random() < 0.5 else f"default/job-{name}-{number}/outputData"
        content = content_of(key)
        form = chance.choice(("bytes", "stream", "path"))
        if form == "path":
            source.write_bytes(content)
        await blobs.put(key, {"bytes": content, "stream": stream(content), "path": source}[form])
        disk.mark(("put", key))
        kept.append(key)
        if chance.random() < 0.3:
            gone = [kept.pop(chance.randrange(len(kept)))]
            disk.mark(("deleting", *gone))
            await blobs.delete(gone)
            disk.mark(("deleted", *gone))


async def live(disk, vfs, chance, name, sources):
    blobs = FileBlobs(disk.root / ROOT, inline_max=INLINE_MAX, connect=vfs.connect)
    await blobs.open()
    try:
        async with anyio.create_task_group() as group:
            for number in range(CLIENTS):
                lane = random.Random(chance.random())
                source = sources / f"{name}-{number}"
                group.start_soon(client, blobs, disk, lane, f"{name}-{number}", source)
    finally:
        await blobs.aclose()


async def examined(root, promised):
    """Open what a power loss has left; return what is wrong with it."""
    if not root.exists():
        return ["the folder is gone"] if promised else []
    blobs = FileBlobs(root, inline_max=INLINE_MAX, synchronous="OFF")
    try:
        await blobs.open()
        return await compared(blobs, promised)
    except KyaniteError as error:
        return [f"it can not be read: {error!r}"]
    finally:
        await blobs.aclose()


async def compared(blobs, promised):
    there = {blob.key for blob in await blobs.page(limit=10_000)}
    wrong = [f"{key} is there, and is another" for key in there if await blobs.get(key) != content_of(key)]
    keys = {each: {key for kind, key in promised if kind == each} for each in ("put", "deleting", "deleted")}
    put, deleting, deleted = keys.values()
    wrong += [f"{key} is lost" for key in sorted(put - deleting - there)]
    wrong += [f"{key} is back" for key in sorted(deleted & there)]
    if list((blobs.root / "tmp").iterdir()):
        wrong.append("something is left in tmp")
    # What is gone, or never came to be, is in nobody's way.
    for key in sorted((deleted | deleting) - there):
        await blobs.put(key, content_of(key))
    return wrong


async def many_losses(folder, seed, count, **options):
    """Lose the power so often, each time after what the last left; return everything that was wrong, and how often."""
    chance = random.Random(seed)
    wrong, losses, base, promised_before = [], 0, None, []
    folder.mkdir()
    while losses < count:
        if base is None or losses % (LIVES * LOSSES_A_LIFE) == 0:
            base, promised_before = folder / f"{losses}", []
            base.mkdir()
        sources = folder / f"sources-{losses}"
        sources.mkdir()
        disk = Disk(base, **options)
        vfs = DiskVFS(disk)
        with watched(disk):
            await live(disk, vfs, chance, f"at-{losses}", sources)
        vfs.unregister()
        points = [chance.randrange(len(disk.changes) + 1) for _ in range(LOSSES_A_LIFE)]
        targets = folder / f"after-{losses}"
        targets.mkdir()
        faults = []
        for promised, target in disk.losses(points, chance, targets):
            faults += await examined(target / ROOT, promised_before + promised)
            losses += 1
            base, promised_next = target, promised_before + promised
        promised_before = settled(promised_next)
        wrong += faults
        base = None if faults else base
        clear(folder, base)
    return wrong, losses


def settled(promised):
    """After an examination, what was being deleted is there again or still: nothing is known of it."""
    touched = {key for kind, key in promised if kind == "deleting"}
    return [(kind, key) for kind, key in promised if kind == "put" and key not in touched]


@pytest.mark.timeout(counts(quick=60, ci=200, soak=3_600))
async def test_nothing_acknowledged_is_lost_and_nothing_half_is_seen(tmp_path, monkeypatch):
    wrong, losses = [], 0
    for pages in (3, 4_000):
        monkeypatch.setattr(committer, "CHECKPOINT_PAGES", pages)
        found = await many_losses(tmp_path / f"checkpoint-{pages}", pages, counts(quick=10, ci=130, soak=2_500))
        wrong, losses = wrong + found[0], losses + found[1]
    assert wrong == []
    record(
        "Nothing acknowledged is lost when the power goes out (synchronous = FULL)",
        f"{losses:,} power losses under the blob store, small objects and files, 0 lost, 0 torn",
        losses=losses,
    )


@pytest.mark.parametrize("seed", range(counts(quick=2, ci=5, soak=20)))
async def test_a_disk_that_only_pretends_to_sync_is_caught(tmp_path, seed):
    wrong, _ = await many_losses(tmp_path / "store", seed, LOSSES_A_LIFE, ignores_sync=True)
    assert wrong


@pytest.mark.parametrize("seed", range(counts(quick=2, ci=5, soak=20)))
async def test_a_file_that_is_not_synced_before_its_row_is_caught(tmp_path, monkeypatch, seed):
    monkeypatch.setattr("kyanite.blobs.draft.Draft.finish", lambda draft: None)
    wrong, _ = await many_losses(tmp_path / "store", seed, 2 * LOSSES_A_LIFE)
    assert wrong
