"""Atomic words between a running kernel and the threads around it.

A plain load in a loop would not do: LLVM hoists it out of the loop, and sinks a plain store. These are monotonic
atomics of 64 bits, which cost what a plain access costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kyanite_kernels.control import DEADLINE, STOP, Control
from kyanite_kernels.jit import part

if TYPE_CHECKING:
    from collections.abc import Callable

    from kyanite_kernels.ising.terms import Float64s

_Emitter: TypeAlias = "tuple[Any, Callable[..., Any]]"
_WORD = ir.IntType(64)
_WORD_BYTES = 8


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, value=arguments[0])
    place = builder.gep(array.data, [arguments[1]])
    return builder.bitcast(place, _WORD.as_pointer())


@intrinsic
def _load(_typing: Any, array: Any, index: Any) -> _Emitter:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = builder.load_atomic(_pointer(context, builder, signature, arguments), "monotonic", _WORD_BYTES)
        return builder.bitcast(word, ir.DoubleType())

    return types.float64(array, index), emit


@intrinsic
def _store(_typing: Any, array: Any, index: Any, value: Any) -> _Emitter:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = builder.bitcast(arguments[2], _WORD)
        builder.store_atomic(word, _pointer(context, builder, signature, arguments), "monotonic", _WORD_BYTES)
        return context.get_dummy_value()

    return types.void(array, index, value), emit


@part
def stopped(control: Control) -> bool:
    """Tell whether the run is to end: the host wishes it, or its time is over."""
    return bool(_load(control, STOP) != 0.0 or _load(control, DEADLINE) != 0.0)


@part
def tell(tally: Float64s, place: int, value: float) -> None:
    """Write `value` to `tally[place]`, float64, where another thread reads it while the kernel runs."""
    _store(tally, place, float(value))
