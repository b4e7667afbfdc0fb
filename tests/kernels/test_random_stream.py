from __future__ import annotations

import math

import numpy as np
import pytest

from kyanite_kernels.random_stream import ACCEPTANCE, START, fill_thresholds, mix, random_bits, seed_array, stream

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def naive_mix(word: int) -> int:
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def words(seed: np.ndarray, index: int, purpose: int) -> tuple[np.uint64, np.uint64]:
    # Python sees a kernel's uint64 as int, which would come back as int64.
    offset, gamma = stream(seed, index, purpose)
    return np.uint64(offset), np.uint64(gamma)


def test_mixing_equals_plain_integers_and_the_published_first_outputs():
    assert int(mix(np.uint64(GOLDEN))) == naive_mix(GOLDEN) == 0xE220A8397B1DCDAF
    for word in (0, 1, MASK, 1 << 63, 0x0123456789ABCDEF):
        assert int(mix(np.uint64(word))) == naive_mix(word)


def test_gammas_are_odd_and_irregular_and_streams_differ():
    streams = {tuple(map(int, stream(seed_array(s), r, p))) for s in (0, 1, -1) for r in range(50) for p in range(3)}
    assert len(streams) == 450
    for _, gamma in streams:
        assert gamma % 2 == 1
        assert (gamma ^ (gamma >> 1)).bit_count() >= 24


def test_draws_are_a_function_of_their_index():
    offset, gamma = words(seed_array(3), 1, START)
    assert int(random_bits(offset, gamma, 5)) == naive_mix((int(offset) + 5 * int(gamma)) & MASK)
    whole, cut = np.empty(100), np.empty(60)
    fill_thresholds(whole, 100, offset, gamma, 7, 2.0)
    fill_thresholds(cut, 60, offset, gamma, 47, 2.0)
    assert whole[40:].tolist() == cut.tolist()


def test_thresholds_are_logarithms_of_the_drawn_numbers():
    offset, gamma = words(seed_array(4), 0, ACCEPTANCE)
    thresholds = np.empty(2000)
    fill_thresholds(thresholds, 2000, offset, gamma, 0, 1.0)
    bits = [naive_mix((int(offset) + k * int(gamma)) & MASK) >> 12 for k in range(2000)]
    assert thresholds == pytest.approx([math.log((b + 0.5) / 2.0**52) for b in bits], rel=1e-11)


def test_thresholds_are_exponentially_distributed():
    offset, gamma = words(seed_array(8), 0, ACCEPTANCE)
    x = np.empty(400_000)
    fill_thresholds(x, x.size, offset, gamma, 0, -1.0)
    assert x.mean() == pytest.approx(1.0, abs=0.01)
    assert x.var() == pytest.approx(1.0, abs=0.03)
    assert np.quantile(x, [0.1, 0.5, 0.99]) == pytest.approx([0.10536, 0.69315, 4.60517], rel=0.02)
    assert np.corrcoef(x[1:], x[:-1])[0, 1] == pytest.approx(0.0, abs=0.01)


def test_an_infinite_temperature_gives_no_nan():
    offset, gamma = words(seed_array(8), 0, ACCEPTANCE)
    x = np.empty(1000)
    fill_thresholds(x, 1000, offset, gamma, 0, math.inf)
    assert (x == -math.inf).all()
