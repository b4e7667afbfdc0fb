"""Vectors in compiled code: a fixed number of lanes in a local variable, and the few instructions kernels need.

A plain loop reaches a third of the speed: numba promotes narrow integers to 64 bits, and LLVM guards loops with checks
for overlapping arrays. Here each function is one LLVM operation on a vector of `lanes` elements, a power of two. LLVM
splits or packs it into the registers of the machine (AVX-512, AVX2, NEON), so results do not depend on the machine.
Vectors are local values: not arguments or results of entry points.

`kind` in a signature is the element type, given as a number class (`np.int8`), an array or a vector of that type.
`lanes` is a constant, or a vector with that many, or an array for as many of its elements as `VECTOR_BYTES` hold.
Offsets count elements from the start of a C-contiguous array of any shape. Nothing checks bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.errors import TypingError
from numba.extending import intrinsic, register_model

if TYPE_CHECKING:
    from collections.abc import Callable

_Emitter: TypeAlias = "tuple[Any, Callable[..., Any]]"

_WORD_BITS: Final = 64

VECTOR_BYTES: Final = 64
"""Width of the largest register worth planning for. Wider vectors work and are split."""


class Vector(types.Type):  # type: ignore[misc]
    """Numba's type of `lanes` elements of `dtype`; of booleans, a mask."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        """Name the type, by which numba compares."""
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"vector({dtype} x {lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Vector) -> None:
        element = manager.lookup(vector.dtype).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.lanes))


def _dtype(kind: Any) -> Any:
    return kind.instance_type if isinstance(kind, types.NumberClass) else kind.dtype


def _lanes(kind: Any) -> int:
    if isinstance(kind, types.IntegerLiteral):
        return int(kind.literal_value)
    return int(kind.lanes) if isinstance(kind, Vector) else VECTOR_BYTES * 8 // int(kind.dtype.bitwidth)


def _is_float(dtype: Any) -> bool:
    return isinstance(dtype, types.Float)


def _is_signed(dtype: Any) -> bool:
    return bool(getattr(dtype, "signed", False))


def _llvm_type(context: Any, vector: Vector) -> Any:
    return context.get_value_type(vector)


def _place(context: Any, builder: Any, array_type: Any, array: Any, offset: Any, vector: Any) -> Any:
    start = context.make_array(array_type)(context, builder, value=array).data
    return builder.bitcast(builder.gep(start, [offset]), vector.as_pointer())


def _splat(builder: Any, number: Any, vector: Any) -> Any:
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None))


