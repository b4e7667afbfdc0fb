"""A problem that is written term by term, and never held as a whole."""

from __future__ import annotations

import sys
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Self
from uuid import uuid4

from anyio.lowlevel import checkpoint

from kyanite.optimization.document import RUN_TERMS, elements, encoded, head
from kyanite.optimization.problem import CONTAINER, JSON, Problem, ProblemType
from kyanite.optimization.term import Term
from kyanite.runtime.workspace import Workspace

_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class StreamingProblem:
    """A problem whose terms are written as they are added: a few compressed bytes a term are all that is kept of them.

    `upload` ends it and stores it in the workspace, with `stats` and `metadata` beside the terms; a solver then takes
    it as it takes a problem. Squared groups can not be streamed.
    """

    def __init__(
        self,
        workspace: Workspace,
        name: str = "Optimization Problem",
        terms: Sequence[Term] | None = None,
        init_config: Mapping[Any, Any] | None = None,
        problem_type: ProblemType = ProblemType.ising,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.workspace = workspace
        self.name = name
        self.id = uuid4().hex
        self.problem_type = problem_type
        self.init_config = init_config
        self.metadata = dict(metadata or {})
        self.uploaded_uri: str | None = None
        self.stats: dict[str, Any] = {
            "type": problem_type.name,
            "max_coupling": 0,
            "avg_coupling": 0,
            "min_coupling": sys.maxsize,
            "num_terms": 0,
        }
        self._couplings = 0
        self._compressor = zlib.compressobj(1, wbits=_GZIP_WINDOW)
        self._chunks: list[bytes] = []
        self._write(b'{"cost_function":{' + head(problem_type.name, init_config) + b'"terms":[')
        if terms:
            self.append(terms)

    @classmethod
    async def create(cls, workspace: Workspace, *args: Any, **kwargs: Any) -> Self:
        """Return a problem as the constructor does, which the SDK's asynchronous users could not call with terms."""
        return cls(workspace, *args, **kwargs)

    @property
    def uploaded_blob_uri(self) -> str | None:
        """Where the problem is stored, once it is."""
        return self.uploaded_uri

    async def add_term(self, c: Any, indices: Any) -> None:
        """Add the term `c` times the product of the variables in `indices`; see `add_terms`."""
        self.append([Term(indices, None, c)])

    async def add_terms(self, terms: Sequence[Term], c: float = 1) -> None:
        """Add terms. Raises `RuntimeError` once the problem is uploaded, `TypeError` for a squared group.

        `c` would be the weight of a group, and means nothing here.
        """
        del c
        for start in range(0, len(terms), RUN_TERMS):
            self.append(terms[start : start + RUN_TERMS])
            await checkpoint()

    def append(self, terms: Sequence[Term]) -> None:
        """Write some terms at once; raises as `add_terms` does, and then none of them is added."""
        if self.uploaded_uri is not None:
            raise RuntimeError(f"{self.name!r} is uploaded: no term can be added any more")
        for term in terms:
            if not isinstance(term, Term):
                raise TypeError(f"a {type(term).__name__} can not be streamed")
        if terms:
            self._write((b"," if self.stats["num_terms"] else b"") + elements(terms))
            self._count([len(term.ids) for term in terms])

    async def upload(
        self, workspace: Workspace | None = None, container_name: str = CONTAINER, blob_name: str | None = None
    ) -> str:
        """Store the problem in its workspace, and return its URI, which a solver's `submit` takes.

        Raises `RuntimeError` if no term was added, or if `workspace` is another one than it was made for.
        """
        if workspace is not None and workspace is not self.workspace:
            raise RuntimeError(f"{self.name!r} was made for another workspace")
        if self.uploaded_uri is None:
            self.uploaded_uri = await self.workspace.upload(
                self.content(), name=blob_name, container=container_name, content_type=JSON
            )
        return self.uploaded_uri

    def content(self) -> AsyncIterator[bytes]:
        """Return what a workspace is given to store. Raises `RuntimeError` if no term was added."""
        if not self.stats["num_terms"]:
            raise RuntimeError(f"{self.name!r} has no terms to upload")
        described = {key: str(value) for key, value in {**self.stats, **self.metadata}.items()}
        # On a copy: should storing fail, the problem can be uploaded once more.
        rest = self._compressor.copy()
        end = rest.compress(b']},"metadata":' + encoded({**described, "name": self.name}) + b"}") + rest.flush()
        return _stream([*self._chunks, end])

    async def download(self) -> Problem:
        """Return the problem as it was uploaded. Raises `RuntimeError` if it was not."""
        if self.uploaded_uri is None:
            raise RuntimeError(f"{self.name!r} can not be downloaded before it is uploaded")
        return Problem.deserialize(await self.workspace.download(self.uploaded_uri), self.name)

    def _write(self, plain: bytes) -> None:
        if compressed := self._compressor.compress(plain):
            self._chunks.append(compressed)

    def _count(self, couplings: Sequence[int]) -> None:
        stats = self.stats
        self._couplings += sum(couplings)
        stats["num_terms"] += len(couplings)
        stats["avg_coupling"] = self._couplings / stats["num_terms"]
        stats["max_coupling"] = max(stats["max_coupling"], *couplings)
        stats["min_coupling"] = min(stats["min_coupling"], *couplings)


async def _stream(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
        await checkpoint()
