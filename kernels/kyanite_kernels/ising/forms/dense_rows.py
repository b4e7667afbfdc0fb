"""Rows of the dense form in vectors: the scan of one block of 64 variables, and the flips of a block in all fields.

A field is, in units, `field_i = bias_i + sum_j weight_ij sigma_j`: flipping i changes the cost by `-sigma_i field_i`
units, and weights are twice the coefficients. They are narrow integers or floats, or bits, one for +1, none for -1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import DTypeLike, NDArray

from kyanite_kernels.jit import part
from kyanite_kernels.simd import (
    Vector,
    add,
    at_least,
    bits_of,
    broadcast,
    convert,
    load,
    lowest_bit,
    mask_of,
    maximum,
    mul,
    select,
    store,
    sub,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_Emitter: TypeAlias = "tuple[Any, Callable[..., Any]]"

BLOCK: Final = 64
"""Variables scanned at once: one bit each in a word."""
DOWN: Final = 64
UP_COUNT: Final = 128
DOWN_COUNT: Final = 129
LANE: Final = 130
FLIPS_SIZE: Final = 131
"""A list of flips: variables that go up from 0 on, those that go down from `DOWN` on, how many of each, and a lane."""

_LINE_BYTES = 64

_NONE, _ONE, _TWO = np.uint64(0), np.uint64(1), np.uint64(2)


def aligned(rows: int, columns: int, kind: DTypeLike) -> NDArray[Any]:
    """Make a matrix of zeros that begins at a cache line."""
    dtype = np.dtype(kind)
    block = np.zeros(rows * columns * dtype.itemsize + _LINE_BYTES, dtype=np.uint8)
    skipped = -block.ctypes.data % _LINE_BYTES
    return block[skipped : block.size - _LINE_BYTES + skipped].view(dtype).reshape(rows, columns)


def tiled(matrix: NDArray[Any]) -> NDArray[Any]:
    """Arrange a matrix, of 64 b rows and b times as much, in tiles of 64 variables by 64.

    Row r of the result has the tiles of the variables 64 r to 64 r + 63 one after the other, each row by row. So what
    is read together lies together: couplings of one block to another.
    """
    blocks = matrix.shape[0] // BLOCK
    tiles = matrix.reshape(blocks, BLOCK, blocks, -1).transpose(0, 2, 1, 3)
    arranged = aligned(blocks, matrix.size // max(blocks, 1), matrix.dtype)
    arranged.reshape(tiles.shape)[:] = tiles
    return arranged


@intrinsic
def couplings(_typing: Any, matrix: Any, row: Any, first: Any) -> _Emitter:  # noqa: ARG001
    """Couplings of variable `row` to 64 others from `first`, a multiple of 64, on; `matrix` is `tiled`.

    They come in the type of the matrix; out of bits as int8, +1 or -1, where a variable has -1 to itself.
    """
    is_bits = matrix.dtype == types.uint64
    vector = Vector(types.int8 if is_bits else matrix.dtype, BLOCK)
    width = 1 if is_bits else BLOCK

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, value=arguments[0])
        word, six = ir.IntType(64), ir.IntType(64)(6)
        line = builder.mul(builder.lshr(arguments[1], six), builder.extract_value(array.shape, 1))
        tile = builder.mul(arguments[2], word(width))
        inside = builder.mul(builder.and_(arguments[1], word(BLOCK - 1)), word(width))
        place = builder.gep(array.data, [builder.add(line, builder.add(tile, inside))])
        whole = context.get_value_type(vector)
        if not is_bits:
            return builder.load(builder.bitcast(place, whole.as_pointer()), align=BLOCK)
        bits = builder.bitcast(builder.load(place, align=8), ir.VectorType(ir.IntType(1), BLOCK))
        return builder.select(bits, ir.Constant(whole, [1] * BLOCK), ir.Constant(whole, [-1] * BLOCK))

    return vector(matrix, types.int64, types.int64), emit


@intrinsic
def to_itself(_typing: Any, matrix: Any) -> _Emitter:
    """Return what `couplings` gives for a variable and itself, a constant: -1 out of bits, else 0."""

    def emit(_context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
        return ir.IntType(64)(-1 if matrix.dtype == types.uint64 else 0)

    return types.int64(matrix), emit


@part
def _falls(field: Any, spins: np.uint64) -> Any:
    """By how much the cost falls with each flip, in units."""
    return select(mask_of(spins, 64), field, sub(broadcast(0, field, 64), field))


@part
def _least(xi: Any, place: int, scale: float, limit: float, fields: Any) -> Any:
    """The least fall that is accepted, of each of 64 variables; `limit` is beyond every fall."""
    bar = mul(load(xi, place, 64), broadcast(np.float32(-scale), np.float32, 64))
    # Integers: truncation towards 0 gives the least integer at or above the bar.
    return convert(maximum(bar, broadcast(np.float32(-limit), np.float32, 64)), fields)


@part
def may_flip(fields: Any, place: int, spins: np.uint64, highest: float, scale: float, limit: float) -> np.uint64:
    """Return a word of those of 64 variables, fields from `place` on, that `highest`, at most, would let flip."""
    bar = max(np.float32(-scale) * np.float32(highest), np.float32(-limit))
    least = convert(broadcast(bar, np.float32, 64), fields)
    word: np.uint64 = bits_of(at_least(_falls(load(fields, place, 64), spins), least))
    return word


@part
def scan(
    matrix: Any,
    fields: Any,
    place: int,
    first: int,
    todo: np.uint64,
    spins: np.uint64,
    xi: Any,
    scale: float,
    limit: float,
) -> np.uint64:
    """Attempt 64 variables one after the other, each seeing the flips before it; return the word of those that flip.

    Variable `first + k` has its field in `fields[place + k]` (flat), its spin in bit k of `spins`, and is left out
    unless bit k of `todo` is set. The memory is not changed.
    """
    field = load(fields, place, 64)
    least = _least(xi, 0, scale, limit, fields)
    flipped = _NONE
    accepted = bits_of(at_least(_falls(field, spins), least)) & todo
    while accepted:
        k = lowest_bit(accepted)
        one = _ONE << np.uint64(k)
        flipped |= one
        change = -2 if spins & one else 2
        row = convert(couplings(matrix, first + k, first), fields)
        field = add(field, mul(row, broadcast(change, fields, 64)))
        # Only those above k: -2 << k, in words of 64 bits.
        todo &= (_NONE - _TWO) << np.uint64(k)
        accepted = bits_of(at_least(_falls(field, spins), least)) & todo
    return flipped


@part
def list_flips(first: int, flipped: np.uint64, spins: np.uint64, lane: int, flips: Any) -> None:
    """List the variables of a word that flip, `spins` being those before, in `flips`, int32[`FLIPS_SIZE`]."""
    up, down = np.int64(0), np.int64(DOWN)
    while flipped:
        k = lowest_bit(flipped)
        flipped &= flipped - _ONE
        # Both places are written and one is kept: no branch on a random bit.
        goes_down = np.int64((spins >> np.uint64(k)) & _ONE)
        flips[down] = first + k
        flips[up] = first + k
        up += np.int64(1) - goes_down
        down += goes_down
    flips[UP_COUNT], flips[DOWN_COUNT], flips[LANE] = up, down - DOWN, lane


@part
def pass_on(matrix: Any, fields: Any, flips: Any, lists: int) -> None:
    """Bring all fields up to date with the first `lists` lists of flips, each of one lane and of the same 64 variables.

    Tile by tile, so that all lists but one find the couplings in the first cache.
    """
    for first in range(0, BLOCK * matrix.shape[0], BLOCK):
        for a in range(lists):
            flip = flips[a]
            change = broadcast(0, fields, 64)
            for b in range(flip[UP_COUNT]):
                change = add(change, convert(couplings(matrix, flip[b], first), fields))
            for b in range(DOWN, DOWN + flip[DOWN_COUNT]):
                change = sub(change, convert(couplings(matrix, flip[b], first), fields))
            place = flip[LANE] * fields.shape[1] + first
            store(fields, place, add(load(fields, place, 64), add(change, change)))
    if to_itself(matrix) != 0:
        for a in range(lists):
            _leave_out_itself(fields[flips[a, LANE]], flips[a], to_itself(matrix))


@part
def _leave_out_itself(fields: Any, flip: Any, coupling: int) -> None:
    for b in range(flip[UP_COUNT]):
        fields[flip[b]] -= 2 * coupling
    for b in range(DOWN, DOWN + flip[DOWN_COUNT]):
        fields[flip[b]] += 2 * coupling


@part
def fresh_field(matrix: Any, i: int, spins: Any, lane: int, scratch: Any) -> float:
    """Return the field of variable i without its bias, from all spins of a lane; `scratch` has the matrix's type."""
    total = broadcast(0, matrix, 64)
    for word in range(spins.shape[1]):
        weight = couplings(matrix, i, 64 * word)
        total = add(total, select(mask_of(spins[lane, word], 64), weight, sub(broadcast(0, matrix, 64), weight)))
    store(scratch, 0, total)
    halves = add(load(scratch, 0, 32), load(scratch, 32, 32))
    store(scratch, 0, halves)
    store(scratch, 0, add(load(scratch, 0, 16), load(scratch, 16, 16)))
    field = 0.0
    for k in range(16):
        field += scratch[k]
    return field
