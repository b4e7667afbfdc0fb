from __future__ import annotations

import math
import threading

import numba
import numpy as np
import pytest

from kyanite_kernels import control as block
from kyanite_kernels import flags
from kyanite_kernels.crew import TALLY_BEST, TALLY_SWEEPS, Crew

stopped, tell = flags.stopped, flags.tell


@numba.njit(nogil=True, cache=True)
def spin(control, tally, most):
    """Count until told to stop, as a kernel does."""
    count = 0
    while count < most and not stopped(control):
        count += 1
        tell(tally, TALLY_SWEEPS, float(count))
        tell(tally, TALLY_BEST, -float(count))
    return count


spin(np.ones(block.SIZE), np.zeros(8), 1)


def endless(crew):
    return lambda tally: spin(crew.control, tally, 2**62)


def counting(crew, count):
    return lambda tally: spin(crew.control, tally, count)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_tasks_return_in_order_whoever_runs_them(threads):
    with Crew(threads=threads) as crew:
        assert crew.run([counting(crew, count) for count in range(20)]) == list(range(20))
        assert crew.sweeps_done == sum(range(20))
        assert crew.run([counting(crew, 7)]) == [7]
        assert crew.sweeps_done == sum(range(20)) + 7
        assert crew.best == -19.0
        assert not crew.stopped


def test_the_clock_ends_kernels_that_run_and_leaves_out_those_that_wait():
    with Crew(threads=1, timeout_s=0.05) as crew:
        (count,) = crew.run([endless(crew), endless(crew)])
        assert count > 0
        assert not crew.goes_on()
        assert not crew.stopped
        assert crew.left_s <= 0


def test_the_hosts_flag_ends_a_run_and_is_remembered():
    control = block.local_control()
    with Crew(control, threads=2) as crew:
        threading.Timer(0.05, control.__setitem__, (block.STOP, 1.0)).start()
        assert len(crew.run([endless(crew), endless(crew), endless(crew)])) == 2
        assert crew.stopped
        assert not crew.goes_on()


def test_the_first_task_runs_even_if_the_flag_is_up():
    control = block.local_control()
    control[block.STOP] = 1.0
    with Crew(control) as crew:
        assert crew.run([endless(crew), endless(crew)]) == [0]


def test_an_error_ends_the_others_and_is_raised():
    with Crew(threads=2) as crew, pytest.raises(ZeroDivisionError):
        crew.run([endless(crew), lambda _tally: 1 // 0])


def test_leaving_ends_what_runs():
    with pytest.raises(KeyboardInterrupt), Crew() as crew:
        crew._pool.submit(endless(crew), np.zeros(8))
        raise KeyboardInterrupt


def test_progress_is_a_share_of_the_work_or_of_the_time():
    control = block.local_control()
    with Crew(control) as crew:
        crew.expect(200)
        crew.run([counting(crew, 50), counting(crew, 50)])
        assert control[block.FRACTION] == 0.5
        assert control[block.SWEEP] == 100
        assert control[block.BEAT] >= 1
        crew.finish(-50.0)
        assert control[block.FRACTION] == 1.0
    assert [cost for *_, cost in crew.trace] == sorted((cost for *_, cost in crew.trace), reverse=True)
    assert crew.trace[-1][2] == -50.0


def test_a_run_that_was_stopped_is_not_complete():
    control = block.local_control()
    control[block.STOP] = 1.0
    with Crew(control) as crew:
        crew.run([endless(crew)])
        crew.goes_on()
        crew.finish(3.0)
    assert control[block.FRACTION] < 1.0
    assert control[block.BEST_COST] == 3.0


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, math.nan])
def test_times_that_are_none_are_refused(timeout_s):
    with pytest.raises(ValueError, match="timeout_s"):
        Crew(timeout_s=timeout_s)
