"""The forms in which Metropolis sweeps run, and one name for what each of them does.

`start`, `sweep`, `measure`, `spins` and `copy` called in a kernel go to the parts of the form that they are called
with, as an overload by its type: an algorithm is written once and compiled for each form. `kind_of` chooses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from numba.extending import overload

from kyanite_kernels.ising.arrays import Landscape
from kyanite_kernels.ising.forms import bits, dense, general, lanes, lanes_layout, products, solo
from kyanite_kernels.jit import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Float64s, Int8s, Int64s, Terms
    from kyanite_kernels.random_stream import Seed


class Kind(NamedTuple):
    """A form: how it is built, what its lanes come in, and its compiled parts.

    A block holds a multiple of `lanes` lanes, best `block` of them where there are many; `shared` neighbouring lanes
    have one beta. `swap` is there only where several lanes share one: else lanes exchange their betas instead.
    """

    name: str
    form_of: Callable[[Terms], Any]
    state: Callable[[Any, int], Any]
    lanes: int
    block: int
    shared: int
    start: Any
    sweep: Any
    measure: Any
    spins: Any
    copy: Any
    swap: Any = None


BITS: Final = Kind(
    "bits",
    bits.bits_of,
    bits.bits_state,
    bits.LANES,
    512,
    bits.SHARED,
    bits.start_bits,
    bits.sweep_bits,
    bits.measure_bits,
    bits.spins_bits,
    bits.copy_bits,
    bits.swap_bits,
)
LANES: Final = Kind(
    "lanes",
    lanes_layout.lanes_form_of,
    lanes_layout.lanes_state,
    lanes_layout.LANES,
    128,
    lanes.SHARED,
    lanes.start_lanes,
    lanes.sweep_lanes,
    lanes.measure_lanes,
    lanes.spins_lanes,
    lanes.copy_lanes,
)
PRODUCTS: Final = Kind(
    "products",
    products.products_of,
    products.products_state,
    products.LANES,
    128,
    products.SHARED,
    products.start_products,
    products.sweep_products,
    products.measure_products,
    products.spins_products,
    products.copy_products,
)
DENSE: Final = Kind(
    "dense",
    dense.dense_of,
    dense.dense_state,
    dense.LANES,
    32,
    dense.SHARED,
    dense.start_dense,
    dense.sweep_dense,
    dense.measure_dense,
    dense.spins_dense,
    dense.copy_dense,
)
SOLO: Final = Kind(
    "solo",
    solo.solo_of,
    solo.solo_state,
    solo.LANES,
    4,
    solo.SHARED,
    solo.start_solo,
    solo.sweep_solo,
    solo.measure_solo,
    solo.spins_solo,
    solo.copy_solo,
)
GENERAL: Final = Kind(
    "general",
    general.general_of,
    general.general_state,
    general.LANES,
    4,
    general.SHARED,
    general.start_general,
    general.sweep_general,
    general.measure_general,
    general.spins_general,
    general.copy_general,
)

_BY_FORM: Final = {
    bits.Bits: BITS,
    lanes_layout.LanesForm: LANES,
    products.ProductsForm: PRODUCTS,
    dense.Dense: DENSE,
    solo.Solo: SOLO,
    Landscape: GENERAL,
}


def start(form: Any, state: Any, seed: Seed, first: int, initial: Int8s) -> None:
    """Set lane r of `state` to `initial` (spins, or UNSET), at random where unset, as restart `first + r`."""
    raise NotImplementedError


def sweep(form: Any, state: Any, betas: Float64s, control: Control) -> bool:
    """Attempt every variable of every lane once, at the betas of the lanes; False if stopped on the way."""
    raise NotImplementedError


def measure(form: Any, state: Any, energies: Float64s) -> None:
    """Write the energy of each lane, constant included, to `energies`, float64[B]."""
    raise NotImplementedError


def spins(form: Any, state: Any, lane: int, out: Int8s) -> None:
    """Write the spins of a lane to `out`, int8[n]."""
    raise NotImplementedError


def copy(form: Any, from_state: Any, source: int, state: Any, target: int) -> None:
    """Make lane `target` of `state` a copy of lane `source` of `from_state`, but for its random stream."""
    raise NotImplementedError


def swap(form: Any, state: Any, lanes_a: Int64s, lanes_b: Int64s, count: int) -> None:
    """Exchange the first `count` pairs of lanes, where lanes share betas; do nothing elsewhere."""
    raise NotImplementedError


def _kind(form: Any) -> Kind:
    return _BY_FORM[form.instance_class]


# The lambdas are needed: numba wants a function of the overloaded one's signature, and a dispatcher is none.


@overload(start, jit_options=OPTIONS, strict=False)
def _start(form: Any, state: Any, seed: Any, first: Any, initial: Any) -> Any:  # noqa: ARG001
    do = _kind(form).start
    return lambda form, state, seed, first, initial: do(form, state, seed, first, initial)  # noqa: PLW0108


@overload(sweep, jit_options=OPTIONS, strict=False)
def _sweep(form: Any, state: Any, betas: Any, control: Any) -> Any:  # noqa: ARG001
    do = _kind(form).sweep
    return lambda form, state, betas, control: do(form, state, betas, control)  # noqa: PLW0108


@overload(measure, jit_options=OPTIONS, strict=False)
def _measure(form: Any, state: Any, energies: Any) -> Any:  # noqa: ARG001
    do = _kind(form).measure
    return lambda form, state, energies: do(form, state, energies)  # noqa: PLW0108


@overload(spins, jit_options=OPTIONS, strict=False)
def _spins(form: Any, state: Any, lane: Any, out: Any) -> Any:  # noqa: ARG001
    do = _kind(form).spins
    return lambda form, state, lane, out: do(form, state, lane, out)  # noqa: PLW0108


@overload(copy, jit_options=OPTIONS, strict=False)
def _copy(form: Any, from_state: Any, source: Any, state: Any, target: Any) -> Any:  # noqa: ARG001
    do = _kind(form).copy
    return lambda form, from_state, source, state, target: do(  # noqa: PLW0108
        form, from_state, source, state, target
    )


@overload(swap, jit_options=OPTIONS, strict=False)
def _swap(form: Any, state: Any, lanes_a: Any, lanes_b: Any, count: Any) -> Any:  # noqa: ARG001
    do = _kind(form).swap
    if do is None:
        return lambda form, state, lanes_a, lanes_b, count: None  # noqa: ARG005
    return lambda form, state, lanes_a, lanes_b, count: do(form, state, lanes_a, lanes_b, count)  # noqa: PLW0108
