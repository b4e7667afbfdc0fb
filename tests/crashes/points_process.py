"""Runs a scenario up to one of its steps, dies there, looks at what is left, and says what is wrong with it.

Everything is imported once; each run is a fork. Questions come as lines of JSON, and so do the answers. Called with the
folder in which to do all this, and the names of faults to plant into the lives that end early.
"""

import gc
import json
import os
import shutil
import signal
import sys
import threading
import traceback
from collections import Counter
from pathlib import Path

import anyio

from kyanite import Status
from kyanite.blobs import transfer
from kyanite.core.events import FINAL_EVENTS, Submitted
from kyanite.errors import BlobExists
from kyanite.runtime.audit import Audit
from tests.crashes.history import SUBMIT, History, Record, lines_of
from tests.crashes.plants import PLANTS
from tests.crashes.scenarios import BLANK, DELETE, DOWNLOAD, DOWNLOADED, INPUT, KILLED_BEFORE, LARGE, SCENARIOS, SMALL
from tests.crashes.steps import Step, WatchedConnection, watched
from tests.crashes.targets import output_of, workspace_in

DATA = "data"
ATTEMPTS = 5


class Points:
    """Counts the steps below a folder by their names, and dies at the one that is asked for."""

    def __init__(self, folder, fatal=None):
        self.counts = Counter()
        self.taken = []
        self._folder = f"{folder}/"
        self._fatal = fatal
        self._lock = threading.Lock()

    def __call__(self, step, call):
        name = self._name(step)
        if name is None:
            return call()
        with self._lock:
            self.counts[name] += 1
            point = (name, self.counts[name])
            self.taken.append(point)
        self._die_at(*point, "before")
        try:
            return call()
        finally:
            self._die_at(*point, "after")  # a folder that is there already can not be made: no less a step

    def _die_at(self, *point):
        if point == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def _name(self, step):
        if step.name == "provider":
            return f"provider {step.path}"
        if not step.path.startswith(self._folder):
            return None
        path = step.path.removeprefix(self._folder).removesuffix(" (deleted)")
        if path.startswith(f".{DOWNLOADED}."):
            path = f".{DOWNLOADED}"  # a random name follows
        words = " ".join(step.arguments) if step.name == "sql" else ""
        return f"{step.name} {path} {words}".strip()


class WatchedCopy(transfer._Copy):
    """What `download` writes, whose content no system call of ours writes."""

    watcher = None

    def write(self, chunk):
        WatchedCopy.watcher(Step("write", self._file.name), lambda: super(WatchedCopy, self).write(chunk))


def provider_watched(points):
    def around(name, function):
        async def run(task):
            points(Step("provider", f"{name} begin"), int)
            await function(task)
            points(Step("provider", f"{name} end"), int)

        return run

    return around


async def live(folder, scenario, points):
    """One life, all of whose steps are watched, from opening to closing."""
    transfer._Copy, WatchedCopy.watcher = WatchedCopy, points
    record = Record(folder / "history", 0)
    with watched(points):
        async with workspace_in(
            folder / DATA, connect=lambda path: WatchedConnection(points, path), around=provider_watched(points)
        ) as workspace:
            await SCENARIOS[scenario](workspace, record, folder)


async def examine(folder, scenario):
    """Open what is left, ask for the same again, and return what is wrong."""
    wrong = []
    before = lines_of((folder / "history").read_bytes())
    if (folder / DOWNLOADED).exists() and (folder / DOWNLOADED).read_bytes() != output_of(SMALL + b"s"):
        wrong.append("a download appeared that is not whole")
    async with workspace_in(folder / DATA, drive=False) as workspace:
        if list((folder / DATA / "blobs" / "tmp").iterdir()):
            wrong.append("what a crash left in tmp is still there")
        wrong += await unowned(workspace, folder)
        wrong += await half_visible(workspace, before)
    async with workspace_in(folder / DATA) as workspace:
        await SCENARIOS[scenario](workspace, Record(folder / "history", 1), folder)
        rows = [job.details async for job in workspace.list_jobs()]
        log = [event async for event in workspace.events()]
        audit = Audit(workspace.host.storage.store, workspace.host.storage.blobs, read_blobs=True)
        wrong += [str(breach) async for breach in audit.breaches()]
        wrong += await outputs(workspace, rows)
        wrong += await unowned(workspace, folder)
    history = History(lines_of((folder / "history").read_bytes()))
    deleted = {line.job for line in history.lines if line.call == DELETE}
    wrong += history.violations(rows, deleted)
    wrong += numbers(log, history)
    if any(row.id in deleted for row in rows):
        wrong.append("a deleted job is there")
    if any(line.call == DOWNLOAD for line in history.lines) and not (folder / DOWNLOADED).exists():
        wrong.append("a download is not there")
    return wrong


