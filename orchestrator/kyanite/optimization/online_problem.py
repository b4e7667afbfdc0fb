"""A problem that is stored already: what is known of it is its address."""

from __future__ import annotations

from kyanite.optimization.problem import Problem
from kyanite.runtime.workspace import Workspace


class OnlineProblem:
    """A problem by the URI that `Problem.upload` returned. A solver takes it as it takes a problem."""

    def __init__(self, name: str, blob_uri: str) -> None:
        self.name = name
        self.uploaded_blob_uri = blob_uri

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} at {self.uploaded_blob_uri}>"

    async def download(self, workspace: Workspace) -> Problem:
        """Return the problem, read from the workspace, under this one's name. Raises `BlobMissing`."""
        return Problem.deserialize(await workspace.download(self.uploaded_blob_uri), self.name)