def _element_bytes(dtype: Any) -> int:
    return max(1, int(dtype.bitwidth) // 8)


@intrinsic
def element(_typing: Any, array: Any, offset: Any) -> _Emitter:  # noqa: ARG001
    """Read one element of `array` at an `offset` from its start, sparing what numba does for negative indices."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = context.make_array(signature.args[0])(context, builder, value=arguments[0]).data
        return builder.load(builder.gep(start, [arguments[1]]))

    return array.dtype(array, types.intp), emit


@intrinsic(prefer_literal=True)
def load(_typing: Any, array: Any, offset: Any, lanes: Any) -> _Emitter:  # noqa: ARG001
    """Read `lanes` elements of `array` from `offset` on."""
    vector = Vector(array.dtype, _lanes(lanes))

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        llvm_type = _llvm_type(context, vector)
        place = _place(context, builder, signature.args[0], arguments[0], arguments[1], llvm_type)
        return builder.load(place, align=_element_bytes(vector.dtype))

    return vector(array, types.intp, lanes), emit


@intrinsic
def store(_typing: Any, array: Any, offset: Any, vector: Any) -> _Emitter:  # noqa: ARG001
    """Write `vector` into `array` from `offset` on; both have the same element type."""
    if array.dtype != vector.dtype or vector.dtype == types.boolean:
        msg = f"cannot store {vector} in {array}"
        raise TypingError(msg)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], arguments[0], arguments[1], arguments[2].type)
        builder.store(arguments[2], place, align=_element_bytes(vector.dtype))
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), emit


@intrinsic(prefer_literal=True)
def broadcast(_typing: Any, value: Any, kind: Any, lanes: Any) -> _Emitter:
    """Make a vector of `lanes` equal elements `value`, converted to the type `kind`."""
    vector = Vector(_dtype(kind), _lanes(lanes))

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.cast(builder, arguments[0], signature.args[0], vector.dtype)
        return _splat(builder, number, _llvm_type(context, vector))

    return vector(types.unliteral(value), kind, lanes), emit


def _elementwise(name: str, meaning: str, operate: Callable[[Any, Any, Any, Any], Any], *, mask: bool = False) -> Any:
    """Make the intrinsic `name(a, b)`: `operate(builder, dtype, a, b)` emits it, None where there is no such thing."""

    def elementwise(_typing: Any, a: Any, b: Any) -> _Emitter:
        if a != b or not isinstance(a, Vector):
            msg = f"{name} takes two vectors of one type, not {a} and {b}"
            raise TypingError(msg)

        def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return operate(builder, a.dtype, *arguments)

        return (Vector(types.boolean, a.lanes) if mask else a)(a, b), emit

    elementwise.__name__, elementwise.__doc__ = name, meaning
    return intrinsic(elementwise)


def _arithmetic(name: str) -> Callable[[Any, Any, Any, Any], Any]:
    def operate(builder: Any, dtype: Any, a: Any, b: Any) -> Any:
        return getattr(builder, f"f{name}" if _is_float(dtype) else name)(a, b)

    return operate


def _bitwise(name: str) -> Callable[[Any, Any, Any, Any], Any]:
    def operate(builder: Any, _dtype: Any, a: Any, b: Any) -> Any:
        return getattr(builder, name)(a, b)

    return operate


def _comparison(sign: str) -> Callable[[Any, Any, Any, Any], Any]:
    def operate(builder: Any, dtype: Any, a: Any, b: Any) -> Any:
        if _is_float(dtype):
            return builder.fcmp_ordered(sign, a, b)
        return builder.icmp_signed(sign, a, b) if _is_signed(dtype) else builder.icmp_unsigned(sign, a, b)

    return operate


def _extremum(sign: str) -> Callable[[Any, Any, Any, Any], Any]:
    compare = _comparison(sign)

    def operate(builder: Any, dtype: Any, a: Any, b: Any) -> Any:
        return builder.select(compare(builder, dtype, a, b), a, b)

    return operate


def _shift_right(builder: Any, dtype: Any, a: Any, b: Any) -> Any:
    return builder.ashr(a, b) if _is_signed(dtype) else builder.lshr(a, b)


add = _elementwise("add", "Return a + b, integers modulo 2^bits.", _arithmetic("add"))
sub = _elementwise("sub", "Return a - b, integers modulo 2^bits.", _arithmetic("sub"))
mul = _elementwise("mul", "Return a * b, integers modulo 2^bits.", _arithmetic("mul"))
div = _elementwise("div", "Return a / b, floats only.", _bitwise("fdiv"))
xor = _elementwise("xor", "Return a ^ b, integers and masks.", _bitwise("xor"))
both = _elementwise("both", "Return a & b, integers and masks.", _bitwise("and_"))
either = _elementwise("either", "Return a | b, integers and masks.", _bitwise("or_"))
shift_left = _elementwise("shift_left", "Return a << b, each b below the number of bits.", _bitwise("shl"))
shift_right = _elementwise("shift_right", "Return a >> b, with copies of the sign if signed.", _shift_right)
minimum = _elementwise("minimum", "Return the lower of a and b; b where a float is NaN.", _extremum("<"))
maximum = _elementwise("maximum", "Return the higher of a and b; b where a float is NaN.", _extremum(">"))
equal = _elementwise("equal", "Return the mask a == b, false for NaN.", _comparison("=="), mask=True)
at_least = _elementwise("at_least", "Return the mask a >= b, false for NaN.", _comparison(">="), mask=True)
above = _elementwise("above", "Return the mask a > b, false for NaN.", _comparison(">"), mask=True)


@intrinsic
def fma(_typing: Any, a: Any, b: Any, c: Any) -> _Emitter:
    """Return a * b + c, floats only, rounded once on every machine."""
    if not isinstance(a, Vector) or not _is_float(a.dtype) or not a == b == c:
        msg = f"fma takes three vectors of one floating type, not {a}, {b} and {c}"
        raise TypingError(msg)

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        vector = arguments[0].type
        name = f"llvm.fma.v{a.lanes}f{a.dtype.bitwidth}"
        fused = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
        return builder.call(fused, arguments)

    return a(a, b, c), emit


@intrinsic(prefer_literal=True)
def repeat(_typing: Any, bits: Any, kind: Any, lanes: Any) -> _Emitter:  # noqa: ARG001
    """Fill `lanes` elements of the type `kind` with an int32 again and again, which loads and spreads in one go."""
    vector = Vector(_dtype(kind), _lanes(lanes))
    words = Vector(types.int32, vector.lanes * int(vector.dtype.bitwidth) // 32)

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(_splat(builder, arguments[0], _llvm_type(context, words)), _llvm_type(context, vector))

    return vector(types.int32, kind, lanes), emit


@intrinsic
def select(_typing: Any, mask: Any, a: Any, b: Any) -> _Emitter:
    """Return a where the mask is set, else b."""
    if a != b or mask != Vector(types.boolean, a.lanes):
        msg = f"select takes a mask and two vectors of one type, not {mask}, {a} and {b}"
        raise TypingError(msg)

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return a(mask, a, b), emit


def _word_of_mask(builder: Any, mask: Any) -> Any:
    return builder.bitcast(mask, ir.IntType(mask.type.count))


@intrinsic
def any_of(_typing: Any, mask: Any) -> _Emitter:
    """Tell whether a mask is set anywhere."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = _word_of_mask(builder, arguments[0])
        return builder.icmp_unsigned("!=", word, word.type(0))

    return types.boolean(mask), emit


@intrinsic
def bits_of(_typing: Any, mask: Any) -> _Emitter:
    """Return a mask of at most 64 lanes as uint64, bit k for lane k."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = _word_of_mask(builder, arguments[0])
        return word if mask.lanes == _WORD_BITS else builder.zext(word, ir.IntType(_WORD_BITS))

    return types.uint64(mask), emit


@intrinsic(prefer_literal=True)
def mask_of(_typing: Any, bits: Any, lanes: Any) -> _Emitter:  # noqa: ARG001
    """Return the low `lanes` bits (at most 64) of a uint64 as a mask, bit k for lane k."""
    vector = Vector(types.boolean, _lanes(lanes))

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = arguments[0] if vector.lanes == _WORD_BITS else builder.trunc(arguments[0], ir.IntType(vector.lanes))
        return builder.bitcast(word, _llvm_type(context, vector))

    return vector(types.uint64, lanes), emit


def _conversion(source: Any, target: Any) -> str:
    if _is_float(source) and _is_float(target):
        return "fpext" if target.bitwidth > source.bitwidth else "fptrunc"
    if _is_float(target):
        return "sitofp" if _is_signed(source) else "uitofp"
    if _is_float(source):
        return "fptosi" if _is_signed(target) else "fptoui"
    if target.bitwidth < source.bitwidth:
        return "trunc"
    return "sext" if _is_signed(source) else "zext"


@intrinsic
def convert(_typing: Any, a: Any, kind: Any) -> _Emitter:
    """Return each element converted to the type `kind`.

    Narrower integers keep the low bits; floats lose their fraction and must lie within the integer's range.
    """
    vector = Vector(_dtype(kind), a.lanes)

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        if a.dtype.bitwidth == vector.dtype.bitwidth and _is_float(a.dtype) == _is_float(vector.dtype):
            return arguments[0]
        return getattr(builder, _conversion(a.dtype, vector.dtype))(arguments[0], _llvm_type(context, vector))

    return vector(a, kind), emit


@intrinsic
def bitcast(_typing: Any, a: Any, kind: Any) -> _Emitter:
    """Return the same bits as elements of the type `kind`, as wide as before or not (the lanes change then)."""
    dtype = _dtype(kind)
    vector = Vector(dtype, a.lanes * a.dtype.bitwidth // dtype.bitwidth)

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], _llvm_type(context, vector))

    return vector(a, kind), emit


@intrinsic
def spread(_typing: Any, mask: Any, kind: Any) -> _Emitter:
    """Return integers of the type `kind` with all bits set where the mask is set, else 0."""
    vector = Vector(_dtype(kind), mask.lanes)

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.sext(arguments[0], _llvm_type(context, vector))

    return vector(mask, kind), emit


@intrinsic
def lowest_bit(_typing: Any, word: Any) -> _Emitter:  # noqa: ARG001
    """Return the number of the lowest bit that is set in a uint64, 64 if none is."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), emit


@intrinsic
def saturate(_typing: Any, a: Any, kind: Any) -> _Emitter:
    """Return floats without their fraction as a signed type of 8 or 16 bits, cut off at its ends; floats as they are.

    The floats lie within 32-bit integers.
    """
    vector = Vector(_dtype(kind), a.lanes)

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        if _is_float(vector.dtype):
            return arguments[0]
        wide = ir.VectorType(ir.IntType(32), vector.lanes)
        value = builder.fptosi(arguments[0], wide)
        # Bounds from both sides and a truncation: LLVM makes it one instruction that saturates.
        half = 1 << (vector.dtype.bitwidth - 1)
        for sign, bound in ((">", -half), ("<", half - 1)):
            limit = ir.Constant(wide, [bound] * vector.lanes)
            value = builder.select(builder.icmp_signed(sign, value, limit), value, limit)
        return builder.trunc(value, _llvm_type(context, vector))

    return vector(a, kind), emit
