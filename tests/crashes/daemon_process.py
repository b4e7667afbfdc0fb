"""A daemon with the targets of `targets` alone: `python -m tests.crashes.daemon_process FOLDER ADDRESS [KEY=VALUE...]`.

Keys and values are those of `ServerSettings`. It says `opening` on its standard output before it opens the workspace,
and then where it listens; and on SIGUSR1, how many tasks it has.
"""

import asyncio
import os
import signal
import sys

from msgspec.structs import replace

from kyanite import Target, logs, plugins
from kyanite.config import ServerSettings
from kyanite.http import daemon
from kyanite.ports import Provider
from tests.crashes.targets import PROVIDERS, REMOTE, SETTINGS

LINGER_S = 0.5


class Acme(Provider):
    """All of the targets, many jobs of each at a time."""

    id = "acme"

    def targets(self):
        return [Target(id=name, provider_id=self.id, slots=16, remote=name == REMOTE) for name in PROVIDERS]

    async def run(self, task):
        return await PROVIDERS[task.details.target](task)


def say(text):
    os.write(1, f"{text}\n".encode())


def main(folder, address, *more):
    plugins.providers = lambda options: []  # no workers: the daemon is what is killed
    server = ServerSettings(listen=address, drain_s=0.5, **{key: float(value) for key, value in map(_pair, more)})
    settings = replace(SETTINGS, data_dir=folder, server=server)
    # For ten seconds, what a client goes on sending after an early answer is read and dropped: too long to wait for.
    daemon.LINGER_S = LINGER_S
    logs.configure("json", "DEBUG")
    say("opening")
    asyncio.run(daemon.serve(settings, providers=[Acme()], started=started))


def started(running):
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: say(f"{len(asyncio.all_tasks(loop))} tasks"))
    say(running.address)


def _pair(text):
    return text.split("=")


if __name__ == "__main__":
    main(*sys.argv[1:])
