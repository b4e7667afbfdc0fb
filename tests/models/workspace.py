"""What a job is to its user and its provider, in a handful of plain rules; and a provider that does as it is told."""

import asyncio

from kyanite.core.job import Status, Target
from kyanite.ports import Provider

SLOTS = {"acme.one": 1, "acme.two": 2}


class Obedient(Provider):
    """Runs each job by the commands put into its inbox."""

    id = "acme"

    def __init__(self):
        self.inboxes = {}

    def targets(self):
        return [Target(id=name, provider_id="acme", slots=slots) for name, slots in SLOTS.items()]

    async def run(self, task):
        inbox = self.inboxes[task.details.id] = asyncio.Queue()
        try:
            while True:
                step, done = await inbox.get()
                try:
                    result = await step(task)
                except Exception as error:  # noqa: BLE001  # whatever the task raises is the machine's to see
                    done.set_result(type(error))
                    if isinstance(error, Told):
                        raise error.what from None
                else:
                    done.set_result(None)
                    if result is not None:
                        return None if result == "done" else result
        finally:
            del self.inboxes[task.details.id]


class Told(Exception):
    """What the provider shall raise."""

    def __init__(self, what):
        self.what = what


class JobModel:
    """One job: where it stands, and what the present execution has written."""

    def __init__(self, target, priority, attempts_max, content):
        self.target, self.priority, self.content = target, priority, content
        self.attempts_max, self.failures, self.attempt = attempts_max, 0, 0
        self.status, self.wanted, self.written, self.code = "Waiting", False, None, None
        self.handle, self.born_s = None, 0.0

    @property
    def rank(self):
        """Where it stands in the queue: a level of priority is worth a minute, and no two were born at once."""
        return self.born_s - 60 * self.priority

    @property
    def final(self):
        return self.status in ("Succeeded", "Failed", "Cancelled")

    def end(self, how, code=None):
        """Tell how the execution ended, by what the provider did: returned, or raised."""
        if how == "returned" and self.wanted:
            self.status = "Cancelled"
        elif how == "returned" or how is Status.SUCCEEDED:
            self.status, self.code = ("Succeeded", None) if self.written is not None else ("Failed", "OutputMissing")
        elif how is Status.CANCELLED or self.wanted:
            self.status = "Cancelled"
        elif how == "retryable" and self.failures + 1 < self.attempts_max:
            self.failures += 1
            self.written = None
            return
        else:
            self.status, self.code = "Failed", code
        if self.code == "OutputMissing" and self.wanted:
            self.status, self.code = "Cancelled", None
