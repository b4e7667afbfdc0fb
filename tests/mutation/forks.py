"""A pytest plugin that runs the collected tests not once but once a mutant, each time in a fork of the process."""

import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.models.folders import fresh_folder
from tests.mutation.subjects import SUBJECTS
from tests.mutation.surgery import operate

ALIVE, NOTICED, LATE = "alive", "noticed", "late"
PATIENCE = 3.0
"""How many times as long as the healthy tests those of a mutant may take; it shares the machine with others."""


class Forks:
    """Runs mutants, `jobs` at a time, and keeps what became of each."""

    def __init__(self, mutants, jobs):
        self.verdicts = {}
        self._waiting = list(mutants)
        self._jobs = jobs
        self._patience_s = {}
        self._running = {}
        self._orders = {}

    def figures(self):
        """Return how it went, ready to be written as JSON."""
        survived = sorted(mutant.name for mutant, verdict in self.verdicts.items() if verdict == ALIVE)
        total = len(self.verdicts)
        noticed = total - len(survived)
        late = sum(verdict == LATE for verdict in self.verdicts.values())
        score = noticed / total if total else 0.0
        return {"mutants": total, "killed": noticed, "late": late, "score": score, "survived": survived}

    def pytest_collection_finish(self, session):
        """Have every mutant meet the same examples."""
        from hypothesis import settings

        settings.register_profile("mutation", deadline=None, database=None, derandomize=True, max_examples=30)
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        """Run the tests of each mutant instead of all tests; first those without a mutant, which must pass."""
        if session.testsfailed:
            raise session.Interrupted("the tests can not be collected")
        for module in {mutant.module: None for mutant in self._waiting}:
            self._time_healthy(session, module)
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._jobs:
                self._start(session, self._waiting.pop(0))
            self._reap()
        return True

    def _time_healthy(self, session, module):
        """Run a module's tests without a mutant, which must pass; how long they take bounds how long a mutant may."""
        ranked = [
            (at, item)
            for item in session.items
            for at, path in enumerate(SUBJECTS[module])
            if item.nodeid.startswith(path)
        ]
        items = self._orders[module] = [item for _, item in sorted(ranked, key=lambda pair: pair[0])]
        folder, began = fresh_folder("mutant"), time.monotonic()
        status = os.waitstatus_to_exitcode(os.waitpid(self._fork(session, items, None, folder), 0)[1])
        shutil.rmtree(folder, ignore_errors=True)
        if status != 0:
            raise session.Failed(f"the tests of {module} fail without any mutant")
        self._patience_s[module] = 3.0 + PATIENCE * (time.monotonic() - began)

    def _start(self, session, mutant):
        folder = fresh_folder("mutant")
        pid = self._fork(session, self._orders[mutant.module], mutant, folder)
        self._running[pid] = (mutant, time.monotonic() + self._patience_s[mutant.module], folder)

    def _fork(self, session, items, mutant, folder):
        pid = os.fork()
        if pid:
            return pid
        status = 2
        try:
            os.setsid()
            silent = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(silent, descriptor)
            tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
            session.config._tmp_path_factory._basetemp = Path(tempfile.mkdtemp(dir=folder))
            if mutant is not None:
                operate(importlib.import_module(mutant.module), mutant.tree)
            status = run(session, items, folder / NOTICED)
        except BaseException:  # noqa: BLE001  # a mutant that can not even be put in has been noticed
            status = 1
        finally:
            os._exit(status)
        return pid

    def _reap(self):
        """Take up what has ended; end what takes too long."""
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in self._running:
            self._over(pid, ALIVE if os.waitstatus_to_exitcode(status) == 0 else NOTICED)
            return
        for late in [pid for pid, (_, deadline, _) in self._running.items() if time.monotonic() > deadline]:
            os.killpg(late, signal.SIGKILL)
            os.waitpid(late, 0)
            self._over(late, LATE)
        time.sleep(0.005)

    def _over(self, pid, verdict):
        mutant, _, folder = self._running.pop(pid)
        self.verdicts[mutant] = verdict
        self._promote(mutant, folder / NOTICED)
        shutil.rmtree(folder, ignore_errors=True)
        sys.stderr.write(f"{verdict:8}{mutant.name}\n")

    def _promote(self, mutant, note):
        """Begin with the test that noticed this mutant: it may well notice the next."""
        if note.exists():
            nodeid, order = note.read_text(encoding="utf-8"), self._orders[mutant.module]
            order.sort(key=lambda item: item.nodeid != nodeid)


def run(session, items, note):
    """Run tests until one fails; return 1 if one did, with a note that names it."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            note.write_text(item.nodeid, encoding="utf-8")
            return 1
    return 0
