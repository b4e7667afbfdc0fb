"""The problem: terms to be minimised, what can be asked of them, and their way into a workspace and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from enum import Enum
from typing import Any, Self, cast

from kyanite.optimization import arrays
from kyanite.optimization.document import Document, read
from kyanite.optimization.term import GroupType, SlcTerm, Term, TermBase, plain
from kyanite.runtime.workspace import Workspace

CONTAINER = "qio-problems"
JSON = "application/json"
STREAMED_TERMS_MIN = 10_000
"""Writing fewer terms than this takes less time than an event loop would notice."""


class ProblemType(str, Enum):  # noqa: UP042  # printed as in the SDK: with its class
    """What values the variables have: 0 and 1 (pubo), or -1 and +1 (ising); grouped if there are squared groups.

    The wire carries the name.
    """

    pubo = "0"
    ising = "1"
    pubo_grouped = "2"
    ising_grouped = "3"


class ContentType(str, Enum):  # noqa: UP042  # as above
    """How the retired service had problems sent. Here they are sent as JSON either way."""

    json = JSON
    protobuf = "application/x-protobuf"


_GROUPED = {ProblemType.pubo: ProblemType.pubo_grouped, ProblemType.ising: ProblemType.ising_grouped}


class Problem:
    """A sum of terms to be minimised; `init_config` may say, by variable id, where the search begins.

    `terms` holds single terms and `terms_slc` squared groups; with such a group the type becomes the grouped one.
    By position, the arguments stand in the SDK's order, or the type before the terms: name, type, terms, `init_config`.
    """

    NUM_VARIABLES_LARGE = 2500
    NUM_TERMS_LARGE = 1_000_000

    def __init__(
        self,
        name: str | None = None,
        terms: Iterable[TermBase] | ProblemType | None = None,
        init_config: Mapping[Any, Any] | Iterable[TermBase] | None = None,
        problem_type: ProblemType | Mapping[Any, Any] = ProblemType.ising,
        content_type: ContentType | None = ContentType.json,
    ) -> None:
        if isinstance(terms, ProblemType):
            configuration = None if isinstance(problem_type, ProblemType) else problem_type
            problem_type = terms
            terms, init_config = cast("Iterable[TermBase] | None", init_config), configuration
        if not isinstance(problem_type, ProblemType):
            raise TypeError(f"problem_type must be a ProblemType, not {problem_type!r:.100}")
        if isinstance(terms, str):
            raise TypeError(f"terms must be a list of terms, not {terms!r:.100}")
        self.name = name or "Optimization problem"
        self.problem_type = problem_type
        self.init_config = cast("Mapping[Any, Any] | None", init_config)
        self.content_type = content_type
        self.uploaded_blob_uri: str | None = None
        self.uploaded_blob_params: tuple[Any, ...] | None = None
        self.terms: list[TermBase] = []
        self.terms_slc: list[SlcTerm] = []
        if terms:
            self._extend(terms)

    def __repr__(self) -> str:
        groups = f" and {len(self.terms_slc):,} squared groups" if self.terms_slc else ""
        return f"<{type(self).__name__} {self.name!r}: {self.problem_type.name}, {len(self.terms):,} terms{groups}>"

    # Terms ------------------------------------------------------------------------------------------------------------

    def add_term(self, c: Any, indices: Any) -> None:
        """Add the term `c` times the product of the variables in `indices`. Raises `RuntimeError` if c is no number."""
        self.terms.append(Term(indices, None, c))
        self.uploaded_blob_uri = None

    def add_terms(self, terms: Iterable[TermBase], term_type: GroupType = GroupType.combination, c: float = 1) -> None:
        """Add terms one by one, or, where `term_type` says so, as one squared group weighted by `c`."""
        if GroupType(term_type) is GroupType.combination:
            self._extend(terms)
        else:
            self._extend([SlcTerm(cast("Iterable[Term]", terms), c)])
        self.uploaded_blob_uri = None

    def add_slc_term(self, terms: Iterable[Any], c: float = 1) -> None:
        """Add one squared group: of terms, or of pairs of a coefficient and a variable or `None`, for a constant."""
        given = list(terms)
        if not all(isinstance(term, Term) for term in given):
            given = [Term([] if variable is None else [variable], None, weight) for weight, variable in given]
        self._extend([SlcTerm(given, c)])
        self.uploaded_blob_uri = None

    def get_terms(self, id: int) -> list[TermBase]:  # noqa: A002  # as the SDK has it
        """Return the terms and groups in which the variable occurs. Raises `LookupError` if there are no terms."""
        if not self.terms and not self.terms_slc:
            raise LookupError(f"{self.name!r} has no terms: add some, or download the problem")
        found: list[TermBase] = [term for term in self.terms if isinstance(term, Term) and id in term.ids]
        found += (group for group in self.terms_slc if any(id in term.ids for term in group.terms))
        return found

    def terms_from_npz(
        self,
        file_path: str,
        indices_column_names: Iterable[str] = arrays.IDS,
        c_column_name: str = arrays.C,
    ) -> list[Term]:
        """Return the terms in a NumPy `.npz` file: one array a factor, and one of coefficients. They are not added.

        Raises `FileNotFoundError`, and `ValueError` if the file holds other arrays than these.
        """
        return arrays.terms(file_path, tuple(indices_column_names), c_column_name)

    def is_valid_npz(
        self,
        files: Iterable[str],
        indices_column_names: Iterable[str] = arrays.IDS,
        c_column_name: str = arrays.C,
    ) -> bool:
        """Tell whether a `.npz` file that holds arrays of these names can be given to `terms_from_npz`."""
        return arrays.holds(files, indices_column_names, c_column_name)

    # Values -----------------------------------------------------------------------------------------------------------

    def evaluate(self, configuration: Mapping[Any, Any]) -> float:
        """Return the cost where the variables have these values; ids may be numbers or text.

        Raises `KeyError` for a variable without a value, `ValueError` for an id that is no number.
        """
        values = _by_id(configuration)
        return _sum(self.terms, values) + _sum(self.terms_slc, values)

    def set_fixed_variables(self, fixed_variables: Mapping[Any, Any]) -> Self:
        """Return the problem that is left where these variables have these values; this one stays as it is.

        What becomes constant is collected in one term. Raises `RuntimeError` if nothing is to be fixed.
        """
        if not len(fixed_variables):
            raise RuntimeError("fixed_variables must name one variable at least")
        values = _by_id(fixed_variables)
        left = copy(self)
        left.uploaded_blob_uri = left.uploaded_blob_params = None
        left.terms, left.terms_slc = [], []
        left.add_terms(_reduced([*self.terms, *self.terms_slc], values))
        left.init_config = None
        if self.init_config:
            left.init_config = {key: value for key, value in self.init_config.items() if int(key) not in values}
        return left

    def is_large(self) -> bool:
        """Tell whether solving may take long: `NUM_VARIABLES_LARGE` variables in `NUM_TERMS_LARGE` terms, or more."""
        if len(self.terms) + sum(len(group.terms) for group in self.terms_slc) < self.NUM_TERMS_LARGE:
            return False
        seen: set[Any] = set()
        for term in self._single_terms():
            seen.update(term.ids)
            if len(seen) >= self.NUM_VARIABLES_LARGE:
                return True
        return False

    # To the wire and back ---------------------------------------------------------------------------------------------

    def document(self) -> Document:
        """Return the problem as it stands now, ready to be written."""
        return Document(self.name, self.problem_type.name, self.terms, self.terms_slc, self.init_config)

    def content(self) -> bytes | Document:
        """Return what a workspace is given to store: bytes, or of a large problem a stream that lets others run."""
        document = self.document()
        return bytes(document) if document.terms_count < STREAMED_TERMS_MIN else document

    def serialize(self) -> str:
        """Return the problem as `microsoft.qio.v2`, which is JSON. Raises `ValueError` for an infinite coefficient."""
        return bytes(self.document()).decode()

    @classmethod
    def deserialize(
        cls, input_problem: str | bytes, name: str | None = None, content_type: ContentType | None = None
    ) -> Self:
        """Return the problem that `serialize` wrote, under `name` or its own; the JSON may be gzipped.

        Raises `json.JSONDecodeError`, `KeyError` if a part is missing or the type unknown, `TypeError` if one is of
        another type, `RuntimeError` for a coefficient that is no number, and `ValueError` for what is no problem, or
        protobuf, which is not read here.
        """
        if content_type is ContentType.protobuf or isinstance(input_problem, list):
            raise ValueError("input_problem must be JSON: protobuf is not read here")
        content = read(input_problem)
        if not isinstance(content, dict):
            raise ValueError(f"input_problem must be a JSON object, not {content!r:.100}")  # noqa: TRY004  # as the rest
        try:
            return cls._of(content, name)
        except (AttributeError, IndexError) as error:
            raise ValueError(f"input_problem is no problem: {error}") from error

    @classmethod
    def _of(cls, content: dict[str, Any], name: str | None) -> Self:
        function = content["cost_function"]
        problem = cls(
            (content.get("metadata") or {}).get("name") if name is None else name,
            [Term.from_dict(term) for term in function.get("terms", ())],
            problem_type=ProblemType[function["type"]],
        )
        problem.add_terms([SlcTerm.from_dict(group) for group in function.get("terms_slc", ())])
        problem.init_config = function.get("initial_configuration")
        if not isinstance(problem.init_config, Mapping | None):
            given = f"{problem.init_config!r:.100}"
            raise ValueError(f"initial_configuration must be a JSON object, not {given}")  # noqa: TRY004  # as the rest
        return problem

    async def upload(
        self,
        workspace: Workspace,
        container_name: str = CONTAINER,
        blob_name: str | None = None,
        container_uri: str | None = None,
    ) -> str:
        """Store the problem as a blob of the workspace, and return its URI, which a solver's `submit` takes.

        A name of its own is found where `blob_name` is not given. Uploading again what has not changed returns the
        URI there is. `container_uri` means nothing here.
        """
        del container_uri
        params = (workspace, container_name, blob_name)
        if self.uploaded_blob_uri is None or self.uploaded_blob_params != params:
            content = self.content()
            uri = await workspace.upload(content, name=blob_name, container=container_name, content_type=JSON)
            self.uploaded_blob_uri, self.uploaded_blob_params = uri, params
        return self.uploaded_blob_uri

    async def download(self, workspace: Workspace) -> Self:
        """Return the problem as it was uploaded. Raises `RuntimeError` if it was not."""
        if not self.uploaded_blob_uri:
            raise RuntimeError(f"{self.name!r} can not be downloaded before it is uploaded")
        return type(self).deserialize(await workspace.download(self.uploaded_blob_uri), self.name)

    def _extend(self, terms: Iterable[TermBase]) -> None:
        for term in terms:
            if isinstance(term, SlcTerm):
                self.terms_slc.append(term)
            else:
                self.terms.append(term)
        if self.terms_slc:
            self.problem_type = _GROUPED.get(self.problem_type, self.problem_type)

    def _single_terms(self) -> Iterator[Term]:
        yield from (term for term in self.terms if isinstance(term, Term))
        for group in self.terms_slc:
            yield from group.terms


def _by_id(values: Mapping[Any, Any]) -> dict[int, Any]:
    return {int(key): plain(values[key]) for key in values}


def _sum(terms: Iterable[TermBase], values: dict[int, Any]) -> float:
    # One after the other: from Python 3.12 on, `sum` rounds otherwise than it did, and than the SDK does.
    total: float = 0
    for term in terms:
        total += term.evaluate(values)
    return total


def _reduced(terms: Iterable[TermBase], values: dict[int, Any]) -> Iterator[TermBase]:
    """Yield what is left of each term, and last the sum of what became constant, unless it is zero."""
    constant: float = 0
    for term in terms:
        left = term.reduce_by_variable_state(values)
        if isinstance(left, Term) and not len(left.ids):
            constant += left.c
        elif left is not None:
            yield left
    if constant:
        yield Term([], None, constant)
