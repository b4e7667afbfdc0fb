"""A problem as the JSON document that solvers read, format `microsoft.qio.v2`, written and read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec
from anyio.lowlevel import checkpoint
from msgspec import Struct

from kyanite.gzipped import plain
from kyanite.optimization.term import SlcTerm, Term, TermBase

RUN_TERMS = 1_000
PIECE_BYTES = 128 * 1024
"""What is written in one go: some milliseconds of work."""


class Document:
    """A problem as it stands when this is made, written in pieces: all at once by `bytes()`, or as an async stream.

    The stream lets others run after each piece, and can be read again. Raises `ValueError` where a coefficient is not
    finite, and `TypeError` where something can not be written as JSON.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        terms: Iterable[TermBase],
        groups: Iterable[SlcTerm],
        initial: Mapping[Any, Any] | None = None,
    ) -> None:
        """Take down lists of the terms, so that terms which are added later stay out."""
        self._name = name
        self._kind = kind
        self._terms = list(terms)
        self._groups = list(groups)
        self._initial = initial

    @property
    def terms_count(self) -> int:
        """How many terms there are, counting those within squared groups."""
        return len(self._terms) + sum(len(group.terms) for group in self._groups)

    def __bytes__(self) -> bytes:
        return b"".join(self._fragments())

    def pieces(self) -> Iterator[bytes]:
        """Yield the document in pieces of `PIECE_BYTES` or somewhat more, and a rest."""
        waiting = bytearray()
        for fragment in self._fragments():
            waiting += fragment
            if len(waiting) >= PIECE_BYTES:
                yield bytes(waiting)
                waiting.clear()
        yield bytes(waiting)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces():
            yield piece
            await checkpoint()

    def _fragments(self) -> Iterator[bytes]:
        yield b'{"metadata":' + encoded({"name": self._name}) + b',"cost_function":{'
        yield head(self._kind, self._initial)
        yield b'"terms":'
        yield from _array(self._terms)
        if self._groups:
            yield b',"terms_slc":['
            for at, group in enumerate(self._groups):
                yield (b',{"c":' if at else b'{"c":') + _number(group) + b',"terms":'
                yield from _array(group.terms)
                yield b"}"
            yield b"]"
        yield b"}}"


def head(kind: str, initial: Mapping[Any, Any] | None) -> bytes:
    """Return the fields that stand before the terms, and the comma after them; version 1.1 has a configuration."""
    fields = {"version": "1.1" if initial else "1.0", "type": kind}
    if not initial:
        return encoded(fields)[1:-1] + b","
    return (
        encoded({**fields, "initial_configuration": {str(key): value for key, value in initial.items()}})[1:-1] + b","
    )


def elements(terms: Sequence[TermBase]) -> bytes:
    """Return terms as the elements of a JSON array, without its brackets."""
    written = encoded([_Row(term.c, term.ids) if type(term) is Term else term.to_dict() for term in terms])[1:-1]
    if b"null" in written:
        # JSON has no word for numbers that are not finite, and the encoder writes them so.
        for term in terms:
            _number(term)
    return written


def encoded(value: Any) -> bytes:
    """Return a value as JSON; what NumPy holds counts as the numbers that it stands for."""
    return _encoder.encode(value)


def read(content: str | bytes) -> Any:
    """Return the values of a JSON document, gzip undone. Raises `json.JSONDecodeError`, and `ValueError` for gzip that
    is damaged or holds more than 2 GiB, and for a document that is nested too deeply.
    """
    try:
        return _values(content if isinstance(content, str) else plain(content))
    except RecursionError as error:
        raise ValueError("the document is nested too deeply") from error


def _values(raw: str | bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except ValueError:
        # Says what is wrong in the words that Python's users know, or reads what is only nearly JSON, such as NaN.
        return json.loads(raw)


class _Row(Struct, gc=False):
    """A term on its way into JSON: half the time that a dictionary takes."""

    c: float
    ids: Any


def _array(terms: Sequence[TermBase]) -> Iterator[bytes]:
    for start in range(0, len(terms), RUN_TERMS):
        yield (b"," if start else b"[") + elements(terms[start : start + RUN_TERMS])
    yield b"]" if terms else b"[]"


def _number(term: TermBase) -> bytes:
    if isinstance(term.c, float) and not isfinite(term.c):
        raise ValueError(f"the coefficient of the term {term!r:.200} is not finite")
    return encoded(term.c)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r:.100} can not be written as JSON")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
