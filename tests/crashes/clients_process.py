"""One life under load: a workspace, and clients that submit, cancel, wait, read and list until they are killed.

Called with the data folder, the file of the history, the number of the life, and `kernels` if real workers take part.
It says `ready` on its standard output before it opens the workspace.
"""

import os
import random
import sys
from pathlib import Path

import anyio
from msgspec.structs import replace

from kyanite.errors import JobNotFound
from tests.crashes.history import CANCEL, LIST, READ, SUBMIT, WAIT, Record, recent_lines
from tests.crashes.targets import ECHO, FAIL, REMOTE, RETRY, SETTINGS, SLOW, workspace_in

CLIENTS = 8
TARGETS = (ECHO, ECHO, ECHO, FAIL, RETRY, SLOW, REMOTE)
KERNEL = "microsoft.simulatedannealing.cpu"
PROBLEM = {
    "cost_function": {
        "version": "1.0",
        "type": "ising",
        "terms": [{"c": -9, "ids": [0]}, {"c": -3, "ids": [1, 0]}, {"c": 5, "ids": [2, 0]}],
    }
}


def input_of(job):
    """The input follows from the job's id, so that a repeated submit is the same one; some are large."""
    chance = random.Random(job)
    return job.encode() * (chance.randrange(6_000, 9_000) if chance.random() < 0.1 else chance.randrange(1, 9))


class Client:
    """Makes one call after the other, and notes each."""

    def __init__(self, workspace, record, name, remembered):
        self.workspace = workspace
        self.record = record
        self.name = name
        self.chance = random.Random(name)
        self.jobs = [line.job for line in remembered if line.call == SUBMIT and line.answer is not None]
        answered = {line.number for line in remembered if line.answer is not None}
        self.unanswered = [line for line in remembered if line.call == SUBMIT and line.number not in answered]

    async def run(self, targets):
        for line in self.unanswered:
            await self.submit(line.job, line.target)
        for number in range(1_000_000):
            await self.submit(f"{self.name}-{number}", self.chance.choice(targets))
            for call in self.chance.sample((self.cancel, self.read, self.wait, self.list), 2):
                await call()

    async def submit(self, job, target):
        line = self.record.begin(SUBMIT, job, target)
        content = PROBLEM if target == KERNEL else input_of(job)
        held = await self.workspace.submit(target, content, job_id=job, attempts_max=3)
        self.record.answer(line, held.details)
        self.jobs.append(job)

    async def asked(self, call, action):
        job = self.chance.choice(self.jobs[-50:])
        line = self.record.begin(call, job)
        try:
            held = await self.workspace.get_job(job)
            await action(held)
        except JobNotFound:
            self.record.answer(line, missing=True)
        except TimeoutError:
            self.record.answer(line)
        else:
            self.record.answer(line, held.details)

    async def read(self):
        await self.asked(READ, lambda held: held.refresh())

    async def wait(self):
        await self.asked(WAIT, lambda held: held.wait(0.1))

    async def cancel(self):
        if self.chance.random() < 0.4:
            await self.asked(CANCEL, lambda held: held.cancel())

    async def list(self):
        if self.chance.random() < 0.2:
            line = self.record.begin(LIST, self.name)
            rows = [job.details async for job in self.workspace.list_jobs(id_prefix=self.name)]
            self.record.answer(line, *rows)


async def main():
    folder, history, life = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    providers, targets = [], TARGETS
    if "kernels" in sys.argv:
        from kyanite_providers.local import LocalProvider

        providers, targets = [LocalProvider(workers_max=1)], (*TARGETS, KERNEL)
    remembered = recent_lines(history)
    record = Record(history, life)
    settings = replace(SETTINGS, limits=replace(SETTINGS.limits, cancel_grace_s=0.2))
    os.write(1, b"ready\n")
    async with (
        workspace_in(folder, settings=settings, providers=providers) as workspace,
        anyio.create_task_group() as group,
    ):
        for number in range(CLIENTS):
            mine = [line for line in remembered if line.job.rpartition("-")[0].endswith(f"c{number}")]
            group.start_soon(Client(workspace, record, f"l{life}-c{number}", mine).run, targets)


if __name__ == "__main__":
    anyio.run(main)
