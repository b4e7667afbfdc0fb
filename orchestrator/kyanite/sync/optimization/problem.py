"""Problems whose way to storage and back blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from kyanite import optimization
from kyanite.optimization.document import RUN_TERMS
from kyanite.optimization.problem import CONTAINER, JSON, ProblemType
from kyanite.optimization.term import Term

if TYPE_CHECKING:
    from kyanite.sync.workspace import Workspace

# What blocks has another type than the coroutine function it stands for, and another workspace.
# mypy: disable-error-code="override, arg-type, assignment, misc, return-value"


class Problem(optimization.Problem):
    """`kyanite.optimization.Problem`, whose `upload` and `download` block."""

    def upload(
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
        uploaded = super().upload
        return workspace.call(lambda opened: uploaded(opened, container_name, blob_name))

    def download(self, workspace: Workspace) -> Self:
        """Return the problem as it was uploaded. Raises `RuntimeError` if it was not."""
        downloaded = super().download
        return workspace.call(downloaded)


class OnlineProblem(optimization.OnlineProblem):
    """`kyanite.optimization.OnlineProblem`, whose `download` blocks."""

    def download(self, workspace: Workspace) -> Problem:
        """Return the problem, read from the workspace, under this one's name. Raises `BlobMissing`."""
        return Problem.deserialize(workspace.download(self.uploaded_blob_uri), self.name)


class StreamingProblem(optimization.StreamingProblem):
    """`kyanite.optimization.StreamingProblem`, all of whose methods block."""

    workspace: Workspace

    def __init__(
        self,
        workspace: Workspace,
        name: str = "Optimization Problem",
        terms: Sequence[Term] | None = None,
        init_config: Mapping[Any, Any] | None = None,
        problem_type: ProblemType = ProblemType.ising,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(workspace, name, terms, init_config, problem_type, metadata)

    @classmethod
    def create(cls, workspace: Workspace, *args: Any, **kwargs: Any) -> Self:
        """Return a problem as the constructor does."""
        return cls(workspace, *args, **kwargs)

    def add_term(self, c: Any, indices: Any) -> None:
        """Add the term `c` times the product of the variables in `indices`; see `add_terms`."""
        self.append([Term(indices, None, c)])

    def add_terms(self, terms: Sequence[Term], c: float = 1) -> None:
        """Add terms. Raises `RuntimeError` once the problem is uploaded, `TypeError` for a squared group.

        `c` would be the weight of a group, and means nothing here.
        """
        del c
        for start in range(0, len(terms), RUN_TERMS):
            self.append(terms[start : start + RUN_TERMS])

    def upload(
        self, workspace: Workspace | None = None, container_name: str = CONTAINER, blob_name: str | None = None
    ) -> str:
        """Store the problem in its workspace, and return its URI, which a solver's `submit` takes.

        Raises `RuntimeError` if no term was added, or if `workspace` is another one than it was made for.
        """
        if workspace is not None and workspace is not self.workspace:
            raise RuntimeError(f"{self.name!r} was made for another workspace")
        if self.uploaded_uri is None:
            content = self.content()
            self.uploaded_uri = self.workspace.upload(
                content, name=blob_name, container=container_name, content_type=JSON
            )
        return self.uploaded_uri

    def download(self) -> Problem:
        """Return the problem as it was uploaded. Raises `RuntimeError` if it was not."""
        if self.uploaded_uri is None:
            raise RuntimeError(f"{self.name!r} can not be downloaded before it is uploaded")
        return Problem.deserialize(self.workspace.download(self.uploaded_uri), self.name)
