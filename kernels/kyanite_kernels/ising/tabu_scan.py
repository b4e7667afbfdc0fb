"""The scan of a one-flip neighbourhood in words of 64 variables: vector instructions, one bit a variable.

A variable's change of the cost is its field while it is down (-1), and minus its field while it is up. The signs are
bits of `up`, and whether a variable may move is a bit of `free`, so that a word costs one load of its fields, one
masked subtraction and two minima. All functions work on fields of any type (int16, int32, float64); LLVM cuts the
vectors of 64 into registers of the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

_Emitter: TypeAlias = "tuple[Any, Callable[..., Any]]"
WORD: int = 64
_LANES = WORD


class _Words:
    """Emits the operations of one scan over fields of one type."""

    def __init__(self, context: Any, builder: Any, fields_type: Any) -> None:
        self.context = context
        self.builder = builder
        self.element = context.get_value_type(fields_type.dtype)
        self.vector = ir.VectorType(self.element, _LANES)
        self.is_float = isinstance(fields_type.dtype, types.Float)
        self.bytes = fields_type.dtype.bitwidth // 8
        self.highest = ir.Constant(
            self.element, float("inf") if self.is_float else 2 ** (fields_type.dtype.bitwidth - 1) - 1
        )

    def splat(self, value: Any) -> Any:
        single = self.builder.insert_element(
            ir.Constant(self.vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
        return self.builder.shuffle_vector(single, single, zeros)

    def _place(self, array: Any, offset: Any) -> Any:
        place = self.builder.gep(array.data, [offset])
        return self.builder.bitcast(place, self.vector.as_pointer())

    def load(self, array: Any, word: Any) -> Any:
        offset = self.builder.mul(word, ir.Constant(word.type, _LANES))
        return self.builder.load(self._place(array, offset), align=self.bytes)

    def store(self, array: Any, word: Any, value: Any) -> None:
        offset = self.builder.mul(word, ir.Constant(word.type, _LANES))
        self.builder.store(value, self._place(array, offset), align=self.bytes)

    def mask(self, array: Any, word: Any) -> Any:
        bits = self.builder.load(self.builder.gep(array.data, [word]))
        return self.builder.bitcast(bits, ir.VectorType(ir.IntType(1), _LANES))

    def changes(self, fields: Any, up: Any) -> Any:
        if self.is_float:
            negative = self.builder.fneg(fields)
        else:
            negative = self.builder.sub(ir.Constant(self.vector, None), fields)
        return self.builder.select(up, negative, fields)

    def lower(self, a: Any, b: Any) -> Any:
        compare = self.builder.fcmp_ordered if self.is_float else self.builder.icmp_signed
        return self.builder.select(compare("<", a, b), a, b)

    def sum(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b) if self.is_float else self.builder.add(a, b)

    def difference(self, a: Any, b: Any) -> Any:
        return self.builder.fsub(a, b) if self.is_float else self.builder.sub(a, b)

    def lowest(self, vector: Any) -> Any:
        # Halves against halves, down to one element.
        width = _LANES
        while width > 1:
            width //= 2
            index = ir.VectorType(ir.IntType(32), width)
            low = self.builder.shuffle_vector(vector, vector, ir.Constant(index, list(range(width))))
            high = self.builder.shuffle_vector(vector, vector, ir.Constant(index, list(range(width, 2 * width))))
            vector = self.lower(low, high)
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    def minima(self, up: Any, free: Any, first: Any, last: Any, fields_of: Callable[[Any], Any]) -> tuple[Any, Any]:
        """Emit the loop over words first..last-1; return the lowest change of the free, and of all."""
        best_free = cgutils.alloca_once_value(self.builder, self.splat(self.highest))
        best_all = cgutils.alloca_once_value(self.builder, self.splat(self.highest))
        with cgutils.for_range_slice(self.builder, first, last, ir.Constant(first.type, 1)) as (word, _):
            change = self.changes(fields_of(word), self.mask(up, word))
            kept = self.builder.load(best_free)
            lower = self.lower(change, kept)
            self.builder.store(self.builder.select(self.mask(free, word), lower, kept), best_free)
            self.builder.store(self.lower(change, self.builder.load(best_all)), best_all)
        return self.lowest(self.builder.load(best_free)), self.lowest(self.builder.load(best_all))


def _arrays(context: Any, builder: Any, signature: Any, arguments: Any, *places: int) -> list[Any]:
    return [context.make_array(signature.args[k])(context, builder, value=arguments[k]) for k in places]


@intrinsic
def minima(_typing: Any, fields: Any, up: Any, free: Any, first: Any, last: Any) -> _Emitter:  # noqa: ARG001
    """Return (lowest change among the free, lowest change of all) over the words first..last-1.

    The type's highest value (infinity) where there is none.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = _Words(context, builder, fields)
        of, ups, frees = _arrays(context, builder, signature, arguments, 0, 1, 2)
        pair = words.minima(ups, frees, arguments[3], arguments[4], lambda word: words.load(of, word))
        return context.make_tuple(builder, signature.return_type, pair)

    return types.UniTuple(fields.dtype, 2)(fields, up, free, types.intp, types.intp), emit


@intrinsic
def add_row_minima(
    _typing: Any,
    fields: Any,
    rows: Any,
    row: Any,  # noqa: ARG001
    sign: Any,  # noqa: ARG001
    up: Any,
    free: Any,
    last: Any,  # noqa: ARG001
) -> _Emitter:
    """Add row `row` of `rows` to `fields` (subtract it if `sign` is negative); return `minima` of words 0..last-1.

    Rows of `last` words lie one after another in one flat array.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = _Words(context, builder, fields)
        of, added, ups, frees = _arrays(context, builder, signature, arguments, 0, 1, 4, 5)
        last_word = arguments[6]
        first = ir.Constant(last_word.type, 0)
        begin = builder.mul(arguments[2], last_word)
        found = cgutils.alloca_once(builder, context.get_value_type(signature.return_type))

        def run(join: Callable[[Any, Any], Any]) -> None:
            def moved(word: Any) -> Any:
                total = join(words.load(of, word), words.load(added, builder.add(begin, word)))
                words.store(of, word, total)
                return total

            pair = words.minima(ups, frees, first, last_word, moved)
            builder.store(context.make_tuple(builder, signature.return_type, pair), found)

        down = builder.icmp_signed("<", arguments[3], ir.Constant(arguments[3].type, 0))
        with builder.if_else(down) as (falls, rises):
            with falls:
                run(words.difference)
            with rises:
                run(words.sum)
        return builder.load(found)

    return types.UniTuple(fields.dtype, 2)(fields, rows, types.intp, types.int64, up, free, types.intp), emit


@intrinsic
def word_matches(_typing: Any, fields: Any, up: Any, word: Any, change: Any) -> _Emitter:  # noqa: ARG001
    """Return uint64: bit k tells that variable k of `word` would change the cost by exactly `change`."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = _Words(context, builder, fields)
        of, ups = _arrays(context, builder, signature, arguments, 0, 1)
        changes = words.changes(words.load(of, arguments[2]), words.mask(ups, arguments[2]))
        compare = builder.fcmp_ordered if words.is_float else builder.icmp_signed
        equal = compare("==", changes, words.splat(arguments[3]))
        return builder.bitcast(equal, ir.IntType(64))

    return types.uint64(fields, up, types.intp, fields.dtype), emit


@intrinsic
def lowest_bit(_typing: Any, _word: Any) -> _Emitter:
    """Return the place of the lowest bit that is set in a uint64, as intp; 64 for 0."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.intp(types.uint64), emit