async def half_visible(workspace, lines):
    """A job that was not acknowledged is there whole or not at all; nothing else has appeared."""
    begun = {line.job for line in lines if line.call == SUBMIT}
    acknowledged = {line.job for line in lines if line.call == SUBMIT and line.answer is not None}
    deleted = {line.job for line in lines if line.call == DELETE}
    rows = [job.details async for job in workspace.list_jobs()]
    wrong = [f"{row.id} appeared, and nobody submitted it" for row in rows if row.id not in begun]
    lost = acknowledged - deleted - {row.id for row in rows}
    wrong += [f"{job} was acknowledged, and is lost" for job in sorted(lost)]
    for row in rows:
        if await workspace.download(row.input_data_uri) not in {SMALL, SMALL + b"s", LARGE, LARGE + b"s"}:
            wrong.append(f"the input of {row.id} is not what was submitted")
    for name, content in (("large", LARGE), ("small", SMALL)):
        try:
            await workspace.upload(content, name=name)
        except BlobExists:
            wrong.append(f"the upload {name} is there, and is not what was uploaded")
    return wrong


async def outputs(workspace, rows):
    """Every output is what its target makes of its input."""
    wrong = []
    for row in rows:
        if not row.final:
            wrong.append(f"{row.id} has not ended")
        elif row.status is Status.SUCCEEDED or row.output_data_uri:
            expected = output_of(await workspace.download(row.input_data_uri))
            if await workspace.download(row.output_data_uri) != expected:
                wrong.append(f"the output of {row.id} is another")
    return wrong


async def unowned(workspace, folder):
    """Every file under `objects` is a blob, and every blob of the size of a file has one."""
    root = folder / DATA / "blobs" / "objects"
    files = {"/".join(path.relative_to(root).parts[1:]) for path in root.rglob("*") if path.is_file()}
    large = {blob.key for blob in await workspace.host.storage.blobs.page() if blob.size > 65_536}
    return [f"{key} is a file without a blob, or a blob without a file" for key in sorted(files ^ large)]


def numbers(log, history):
    """Positions without a gap, and for each job one birth and one end."""
    wrong = []
    if [event.position for event in log] != list(range(1, len(log) + 1)):
        wrong.append("positions are missing from the log")
    births = [event.job_id for event in log if isinstance(event, Submitted)]
    ends = [event.job_id for event in log if isinstance(event, FINAL_EVENTS)]
    submitted = {line.job for line in history.lines if line.call == SUBMIT}
    if not sorted(births) == sorted(ends) == sorted(submitted):
        wrong.append(f"submitted {sorted(submitted)}, born {births}, ended {ends}")
    return wrong


def prepare(folder, scenario):
    """Make the folder in which a life begins."""
    folder.mkdir(parents=True)
    (folder / INPUT).write_bytes(LARGE)
    if scenario in KILLED_BEFORE:
        first, step, occurrence = KILLED_BEFORE[scenario]
        prepare_into = Points(folder, (step, occurrence, "before"))
        if forked(lambda: anyio.run(live, folder, first, prepare_into)) != -signal.SIGKILL:
            raise RuntimeError(f"{scenario} begins with a death that did not come about")
    elif scenario not in BLANK:
        forked(lambda: anyio.run(opened_and_closed, folder))


async def opened_and_closed(folder):
    async with workspace_in(folder / DATA):
        return


def forked(action):
    """Run it in a process of its own; return its exit code, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException:  # noqa: BLE001  # a fork must not go on as its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def answered(action):
    """Run a coroutine function in a process of its own, and return what it returns, by way of JSON."""
    read, write = os.pipe()

    def act():
        with os.fdopen(write, "w") as file:
            json.dump(anyio.run(action), file)

    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            act()
        except BaseException:  # noqa: BLE001  # as above
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        content = file.read()
    os.waitpid(pid, 0)
    return json.loads(content) if content else None


def steps_of(template, folder, scenario):
    """Run a scenario to its end; return its steps, without those of an ordinary opening."""
    shutil.copytree(template, folder)

    async def run():
        points = Points(folder)
        await live(folder, scenario, points)
        ordinary = scenario not in BLANK and scenario not in KILLED_BEFORE
        return points.taken[points.taken.index(("write history", 1)) if ordinary else 0 :]

    return answered(run)


def dying(folder, scenario, point):
    """A life that ends at a point, with the faults that are to be planted."""
    for plant in sys.argv[2:]:
        PLANTS[plant]()
    anyio.run(live, folder, scenario, Points(folder, tuple(point)))


def wrong_after(template, folder, scenario, point):
    """Die at a point; return what is wrong afterwards, and whether the point was reached.

    Threads may take steps in another order, and commits may be shared, so that it is not reached at every attempt.
    """
    status = 0
    for _ in range(ATTEMPTS):
        if status == 0:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(template, folder)
            status = forked(lambda: dying(folder, scenario, point))
    wrong = answered(lambda: examine(folder, scenario))
    shutil.rmtree(folder)
    if status not in {0, -signal.SIGKILL}:
        wrong = [f"the life ended with {status}", *(wrong or [])]
    return {"reached": status == -signal.SIGKILL, "wrong": ["it could not be examined"] if wrong is None else wrong}


def main():
    root = Path(sys.argv[1])
    warm = root / f"warm-{os.getpid()}"
    prepare(warm, "small")
    anyio.run(live, warm, "small", Points(warm))
    anyio.run(examine, warm, "small")
    gc.collect()
    gc.freeze()  # a fork then copies less
    for number, line in enumerate(sys.stdin):
        scenario, point = json.loads(line)
        template, folder = root / f"template-{scenario}", root / f"run-{os.getpid()}-{number}"
        if point is None:
            prepare(template, scenario)
            answer = steps_of(template, folder, scenario)
        else:
            answer = wrong_after(template, folder, scenario, point)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
