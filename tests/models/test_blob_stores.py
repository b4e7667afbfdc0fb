"""The same calls on every blob store and on the model: the same answers, errors included."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from kyanite.errors import ReadOnly
from kyanite.testing.blobs import REFUSED, chunks, content_of, some_bytes
from tests.models.adapters import BLOB_STORES, LARGE
from tests.models.blobs import BlobModel, label_of
from tests.models.machine import AsyncMachine, effort
from tests.reliability import record

MEGABYTES = 2 * 1024 * 1024 + 3
KEYS = [
    "default/job-1/inputData",
    "default/job-1/outputData",
    "default/job-1/outputData/part",
    "default/job-10/inputData",
    "default/job-1%/input data",
    "other/job-1/é",
    "other/job-1/\U0010ffff",
    "other/job-1/\U0010ffff\U0010ffff",
]
PREFIXES = [
    "",
    "default/",
    "default/job-1",
    "default/job-1/",
    "default/job-1/outputData",
    "other/job-1/\U0010ffff",
    "z",
]
LABELS = [
    {},
    {"content_type": "text/plain; charset=utf-8"},
    {"content_encoding": "gzip"},
    {"metadata": {"név": "a\0🙂", "": ""}},
]

keys = st.one_of(st.sampled_from(KEYS), st.sampled_from(KEYS), st.sampled_from(REFUSED))
sizes = st.sampled_from([0, 1, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE, 70_000])
places = st.sampled_from([0, 1, LARGE - 1, LARGE, LARGE + 5, 70_000, MEGABYTES, -1])
broken = st.booleans().map(lambda broken: ValueError("the source broke") if broken else None)


class BlobStoreMachine(AsyncMachine):
    """Anything in any order, on one adapter and the model."""

    adapter = BLOB_STORES["memory"]

    async def begin(self):
        self.model = BlobModel()
        self.blobs = self.adapter.make(self.folder)
        self.along = None
        await self.blobs.open()

    async def end(self):
        if self.along is not None:
            await self.along.aclose()
        await self.blobs.aclose()

    # Changing ---------------------------------------------------------------------------------------------------------

    @rule(key=keys, size=sizes, seed=st.integers(0, 2), label=st.sampled_from(LABELS))
    def put(self, key, size, seed, label):
        content = bytes([seed]) + some_bytes(size)
        self.put_as(key, content, content, label)

    @rule(key=keys, size=sizes, cut=st.integers(0, 70_000), label=st.sampled_from(LABELS), failure=broken)
    def put_a_stream(self, key, size, cut, label, failure):
        """In two chunks; one that breaks off leaves nothing."""
        if failure is not None and (self.model.read_only or key in REFUSED or key in self.model.objects):
            failure = None  # two reasons to refuse: which one is told is the adapter's choice
        content = some_bytes(size)
        self.put_as(key, content, chunks([content[:cut], content[cut:]], failure), label, failure)

    @rule(key=keys, size=sizes, label=st.sampled_from(LABELS))
    def put_a_file(self, key, size, label):
        source = self.folder / "source"
        source.write_bytes(some_bytes(size))
        self.put_as(key, some_bytes(size), source, label)

    @rule(key=st.sampled_from(KEYS))
    def put_megabytes(self, key):
        self.put_as(key, some_bytes(MEGABYTES), some_bytes(MEGABYTES), {})

    def put_as(self, key, content, given, label, failure=None):
        put = self.blobs.put(key, given, **label)
        self.same(lambda: self.model.put(key, content, failure, **label), labelled(put))

    @rule(keys=st.lists(keys, max_size=3))
    def delete(self, keys):
        self.same(lambda: self.model.delete(keys), self.blobs.delete(keys))

    # Reading, also from outside ---------------------------------------------------------------------------------------

    @rule(key=keys, along=st.booleans())
    def stat(self, key, along):
        self.same(lambda: self.model.stat(key), labelled(self.reader(along).stat(key)))

    @rule(key=keys, along=st.booleans())
    def get(self, key, along):
        self.same(lambda: self.model.get(key), self.reader(along).get(key))

    @rule(key=keys, start=places, end=st.none() | places, along=st.booleans())
    def read(self, key, start, end, along):
        self.same(lambda: self.model.read(key, start, end), content_of(self.reader(along).read(key, start, end)))

    @rule(
        prefix=st.sampled_from(PREFIXES),
        after=st.sampled_from(["", *KEYS]),
        limit=st.integers(0, 4),
        along=st.booleans(),
    )
    def page(self, prefix, after, limit, along):
        page = self.reader(along).page(prefix, after, limit)
        self.same(lambda: self.model.page(prefix, after, limit), all_labelled(page))

    @rule(key=st.sampled_from(KEYS), along=st.booleans())
    def a_local_path_holds_the_content(self, key, along):
        path = self.reader(along).local_path(key)
        assert path is None or path.read_bytes() == self.model.get(key)

    @invariant()
    def the_same_objects_are_there(self):
        self.same(lambda: self.model.page("", "", 100), all_labelled(self.blobs.page()))

    def reader(self, along):
        """Return the store itself, or one that only reads what the owner writes, if there can be one."""
        if not along or not self.adapter.read_along or self.model.read_only:
            return self.blobs
        if self.along is None:
            self.along = self.adapter.make(self.folder)
            self.run(self.along.open(read_only=True))
        return self.along

    # Lives ------------------------------------------------------------------------------------------------------------

    @rule(read_only=st.sampled_from([False, False, True]))
    def reopen(self, read_only):
        """Close the store and open it again, or a new one on what it left, perhaps only to read."""
        self.run(self.end())
        if self.adapter.persists:
            self.blobs = self.adapter.make(self.folder)
        self.along = None
        self.run(self.blobs.open(read_only=read_only))
        self.model.read_only = read_only

    @rule(key=st.sampled_from(KEYS))
    def write_where_one_may_only_read(self, key):
        reader = self.reader(along=True)
        if reader is not self.blobs:
            assert self.same(refuse, reader.put(key, b"")) is ReadOnly
            assert self.same(refuse, reader.delete([key])) is ReadOnly


async def labelled(answer):
    return label_of(await answer)


async def all_labelled(answer):
    return [label_of(blob) for blob in await answer]


def refuse():
    """Answer what may only be read."""
    raise ReadOnly


@pytest.mark.parametrize("name", BLOB_STORES)
@pytest.mark.timeout(3_600)
def test_a_blob_store_answers_as_the_model_does(name):
    machine = type(f"{name}_machine", (BlobStoreMachine,), {"adapter": BLOB_STORES[name], "compared": 0})
    run_state_machine_as_test(machine, settings=effort(quick=8, ci=60, soak=2_000))
    assert machine.compared > 0
    record(
        "Every adapter answers as its port's reference model does",
        f"blob store {name}: {machine.compared:,} answers compared, 0 differ",
        adapter=f"blob store: {name}",
        compared=machine.compared,
        differ=0,
    )
