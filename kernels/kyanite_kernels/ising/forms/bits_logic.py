"""Carry-save counting: vectors of words as binary digits, one number in each of their bits.

A number is a tuple of `PLANES` vectors, lowest digit first. Adders are put together when the code is made, so that
a group of words costs one full adder (two ternary instructions where the machine has them) a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic
from numpy.typing import NDArray

from kyanite_kernels.jit import OPTIONS
from kyanite_kernels.simd import Vector, both, broadcast, load, store, xor

if TYPE_CHECKING:
    from collections.abc import Callable

Uint64s: TypeAlias = NDArray[np.uint64]
Function = TypeVar("Function", bound="Callable[..., Any]")
_Emitter: TypeAlias = "tuple[Any, Callable[..., Any]]"

WIDTH: Final = 8
"""Words in a vector."""
PLANES: Final = 8
"""Binary digits of a number."""
WORDS: Final = Vector(types.uint64, WIDTH)
NUMBER: Final = types.UniTuple(WORDS, PLANES)

_NONE = np.uint64(0)
_MAJORITY_TABLE: Final = 0xE8


def bare(function: Function) -> Function:
    """Compile a part that makes no array and so counts no references: counting took half the time of a sweep."""
    return cast("Function", numba.njit(**OPTIONS, _nrt=False)(function))


def merged(function: Function) -> Function:
    """Compile a part that is always merged into its caller, as is due where vectors are passed."""
    return cast("Function", numba.njit(**OPTIONS, forceinline=True, _nrt=False)(function))


def _has_ternary() -> bool:
    if config.CPU_NAME or config.CPU_FEATURES:
        return "+avx512f" in (config.CPU_FEATURES or "")
    return bool(llvm.get_host_cpu_features().get("avx512f", False))


def _parity(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.xor(builder.xor(a, b), c)


def _majority(builder: Any, a: Any, b: Any, c: Any) -> Any:
    # LLVM finds one instruction for the parity, but two or three for this one.
    if _has_ternary():
        name = "llvm.x86.avx512.pternlog.q.512"
        signature = ir.FunctionType(a.type, [a.type] * 3 + [ir.IntType(32)])
        function = builder.module.globals.get(name) or ir.Function(builder.module, signature, name)
        return builder.call(function, [a, b, c, ir.IntType(32)(_MAJORITY_TABLE)])
    return builder.or_(builder.and_(a, b), builder.and_(c, builder.or_(a, b)))


def _add_up(builder: Any, digits: list[Any], words: list[Any], place: int) -> None:
    """Add `words`, each worth 2^place, to the number `digits`; what leaves the highest digit is lost."""
    while words and place < len(digits):
        carries = []
        # The digit last: it comes from the group before, the words are there already.
        words = [*words, digits[place]]
        while len(words) > 2:
            a, b, c, *words = words
            carries.append(_majority(builder, a, b, c))
            words.append(_parity(builder, a, b, c))
        if len(words) == 2:
            carries.append(builder.and_(*words))
            words = [builder.xor(*words)]
        digits[place] = words[0]
        words, place = carries, place + 1


@intrinsic
def majority(_typing: Any, a: Any, b: Any, c: Any) -> _Emitter:
    """Return the bits set in two or three of the vectors a, b, c."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _majority(builder, *arguments)

    return WORDS(a, b, c), emit


@intrinsic
def parity(_typing: Any, a: Any, b: Any, c: Any) -> _Emitter:
    """Return a ^ b ^ c."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _parity(builder, *arguments)

    return WORDS(a, b, c), emit


@intrinsic
def same(_typing: Any, a: Any, b: Any) -> _Emitter:
    """Return ~(a ^ b)."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.not_(builder.xor(*arguments))

    return WORDS(a, b), emit


@intrinsic
def opposite(_typing: Any, a: Any) -> _Emitter:
    """Return ~a."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.not_(arguments[0])

    return WORDS(a), emit


@intrinsic
def spread_digits(_typing: Any, digits: Any, at: Any) -> _Emitter:  # noqa: ARG001
    """Return the number whose digit k is the word `digits[at + k]` in all words of a vector."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole, index = context.get_value_type(WORDS), ir.IntType(32)
        array = context.make_array(signature.args[0])(context, builder, value=arguments[0])
        first = builder.gep(array.data, [arguments[1]])
        vectors = []
        for k in range(PLANES):
            word = builder.load(builder.gep(first, [index(k)]))
            vector = builder.insert_element(ir.Constant(whole, ir.Undefined), word, index(0))
            vectors.append(builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(index, WIDTH), None)))
        return context.make_tuple(builder, NUMBER, vectors)

    return NUMBER(digits, types.intp), emit


@intrinsic(prefer_literal=True)
def add_rows(
    _typing: Any,
    number: Any,
    place: Any,
    rows: Any,
    origin: Any,  # noqa: ARG001
    entry: Any,
    at: Any,  # noqa: ARG001
    count: Any,
) -> _Emitter:
    """Add to `number` the vectors of `rows` at `origin + entry[at]`, ... `origin + entry[at + count - 1]`.

    Each is worth 2^place; `place` and `count` are constants; entries count words.
    """
    place_value, count_value = place.literal_value, count.literal_value

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.get_value_type(WORDS)
        row_array = context.make_array(signature.args[2])(context, builder, value=arguments[2])
        entry_array = context.make_array(signature.args[4])(context, builder, value=arguments[4])
        index = ir.IntType(64)
        first = builder.gep(entry_array.data, [arguments[5]])
        start = builder.gep(row_array.data, [arguments[3]])
        words = []
        for k in range(count_value):
            offset = builder.sext(builder.load(builder.gep(first, [index(k)])), index)
            pointer = builder.bitcast(builder.gep(start, [offset]), whole.as_pointer())
            words.append(builder.load(pointer, align=8))
        digits = [builder.extract_value(arguments[0], k) for k in range(PLANES)]
        _add_up(builder, digits, words, place_value)
        return context.make_tuple(builder, NUMBER, digits)

    return NUMBER(number, place, rows, types.intp, entry, types.intp, count), emit


@intrinsic
def add_matching(_typing: Any, total: Any, number: Any, spin: Any, carry: Any) -> _Emitter:
    """Add to `total` the number, complemented where `spin` is 0, and the word `carry`: return the sum and its carry."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        total, number, spin, carry = arguments
        digits = []
        for k in range(PLANES):
            a, b = builder.extract_value(total, k), builder.extract_value(number, k)
            b = builder.not_(builder.xor(b, spin))
            digits.append(_parity(builder, a, b, carry))
            carry = _majority(builder, a, b, carry)
        return context.make_tuple(builder, result, [context.make_tuple(builder, NUMBER, digits), carry])

    result = types.Tuple([NUMBER, WORDS])
    return result(total, number, spin, carry), emit


@bare
def add_to(sums: Uint64s, first: int, end: int, number: Any) -> None:
    """Add `number` to the one that the rows first..end-1 of `sums` hold, lowest digit first; it must not overflow."""
    carry = broadcast(_NONE, np.uint64, WIDTH)
    for k, digit in enumerate(number):
        if first + k < end:
            place = (first + k) * WIDTH
            before = load(sums, place, WIDTH)
            store(sums, place, parity(before, digit, carry))
            carry = majority(before, digit, carry)
    for k in range(first + PLANES, end):
        before = load(sums, k * WIDTH, WIDTH)
        store(sums, k * WIDTH, xor(before, carry))
        carry = both(before, carry)
