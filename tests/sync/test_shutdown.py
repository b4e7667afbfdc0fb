"""What is left behind when a script ends without closing anything. Each is a flat script in a process of its own."""

import signal
import threading

import pytest

from kyanite import Status
from tests.sync.places import rows, start, workers_of

BOUND_S = 30

SOLVE = """
from kyanite.sync import Workspace
from kyanite.sync.optimization import Problem, ProblemType, SimulatedAnnealing, Term

workspace = Workspace("subscription", "group", "name", location="westus")
terms = [Term(c=-9, indices=[0]), Term(c=-3, indices=[1, 0]), Term(c=5, indices=[2, 0])]
problem = Problem("MyOptimizationJob", terms=terms, problem_type=ProblemType.ising)
job = SimulatedAnnealing(workspace, sweeps=100, seed=7).submit(problem)
print(job.get_results()["solutions"])
"""

# A target that executes until the file `go` is there.
WAIT = """
import sys, threading
from pathlib import Path
import anyio
from kyanite import Began
from kyanite.config import LimitSettings, Settings
from kyanite.core.job import Target
from kyanite.runtime.coroutines import CoroutineProvider
from kyanite.sync import Workspace

async def patient(task):
    while not Path("go").exists():
        await anyio.sleep(0.01)
    return "gone"

def execute(job):
    for update in job.updates():
        if isinstance(update, Began):
            print(job.id, flush=True)
            return job

provider = CoroutineProvider(Target(id="acme.patient", provider_id="acme"), patient)
settings = Settings(data_dir=".", limits=LimitSettings(shutdown_grace_s=float(sys.argv[1])))
workspace = Workspace(settings=settings, providers=[provider])
"""


def ended(child, rc):
    """What a script has printed, once it has ended as it should and with everything that belonged to it."""
    out, err = child.communicate(timeout=BOUND_S)
    assert child.returncode == rc, err
    assert workers_of(child.pid) == []
    return out, err


def test_a_flat_script_forgets_to_close(tmp_path):
    out, err = ended(start(SOLVE, tmp_path), 0)
    assert out.lstrip(".\n") == "[{'configuration': {'0': 1, '1': 1, '2': -1}, 'cost': -17.0}]\n"
    assert err == ""
    assert [row.status for row in rows(tmp_path / ".kyanite", "name")] == [Status.SUCCEEDED]


@pytest.mark.parametrize(("last", "rc"), [("", 0), ("sys.exit(3)", 3), ("raise ValueError('enough')", 1)])
def test_what_executes_at_the_end_is_suspended(tmp_path, last, rc):
    script = f"{WAIT}\nexecute(workspace.submit('acme.patient', 'x'))\n{last}\n"
    out, err = ended(start(script, tmp_path, "0.1"), rc)
    assert ("ValueError: enough" in err) == (rc == 1)
    (row,) = rows(tmp_path)
    assert row.id == out.strip()
    assert (row.status, row.driving, row.interruptions) == (Status.EXECUTING, False, 0)


def test_what_ends_within_the_grace_time_is_kept(tmp_path):
    script = f"{WAIT}\nexecute(workspace.submit('acme.patient', 'x'))\nprint('end', flush=True)"
    child = start(script, tmp_path, "20")
    assert child.stdout.readline()
    assert child.stdout.readline() == "end\n"
    assert "have up to 20 s to end" in child.stderr.readline()
    (tmp_path / "go").touch()
    ended(child, 0)
    assert [row.status for row in rows(tmp_path)] == [Status.SUCCEEDED]


def test_ctrl_c_ends_the_waiting_and_the_job_goes_on_next_time(tmp_path):
    child = start(f"{WAIT}\nexecute(workspace.submit('acme.patient', 'x')).get_results()", tmp_path, "20")
    job_id = child.stdout.readline().strip()
    assert child.stdout.read(1) == "."
    child.send_signal(signal.SIGINT)
    _, err = ended(child, -signal.SIGINT)
    assert err.splitlines()[-1].startswith(f"job {job_id} goes on; come back to it with workspace.get_job(")
    assert "KeyboardInterrupt" in err
    (row,) = rows(tmp_path)
    assert (row.status, row.driving, row.interruptions) == (Status.EXECUTING, False, 0)
    (tmp_path / "go").touch()
    again = f"{WAIT}\nprint(workspace.get_job({row.id!r}).get_results())"
    assert ended(start(again, tmp_path, "0.1"), 0)[0] == "gone\n"


def test_ctrl_c_that_is_caught_leaves_the_workspace_in_order(tmp_path):
    script = f"""{WAIT}
job = execute(workspace.submit('acme.patient', 'x'))
try:
    job.get_results()
except KeyboardInterrupt:
    Path("go").touch()
    print("\\n", job.get_results(), job.details.status)
"""
    child = start(script, tmp_path, "20")
    assert child.stdout.readline()
    assert child.stdout.read(1) == "."
    child.send_signal(signal.SIGINT)
    out, err = ended(child, 0)
    assert out.endswith(" gone Succeeded\n")
    assert err == ""


@pytest.mark.parametrize("ending", ["", "workspace.close()"])
def test_ctrl_c_cuts_the_grace_time_short(tmp_path, ending):
    script = f"{WAIT}\nexecute(workspace.submit('acme.patient', 'x'))\nprint('end', flush=True)\n{ending}"
    child = start(script, tmp_path, "25")
    assert child.stdout.readline()
    assert child.stdout.readline() == "end\n"
    if not ending:
        assert "Ctrl-C leaves at once" in child.stderr.readline()
    child.send_signal(signal.SIGINT)
    ended(child, -signal.SIGINT if ending else 0)
    (row,) = rows(tmp_path)
    assert (row.status, row.driving, row.interruptions) == (Status.EXECUTING, False, 0)


def test_threads_that_go_on_after_the_script_find_it_open(tmp_path):
    script = f"""{WAIT}
used, ending = threading.Event(), threading.Event()

def work():
    workspace.count_jobs()
    used.set()
    ending.wait()
    for _ in range(3):
        print(workspace.submit('acme.patient', 'x').get_results(), flush=True)

Path("go").touch()
threading.Thread(target=work).start()
used.wait()
ending.set()
"""
    out, err = ended(start(script, tmp_path, "0.1"), 0)
    assert (out, err) == ("gone\n" * 3, "")


def test_a_pool_that_was_left_open_does_not_hold_the_end_up(tmp_path):
    script = f"""{WAIT}
from concurrent.futures import ThreadPoolExecutor

Path("go").touch()
pool = ThreadPoolExecutor(2)
print(pool.submit(lambda: workspace.submit('acme.patient', 'x').get_results()).result())
"""
    assert ended(start(script, tmp_path, "0.1"), 0) == ("gone\n", "")


def test_nothing_can_be_opened_while_the_program_ends(tmp_path):
    script = f"""{WAIT}
import atexit
from kyanite.errors import WorkspaceClosed

def late():
    try:
        workspace.count_jobs()
    except WorkspaceClosed as error:
        print(error)

workspace.count_jobs()
atexit.register(late)
"""
    out, err = ended(start(script, tmp_path, "0.1"), 0)
    assert (out, err) == ("The workspace is not open: the program is ending\n", "")


def test_this_interpreter_has_the_hook_it_needs():
    assert callable(threading._register_atexit)
