from __future__ import annotations

from kyanite_kernels import control


def test_the_block_starts_empty_and_names_its_cells_apart():
    block = control.local_control()
    names = [control.STOP, control.FRACTION, control.BEST_COST, control.SWEEP, control.SWEEPS_TOTAL]
    assert block.shape == (control.SIZE,)
    assert not block.any()
    assert len({*names, control.RESTART, control.BEAT, control.DEADLINE}) == 8
