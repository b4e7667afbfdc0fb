import math
import mmap

import numpy as np

from kyanite_kernels import control as kernel_side
from kyanite_providers.local import control
from kyanite_providers.local.control import ControlBlock, Progress


def test_both_sides_mean_the_same_places():
    names = ("STOP", "FRACTION", "BEST_COST", "SWEEP", "SWEEPS_TOTAL", "RESTART", "BEAT", "SIZE")
    for name in names:
        assert getattr(control, name) == getattr(kernel_side, name)


def test_block_is_shared_both_ways():
    block = ControlBlock()
    with mmap.mmap(block.fd, 0) as memory:
        other = np.frombuffer(memory, dtype=np.float64)
        block.reset()
        assert other[control.STOP] == 0
        assert other[control.BEST_COST] == math.inf
        block.stop()
        assert other[control.STOP] == 1
        other[[control.FRACTION, control.BEST_COST, control.SWEEP]] = 0.5, -3.0, 12
        assert block.progress() == Progress(0.5, -3.0, 12)
        del other
    block.close()
