from __future__ import annotations

import operator

import numba
import numpy as np
import pytest

from kyanite_kernels import simd

TYPES = (np.int8, np.int16, np.int32, np.float32, np.uint64)
LANES = 16


def numbers(dtype: type[np.generic], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return rng.standard_normal(LANES + 3).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, LANES + 3, dtype=dtype, endpoint=True)


@numba.njit(cache=True)
def arithmetic(a, b, out):
    x, y = simd.load(a, 3, LANES), simd.load(b, 1, LANES)
    simd.store(out, 0, simd.add(x, y))
    simd.store(out, LANES, simd.sub(x, y))
    simd.store(out, 2 * LANES, simd.mul(x, y))
    simd.store(out, 3 * LANES, simd.minimum(x, y))
    simd.store(out, 4 * LANES, simd.maximum(x, y))
    simd.store(out, 5 * LANES, simd.broadcast(b[0], out, LANES))


@numba.njit(cache=True)
def comparisons(a, b, out, words):
    x, y = simd.load(a, 0, LANES), simd.load(b, 0, LANES)
    words[0] = simd.bits_of(simd.equal(x, y))
    words[1] = simd.bits_of(simd.at_least(x, y))
    words[2] = simd.bits_of(simd.above(x, y))
    simd.store(out, 0, simd.select(simd.mask_of(words[2], LANES), x, y))
    return simd.any_of(simd.equal(x, y)), simd.any_of(simd.either(simd.above(x, y), simd.at_least(y, x)))


@numba.njit(cache=True)
def bitwise(a, b, shift, out):
    x, y = simd.load(a, 0, LANES), simd.load(b, 0, LANES)
    count = simd.broadcast(shift, a, LANES)
    simd.store(out, 0, simd.xor(x, y))
    simd.store(out, LANES, simd.both(x, y))
    simd.store(out, 2 * LANES, simd.either(x, y))
    simd.store(out, 3 * LANES, simd.shift_left(x, count))
    simd.store(out, 4 * LANES, simd.shift_right(x, count))
    simd.store(out, 5 * LANES, simd.spread(simd.above(x, y), out))


@numba.njit(cache=True)
def conversions(a, narrow, wide, real, bits):
    x = simd.load(a, 0, LANES)
    simd.store(narrow, 0, simd.convert(x, np.int8))
    simd.store(wide, 0, simd.convert(x, wide))
    simd.store(real, 0, simd.convert(x, np.float32))
    simd.store(real, LANES, simd.div(simd.convert(x, real), simd.broadcast(3.0, real, LANES)))
    simd.store(bits, 0, simd.bitcast(simd.load(real, LANES, LANES), np.int32))
    simd.store(wide, LANES, simd.convert(simd.load(real, LANES, LANES), np.int64))


@pytest.mark.parametrize("dtype", TYPES)
def test_arithmetic_equals_numpy_on_any_offset(dtype: type[np.generic]):
    a, b = numbers(dtype, 1), numbers(dtype, 2)
    out = np.zeros((6, LANES), dtype)
    arithmetic(a, b, out)
    x, y = a[3 : 3 + LANES], b[1 : 1 + LANES]
    expected = [x + y, x - y, x * y, np.minimum(x, y), np.maximum(x, y), np.full(LANES, b[0])]
    assert (out == np.array(expected)).all()


@numba.njit(cache=True)
def registers(a, b, out):
    x = simd.load(a, 0, a)
    y = simd.load(b, 0, x)
    simd.store(out, 0, simd.fma(x, y, simd.broadcast(-1.0, x, x)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_full_register_and_products_rounded_once(dtype: type[np.generic]):
    lanes = simd.VECTOR_BYTES // np.dtype(dtype).itemsize
    step = np.finfo(dtype).eps * np.arange(lanes + 1, dtype=dtype)
    out = np.zeros(lanes + 1, dtype)
    registers(dtype(1) + step, dtype(1) + step, out)
    # (1 + k eps)^2 - 1 from two exact parts: the sum is the one rounding.
    assert (out == [*(step + step + step * step)[:lanes], 0]).all()


@numba.njit(cache=True)
def scalars(words, out):
    simd.store(out, 0, simd.repeat(simd.element(words, 1), out, LANES))


def test_one_element_repeated_over_a_register():
    pair = np.array([3, -7], np.int16)
    words = np.array([[0], pair.view(np.int32)], np.int32)
    out = np.zeros(LANES, np.int16)
    scalars(words, out)
    assert (out == np.tile(pair, LANES // 2)).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_comparisons_make_masks_that_select(dtype: type[np.generic]):
    a, b = numbers(dtype, 3), numbers(dtype, 4)
    b[:5] = a[:5]
    out, words = np.zeros(LANES, dtype), np.zeros(3, np.uint64)
    found = comparisons(a, b, out, words)
    x, y = a[:LANES], b[:LANES]
    for word, relation in zip(words.tolist(), (operator.eq, operator.ge, operator.gt), strict=True):
        assert [bool(word >> k & 1) for k in range(64)] == [*relation(x, y).tolist(), *[False] * (64 - LANES)]
    assert (out == np.maximum(x, y)).all()
    assert found == (True, True)
    assert comparisons(a, b + dtype(1), out, words)[0] == bool((x == y + dtype(1)).any())


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32, np.uint64])
def test_bits_equal_numpy(dtype: type[np.generic]):
    a, b = numbers(dtype, 5), numbers(dtype, 6)
    out = np.zeros((6, LANES), dtype)
    bitwise(a, b, dtype(3), out)
    x, y = a[:LANES], b[:LANES]
    expected = [x ^ y, x & y, x | y, x << dtype(3), x >> dtype(3), np.where(x > y, ~dtype(0), dtype(0))]
    assert (out == np.array(expected)).all()


def test_conversions_equal_numpy():
    a = numbers(np.int16, 7)
    narrow, wide = np.zeros(LANES, np.int8), np.zeros(2 * LANES, np.int64)
    real, bits = np.zeros(2 * LANES, np.float32), np.zeros(LANES, np.int32)
    conversions(a, narrow, wide, real, bits)
    x = a[:LANES]
    third = x.astype(np.float32) / np.float32(3)
    assert (narrow == x.astype(np.int8)).all()
    assert (wide == [*x, *third.astype(np.int64)]).all()
    assert (real == [*x.astype(np.float32), *third]).all()
    assert (bits == third.view(np.int32)).all()


def test_vectors_of_two_types_are_refused():
    def mixed(a, b):
        return simd.any_of(simd.equal(simd.load(a, 0, 8), simd.load(b, 0, 8)))

    with pytest.raises(numba.TypingError, match="two vectors of one type"):
        numba.njit(mixed)(np.zeros(8, np.int8), np.zeros(8, np.int16))
