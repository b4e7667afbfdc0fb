"""The k-local form as arrays: number types chosen from exact bounds, products by variable, and the state of the lanes.

A spin is a bit: of ising problems set where the spin is -1, so that a product of spins is -1 where the exclusive or of
their bits is set; of pubo problems set where x = 1, so that a product is 1 where all bits are set. Flipping variable i
changes the cost by `step * (2 p_i - odd_i)`, p_i = q_i where its bit is set and odd_i - q_i where not, and q_i is
`base_i` plus the weights of the products around i whose other members give a set bit. In units of the weights odd_i is
the parity of the sum of |weight| around i in ising problems (0 in pubo problems): p is an integer, of half the range.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kyanite_kernels.ising.forms.product_rows import Block, Chains, Rows, Whole, blocks_of, chains_of, rows_of, whole_of
from kyanite_kernels.ising.forms.weight_unit import weight_unit
from kyanite_kernels.ising.terms import Float64s, Int8s, Int64s, Terms

LANES: Final = 64
"""A block holds a multiple of this many lanes, one word of spins."""
TILE: Final = 64
"""Thresholds are drawn for up to so many variables at once: as many changes of the cost sum up within 16 bits."""

_INT8_MAX: Final = 127
_INT16_MAX: Final = 32767
_FLOAT32_SPAN: Final = 2.0**20
_TENTH: Final = 0.1
_MEMBERS_MAX: Final = 2**31
_TILE_ROWS: Final = 2**15
_WIDER: Final = {"b": np.int16, "h": np.int32, "f": np.float32}

Numbers: TypeAlias = NDArray[Any]
Float32s: TypeAlias = NDArray[np.float32]
Uint64s: TypeAlias = NDArray[np.uint64]


class ProductsForm(NamedTuple):
    """The problem in units; `base` has the type of the arithmetic: int8, int16 (both modulo 2^bits) or float32.

    `set_spin` is the spin of a set bit, `shift` is `odd / 2`, `tile` the number of variables between looks at the
    control block. `pairs`, `threes`, `fours` hold the products of degree 2, 3 and 4, `longer` all above, `whole` every
    product, linear ones too.
    """

    constant: float
    step: float
    of_bits: bool
    drifts: bool
    set_spin: int
    tile: int
    odd: Int8s
    shift: Float32s
    base: Numbers
    pairs: Rows
    threes: Rows
    fours: Rows
    longer: Chains
    whole: Whole


class ProductsState(NamedTuple):
    """Lanes in words of 64: lane k is bit k mod 64 of word k // 64.

    `bits` [words, n]; `energies` [words, 64] in steps, without the constant; `random` [words, 2, 32]: a generator for
    two neighbouring lanes; `sweeps` [1]: those since the energies were computed afresh. The rest is scratch: `scales`
    [64], `limits` [TILE, 64], and `rises` [64], of a type that holds the sum over a tile.
    """

    bits: Uint64s
    energies: Float64s
    random: Uint64s
    sweeps: Int64s
    scales: Float32s
    limits: Numbers
    rises: Numbers


def products_of(terms: Terms) -> ProductsForm | None:
    """Build the form; None where `terms` has squared groups, 2^31 members, or weights that float32 cannot resolve.

    Integer multiples of a unit become int8 or int16, exact. Other weights become float32, unless the largest change of
    the cost is more than 2^20 times what nine in ten weights exceed: rounding would drown those.
    """
    if terms.group_scale.size or terms.variable.size >= _MEMBERS_MAX:
        return None
    constant, blocks = blocks_of(terms)
    sizes = np.abs(np.concatenate([np.zeros(0), *(weight for _, weight in blocks.values())]))
    share = 1 if terms.kind == "pubo" else 2
    reach = _reach(blocks, terms.n)
    largest = max(float(reach.max(initial=0.0)), float(sizes.max(initial=0.0)))
    unit = weight_unit(sizes, largest, share * _INT16_MAX - 1)
    dtype: np.dtype[Any]
    if unit is None:
        if largest > _FLOAT32_SPAN * float(np.quantile(sizes, _TENTH, method="lower")):
            return None
        unit, dtype = float(np.exp2(np.ceil(np.log2(largest)))), np.dtype("f4")
        blocks = {degree: (members, weight / unit) for degree, (members, weight) in blocks.items()}
    else:
        dtype = np.dtype("i1" if largest / unit < share * _INT8_MAX - 0.5 else "i2")
        blocks = {degree: (members, np.rint(weight / unit)) for degree, (members, weight) in blocks.items()}
    return _form(terms, constant, unit, blocks, dtype)


def _reach(blocks: dict[int, Block], n: int) -> Float64s:
    # The sum of |weight| around each variable.
    return _around(n, {degree: (members, np.abs(weight)) for degree, (members, weight) in blocks.items()})


def _around(n: int, blocks: dict[int, Block]) -> Float64s:
    total = np.zeros(n)
    for members, weight in blocks.values():
        for column in members.T:
            total += np.bincount(column, weight, minlength=n)
    return total


def _form(terms: Terms, constant: float, unit: float, blocks: dict[int, Block], dtype: np.dtype[Any]) -> ProductsForm:
    n, of_bits, whole = terms.n, terms.kind == "pubo", dtype.kind == "i"
    odd = np.rint(_reach(blocks, n)) % 2 if whole and not of_bits else np.zeros(n)
    around = _around(n, {1: blocks[1]} if 1 in blocks else {}) if of_bits else _around(n, blocks)
    base = -around if of_bits else (odd + around) / 2
    # A set product of bits takes c off the rise c of setting x_i; one of spins changes sign, hence by its half 2 w.
    rows = {degree: (members, -weight) for degree, (members, weight) in blocks.items()}
    unweighted = {degree: (members, np.ones(len(members))) for degree, (members, _) in blocks.items()}
    step = unit / 2 if of_bits else 2 * unit
    return ProductsForm(
        constant=constant,
        step=step,
        of_bits=of_bits,
        drifts=not whole,
        set_spin=1 if of_bits else -1,
        tile=int(np.clip(_TILE_ROWS * n / max(1.0, _reach(unweighted, n).sum()), 1, TILE)),
        odd=odd.astype(np.int8),
        shift=(odd / 2).astype(np.float32),
        base=base.astype(np.int64).astype(dtype) if whole else base.astype(dtype),
        pairs=rows_of(n, rows, 2, dtype),
        threes=rows_of(n, rows, 3, dtype),
        fours=rows_of(n, rows, 4, dtype),
        longer=chains_of(n, {degree: block for degree, block in rows.items() if degree > 4}, dtype),
        whole=whole_of({degree: (m, weight * (unit / step)) for degree, (m, weight) in blocks.items()}),
    )


def products_state(form: ProductsForm, lanes: int) -> ProductsState:
    """Allocate `lanes` lanes, a multiple of `LANES`; `start_products` fills them."""
    words, dtype = lanes // LANES, form.base.dtype
    return ProductsState(
        bits=np.zeros((words, form.base.size), dtype=np.uint64),
        energies=np.zeros((words, LANES), dtype=np.float64),
        random=np.zeros((words, 2, LANES // 2), dtype=np.uint64),
        sweeps=np.zeros(1, dtype=np.int64),
        scales=np.zeros(LANES, dtype=np.float32),
        limits=np.zeros((TILE, LANES), dtype=dtype),
        rises=np.zeros(LANES, dtype=_WIDER[dtype.char]),
    )


def products_of_each_type() -> list[ProductsForm]:
    """Return a tiny form of each number type: int8, int16, float32. Whoever warms a kernel warms it with each."""
    forms = [
        products_of(Terms("ising", 2, np.array([1.0, coefficient]), np.array([0, 2, 3]), np.array([0, 1, 0])))
        for coefficient in (1.0, 1000.0, np.pi)
    ]
    return [form for form in forms if form is not None]
