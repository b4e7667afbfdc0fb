"""What clients asked and heard, over many lives of a process, and whether one store can have told them all that.

Each call is two lines of a file that outlives the process: one before it is made, one when it has answered. The order
of the lines is the order in time, as one process writes them at a time.
"""

import hashlib
import os
from bisect import bisect_left
from contextlib import suppress

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kyanite.core.events import decode_details, encode_details

SUBMIT, READ, WAIT, CANCEL, LIST = "submit", "read", "wait", "cancel", "list"


class Seen(Struct, frozen=True):
    """A row as it was shown to somebody: enough to tell it from any other."""

    job: str
    version: int
    final: bool
    cancel_requested: bool
    digest: str
    end: str
    """Of a final row: what of it never changes, which is all but the labels."""


def seen(details):
    if isinstance(details, Seen):
        return details
    # Once there and back: in memory a number may be 1 that reads 1.0 in the store.
    row = decode_details(encode_details(details))
    end = replace(row, name="", tags=(), metadata={}, version=0, updated_time=None)
    digest, end_digest = (hashlib.sha256(encode_details(each)).hexdigest()[:16] for each in (row, end))
    return Seen(row.id, row.version, row.final, row.cancel_requested, digest, end_digest if row.final else "")


class Line(Struct, frozen=True, omit_defaults=True):
    """Half a call: its number, who made it, what it asked of which job; with `answer`, what it heard."""

    number: str
    call: str
    job: str
    target: str = ""
    answer: tuple[Seen, ...] | None = None
    missing: bool = False
    """Whether the answer was that there is no such job."""


class Record:
    """Writes the lines of one life."""

    def __init__(self, path, life):
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")  # the last life was killed amid a line
        self._life = life
        self._calls = 0
        self.repeats = bool(life)
        """Whether another life may have asked for the same before."""

    def begin(self, call, job, target=""):
        self._calls += 1
        line = Line(f"{self._life}.{self._calls}", call, job, target)
        self._write(line)
        return line

    def answer(self, line, *rows, missing=False):
        answer = tuple(seen(row) for row in rows)
        self._write(Line(line.number, line.call, line.job, line.target, answer, missing))

    def _write(self, line):
        os.write(self._file, msgspec.json.encode(line) + b"\n")


_decoder = msgspec.json.Decoder(Line)


def lines_of(content):
    """The lines in these bytes; one that a kill cut short is left out."""
    found = []
    for line in content.split(b"\n"):
        with suppress(msgspec.DecodeError):
            found.append(_decoder.decode(line))
    return found


def recent_lines(path, bytes_max=65_536):
    """The last lines of the file: what a client of a new life remembers of the lives before."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - bytes_max))
        content = file.read()
    return lines_of(content if size <= bytes_max else content.partition(b"\n")[2])


class History:
    """Everything heard, in order, to be compared with itself and with the rows at the end."""

    def __init__(self, lines):
        self.lines = lines
        self.acknowledged = {}
        """Jobs whose submit was answered, and where in the history."""
        self.wrong = []
        self._shown = {}
        self._versions = {}
        self._begun = {}

    def violations(self, rows, deleted=()):
        """Return, in words, everything that was heard and can not be true together; `rows` are the rows at the end,
        but for those of jobs that were `deleted`; or what was seen of them.
        """
        for at, line in enumerate(self.lines):
            if line.answer is None:
                self._begun[line.number] = at
            else:
                self._hear(at, line)
        self._compare({row.job: row for row in map(seen, rows)}, deleted)
        return self.wrong

    def _hear(self, at, line):
        begun = self._begun[line.number]
        if line.call == SUBMIT:
            self.acknowledged.setdefault(line.job, at)
        if line.missing and self._known(line.job, begun):
            self.wrong.append(f"{line.job} was acknowledged, and then not found by {line.number}")
        for row in line.answer:
            self._look(at, begun, row)
        if line.call == CANCEL and any(not (row.final or row.cancel_requested) for row in line.answer):
            self.wrong.append(f"cancel {line.number} of {line.job} answered with a row that shows no trace of it")
        if line.call == LIST:
            listed = {row.job for row in line.answer}
            for job in self.acknowledged:
                if job.startswith(line.job) and self._known(job, begun) and job not in listed:
                    self.wrong.append(f"{job} was acknowledged, and is missing from list {line.number}")

    def _known(self, job, begun):
        return job in self.acknowledged and self.acknowledged[job] < begun

    def _look(self, at, begun, row):
        if self._shown.setdefault((row.job, row.version), row) != row:
            self.wrong.append(f"{row.job} was shown with version {row.version} in two forms")
        answers = self._versions.setdefault(row.job, [])
        before = bisect_left(answers, (begun, 0))
        if before and answers[before - 1][1] > row.version:
            self.wrong.append(f"{row.job} went back from version {answers[before - 1][1]} to {row.version}")
        answers.append((at, max(row.version, answers[-1][1] if answers else 0)))

    def _compare(self, ends, deleted):
        for job in self.acknowledged:
            if job not in ends and job not in deleted:
                self.wrong.append(f"{job} was acknowledged, and is lost")
        for (job, version), row in self._shown.items():
            end = ends.get(job)
            if end is not None and row.final and row.end != end.end:
                self.wrong.append(f"{job} was shown as ended with version {version}, and ended otherwise")
            if end is not None and version > end.version:
                self.wrong.append(f"{job} was shown with version {version}, and has {end.version}")
