"""Terms: a coefficient times a product of variables, or a coefficient times a squared sum of such."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, ClassVar, Self

_NUMBERS = frozenset("iuf")


def plain(value: Any) -> Any:
    """Return the Python number that a NumPy scalar stands for, and anything else as it is."""
    return value.item() if getattr(getattr(value, "dtype", None), "kind", None) in _NUMBERS else value


def coefficient(value: Any, parameter: str = "c") -> int | float:
    """Return a coefficient as a Python number; of something that holds numbers, the first.

    Raises `RuntimeError` where there is none, or where it is no number.
    """
    if value is None:
        raise RuntimeError("a term needs a coefficient: c is missing")
    # An array of no dimension says that it can be iterated, and can not.
    number = plain(value[0] if hasattr(value, "__iter__") and getattr(value, "ndim", None) != 0 else value)
    # By type and not by isinstance: True is no coefficient, and a subclass may not be written as a number.
    if type(number) is not int and type(number) is not float:
        raise RuntimeError(f"{parameter} must be an int, a float or a NumPy number, not {value!r:.100}")
    return number


class GroupType(str, Enum):  # noqa: UP042  # printed as in the SDK: with its class
    """What the terms given to `Problem.add_terms` are: single terms, or one squared sum."""

    combination = "na"
    squared_linear_combination = "slc"


class TermBase:
    """A constant, and what all terms share: a coefficient `c`. Raises `RuntimeError` if that is no number."""

    __slots__ = ("c",)
    __hash__: ClassVar[None]  # type: ignore[assignment]  # terms can be changed

    def __init__(self, c: Any = None) -> None:
        self.c = coefficient(c)

    @classmethod
    def from_dict(cls, obj: Mapping[str, Any]) -> Self:
        """Return the term that `to_dict` wrote."""
        return cls(c=obj.get("c"))

    def to_dict(self) -> dict[str, Any]:
        """Return the term as `microsoft.qio.v2` writes it."""
        return {"c": self.c}

    def evaluate(self, configuration: Mapping[int, Any]) -> float:
        """Return the term's value where the variables have these values, by id."""
        del configuration
        return self.c

    def reduce_by_variable_state(self, fixed_variables: Mapping[int, Any]) -> TermBase | None:
        """Return the term that is left where these variables have these values; `None` for zero."""
        del fixed_variables
        return TermBase(self.c) if self.c else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.to_dict() == other.to_dict()

    def __repr__(self) -> str:
        return str(self.to_dict())


class Term(TermBase):
    """The product `c * x_i * x_j * ...` of a coefficient and the variables in `indices`; without any, a constant.

    `w` is what `c` was called at first. Raises `RuntimeError` if the coefficient is missing or no number.
    """

    __slots__ = ("ids",)

    def __init__(self, indices: Any = None, w: Any = None, c: Any = None) -> None:  # no call before a million terms
        value = c if w is None else w
        if type(value) is not float and type(value) is not int:
            value = coefficient(value, "c" if w is None else "w")
        self.c = value
        self.ids = indices if type(indices) is list else _ids(indices)

    @classmethod
    def from_dict(cls, obj: Mapping[str, Any]) -> Self:
        """Return the term that `to_dict` wrote."""
        return cls(obj.get("ids"), None, obj.get("c"))

    def to_dict(self) -> dict[str, Any]:
        """Return the term as `microsoft.qio.v2` writes it."""
        return {"c": self.c, "ids": self.ids}

    def evaluate(self, configuration: Mapping[int, Any]) -> float:
        """Return the term's value where the variables have these values, by id. Raises `KeyError`."""
        product: float = 1 if len(self.ids) else 1.0
        try:
            for variable in self.ids:
                product *= configuration[variable]
        except KeyError as error:
            raise KeyError(f"the configuration has no value for variable {error.args[0]} of the term {self}") from None
        return product * self.c

    def reduce_by_variable_state(self, fixed_variables: Mapping[int, Any]) -> Term | None:
        """Return the term that is left where these variables have these values; `None` for zero."""
        free = []
        c = self.c
        for variable in self.ids:
            if variable not in fixed_variables:
                free.append(variable)
                continue
            c *= fixed_variables[variable]
            if c == 0:
                return None
        return Term(free, None, c)


def _ids(indices: Any) -> Any:
    if indices is None:
        return []
    return indices.tolist() if hasattr(indices, "tolist") else indices


class SlcTerm(TermBase):
    """The squared linear combination `c * (terms[0] + terms[1] + ...)^2`.

    Each of `terms` is linear or a constant, no two alike: else `ValueError`.
    """

    __slots__ = ("terms",)

    def __init__(self, terms: Iterable[Term], c: Any = 1.0) -> None:
        super().__init__(c)
        self.terms = list(terms)
        self.validate()

    def validate(self) -> None:
        """Raise `ValueError` unless the terms are linear, and no two of one variable, or constant."""
        seen: set[Any] = set()
        for term in self.terms:
            if len(term.ids) > 1:
                raise ValueError(f"a squared group takes linear terms, not {term}")
            variable = term.ids[0] if len(term.ids) else None
            if variable in seen:
                what = "constants" if variable is None else f"terms of variable {variable}"
                raise ValueError(f"a squared group takes two {what} as one")
            seen.add(variable)

    @classmethod
    def from_dict(cls, obj: Mapping[str, Any]) -> Self:
        """Return the term that `to_dict` wrote. Raises `KeyError` if a part is missing."""
        return cls([Term.from_dict(term) for term in obj["terms"]], obj["c"])

    def to_dict(self) -> dict[str, Any]:
        """Return the term as `microsoft.qio.v2` writes it."""
        return {"c": self.c, "terms": [term.to_dict() for term in self.terms]}

    def evaluate(self, configuration: Mapping[int, Any]) -> float:
        """Return the term's value where the variables have these values, by id. Raises `KeyError`."""
        total = 0.0
        for term in self.terms:
            total += term.evaluate(configuration)
        return self.c * (total * total)

    def reduce_by_variable_state(self, fixed_variables: Mapping[int, Any]) -> Term | SlcTerm | None:
        """Return the term that is left where these variables have these values; `None` for zero."""
        merged: dict[tuple[Any, ...], float] = {}
        for term in self.terms:
            left = term.reduce_by_variable_state(fixed_variables)
            if left is not None:
                ids = tuple(left.ids)
                merged[ids] = merged[ids] + left.c if ids in merged else left.c
        if not merged:
            return None
        if list(merged) == [()]:
            return Term([], None, self.c * (merged[()] * merged[()]))
        return SlcTerm([Term(list(ids), None, c) for ids, c in merged.items()], self.c)
