"""Solvers whose `submit` and `optimize` block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kyanite import optimization
from kyanite.errors import UnknownTarget
from kyanite.logs import logger
from kyanite.optimization.problem import Problem
from kyanite.optimization.solver import Stored
from kyanite.sync import availability
from kyanite.sync.job import DEFAULT_TIMEOUT, Job

if TYPE_CHECKING:
    from kyanite.sync.workspace import Workspace

# What blocks has another type than the coroutine function it stands for, and another workspace.
# mypy: disable-error-code="override, assignment"


class Solver(optimization.Solver):
    """`kyanite.optimization.Solver`, whose `submit` and `optimize` block. `refresh` asks how the target is."""

    workspace: Workspace

    def submit(self, problem: str | Problem | Stored) -> Job:
        """Submit the problem, or the one stored under this URI, and return its job as it waits.

        Raises `ValueError` as `submission` does, `UnknownTarget` if nobody serves this solver's target, and what
        `Workspace.submit` raises.
        """
        try:
            return self.workspace.submit(**self.submission(problem))
        except UnknownTarget as error:
            raise self.unserved(target.id for target in availability.served(self.workspace)) from error

    def optimize(self, problem: str | Problem | Stored, timeout_secs: float = DEFAULT_TIMEOUT) -> Any:
        """Submit the problem, wait for its job as `Job.get_results` does, and return the results.

        Warns first if it may take long. Raises what `submit` raises, `TimeoutError` after `timeout_secs`, `JobFailed`
        and `JobCancelled`.
        """
        if not isinstance(problem, str):
            self.check_submission_warnings(problem)
        job = self.submit(problem)
        logger().info("submitted", job_id=job.id, target=self.name)
        return job.get_results(timeout_secs=timeout_secs)

    def refresh(self) -> None:
        """Find out how the target is now. Raises `ValueError` if nobody serves it here."""
        availability.refresh(self)
