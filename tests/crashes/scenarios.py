"""What users do, a scenario for every kind of job: run once to count its steps, and once for every step to die there.

Whoever was cut short asks for the same again: so each scenario can be repeated, with the same ids, until it is done.
"""

from kyanite.core.events import Began
from kyanite.errors import IdConflict
from tests.crashes.history import CANCEL, READ, SUBMIT, WAIT
from tests.crashes.targets import ECHO, FAIL, REMOTE, RETRY, SLOW

DELETE, UPLOAD, DOWNLOAD, AMEND = "delete", "upload", "download", "amend"
SMALL, LARGE = b"some", b"many" * 20_001
"""Both of an even length, so that outputs are small; with a byte more they are large."""
INPUT, DOWNLOADED = "input", "downloaded"


async def ended(workspace, record, target, content, job="job", **options):
    """Submit, wait, and read again."""
    line = record.begin(SUBMIT, job, target)
    held = await workspace.submit(target, content, job_id=job, attempts_max=3, **options)
    record.answer(line, held.details)
    line = record.begin(WAIT, job)
    record.answer(line, (await held.wait(20)).details)
    line = record.begin(READ, job)
    record.answer(line, (await workspace.get_job(job)).details)
    return held


async def small(workspace, record, folder):
    await ended(workspace, record, ECHO, SMALL, tags=["a"])


async def large(workspace, record, folder):
    await ended(workspace, record, ECHO, LARGE + b"s")


async def from_a_file(workspace, record, folder):
    await ended(workspace, record, ECHO, folder / INPUT)


async def from_a_stream(workspace, record, folder):
    async def stream():
        yield LARGE[:30_000]
        yield LARGE[30_000:]

    # A stream can not be compared with an input that is there already: who repeats the submit needs its bytes.
    await ended(workspace, record, ECHO, LARGE if record.repeats else stream())


async def failure(workspace, record, folder):
    await ended(workspace, record, FAIL, SMALL + b"s")


async def retry(workspace, record, folder):
    await ended(workspace, record, RETRY, SMALL)


async def remote(workspace, record, folder):
    await ended(workspace, record, REMOTE, SMALL)


async def cancel(workspace, record, folder):
    line = record.begin(SUBMIT, "job", SLOW)
    held = await workspace.submit(SLOW, SMALL, job_id="job")
    record.answer(line, held.details)
    async for event in held.updates():
        if isinstance(event, Began):
            break
    line = record.begin(CANCEL, "job")
    record.answer(line, (await held.cancel()).details)


async def amend(workspace, record, folder):
    held = await ended(workspace, record, ECHO, SMALL)
    line = record.begin(AMEND, "job")
    await held.amend(name="another", tags=["b", "c"])
    record.answer(line, held.details)


async def download(workspace, record, folder):
    held = await ended(workspace, record, ECHO, SMALL + b"s")
    line = record.begin(DOWNLOAD, "job")
    await held.download(folder / DOWNLOADED)
    record.answer(line)


async def upload(workspace, record, folder):
    for name, content in (("large", LARGE), ("small", SMALL)):
        line = record.begin(UPLOAD, name)
        uri = await workspace.upload(content, name=name)
        record.answer(line)
        await ended(workspace, record, ECHO, None, f"job-{name}", input_data_uri=uri)


async def delete(workspace, record, folder):
    try:
        held = await ended(workspace, record, ECHO, LARGE + b"s")
    except IdConflict:
        if not record.repeats:
            raise
        return  # it was deleted before, as was asked for
    line = record.begin(DELETE, "job")
    await workspace.delete_job(held)
    record.answer(line)


async def restart(workspace, record, folder):
    """Taking up what another life has left amid its work; see `KILLED_BEFORE`."""
    held = await workspace.get_job("job")
    line = record.begin(WAIT, "job")
    record.answer(line, (await held.wait(20)).details)


SCENARIOS = {
    function.__name__: function
    for function in (
        *(small, large, from_a_file, from_a_stream, failure, retry, remote, cancel),
        *(amend, download, upload, delete, restart),
    )
}
KILLED_BEFORE = {"restart": ("large", "sql data/blobs/small.sqlite INSERT INTO blob SELECT", 2)}
"""Where the life ended that a scenario begins with: in its scenario, before this step the so-manieth time."""
BLANK = {"small"}
"""These begin without even the folder; the others in one that was opened before."""
