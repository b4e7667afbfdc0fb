"""The solver: a target and its parameters. What it sends is data; sending it is one call of the workspace."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NotRequired, Protocol, TypedDict

from kyanite.errors import UnknownTarget
from kyanite.logs import logger
from kyanite.optimization.document import Document
from kyanite.optimization.problem import ContentType, Problem, ProblemType
from kyanite.runtime.job import RESULTS_TIMEOUT_S, Job
from kyanite.runtime.workspace import Workspace

_GROUPED = {ProblemType.pubo_grouped, ProblemType.ising_grouped}


class Stored(Protocol):
    """A problem that lies in a workspace already: `OnlineProblem`, `StreamingProblem`, or anything like them."""

    name: str

    @property
    def uploaded_blob_uri(self) -> str | None:
        """Where it lies, or `None` if it does not yet."""
        ...


class Submission(TypedDict):
    """The arguments of `Workspace.submit`: either `input` or `input_data_uri` is among them."""

    target: str
    name: str
    input_data_format: str
    output_data_format: str
    input_params: dict[str, Any]
    input: NotRequired[bytes | Document]
    input_data_uri: NotRequired[str]


class Solver:
    """A target with the conventions of the QIO solvers, by name: parameters go into `params`, and none is added.

    `nested_params` puts them under the key `params` as Microsoft's targets want them, `force_str_params` sends each
    as text, and `provider_id` is for information. `average_queue_time` and `current_availability` are kept only.
    """

    SWEEPS_WARNING = 10_000
    TIMEOUT_WARNING = 600
    target_names: ClassVar[tuple[str, ...]] = ()

    def __init__(  # noqa: PLR0913, PLR0917  # the order of the SDK
        self,
        workspace: Workspace,
        name: str,
        provider_id: str = "Microsoft",
        input_data_format: str = "microsoft.qio.v2",
        output_data_format: str = "microsoft.qio-results.v2",
        nested_params: bool = True,  # noqa: FBT001, FBT002
        force_str_params: bool = False,  # noqa: FBT001, FBT002
        params: Mapping[str, Any] | None = None,
        content_type: ContentType | None = ContentType.json,
        *,
        average_queue_time: float | None = None,
        current_availability: str = "",
    ) -> None:
        self.workspace = workspace
        self.name = name
        self.provider_id = provider_id
        self.input_data_format = input_data_format
        self.output_data_format = output_data_format
        self.nested_params = nested_params
        self.force_str_params = force_str_params
        self.content_type = content_type
        self.average_queue_time = average_queue_time
        self.current_availability = current_availability
        self.params: dict[str, Any] = {"params": {}} if nested_params else {}
        self.set_params(**(params or {}))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r:.60}" for name, value in self._given.items())
        return f"<{type(self).__name__} on {self.name}: {given or 'no parameters'}>"

    # What is sent -----------------------------------------------------------------------------------------------------

    def submission(self, problem: str | Problem | Stored) -> Submission:
        """Return the arguments of `Workspace.submit` for this problem, or for the one stored under this URI.

        Whoever wants more of a job than a solver offers, such as a priority, submits them with that.

        Raises `ValueError` for what is neither, or what this solver can not solve.
        """
        submission = Submission(
            target=self.name,
            name="Optimization problem",
            input_data_format=self.input_data_format,
            output_data_format=self.output_data_format,
            input_params=_plain(self.params),
        )
        if isinstance(problem, Problem):
            self.check_valid_problem(problem)
            return {**submission, "name": problem.name, "input": problem.content()}
        if isinstance(problem, str):
            return {**submission, "input_data_uri": problem}
        if not hasattr(problem, "uploaded_blob_uri"):
            raise ValueError(f"problem must be a Problem, or the URI of one, not {problem!r:.100}")
        if problem.uploaded_blob_uri is None:
            raise ValueError(f"problem {problem.name!r} must be uploaded before it is submitted")
        return {**submission, "name": problem.name, "input_data_uri": problem.uploaded_blob_uri}

    def unserved(self, served: Iterable[str]) -> UnknownTarget:
        """Return the error for a workspace that serves these targets, and not this solver's."""
        known = sorted(served)
        solvers = [kind.__name__ for kind in _kinds(Solver) if not set(known).isdisjoint(kind.target_names)]
        classes = f", for {' and '.join(dict.fromkeys(solvers))}" if solvers else ""
        there = f"this workspace serves {', '.join(known) or 'none'}{classes}"
        return UnknownTarget(f"{self.name!r}, which {type(self).__name__} needs; {there}")

    async def submit(self, problem: str | Problem | Stored) -> Job:
        """Submit the problem, or the one stored under this URI, and return its job as it waits.

        Raises `ValueError` as `submission` does, `UnknownTarget` if nobody serves this solver's target, and what
        `Workspace.submit` raises.
        """
        try:
            return await self.workspace.submit(**self.submission(problem))
        except UnknownTarget as error:
            raise self.unserved(target.id for target in self.workspace.targets()) from error

    async def optimize(self, problem: str | Problem | Stored, timeout_secs: float = RESULTS_TIMEOUT_S) -> Any:
        """Submit the problem, wait for its job, and return the results; warn first if it may take long.

        Raises what `submit` raises, `TimeoutError` after `timeout_secs`, `JobFailed` and `JobCancelled`.
        """
        if not isinstance(problem, str):
            self.check_submission_warnings(problem)
        job = await self.submit(problem)
        logger().info("submitted", job_id=job.id, target=self.name)
        return await job.get_results(timeout_s=timeout_secs)

    # Parameters -------------------------------------------------------------------------------------------------------

    def set_one_param(self, name: str, value: Any) -> None:
        """Set a parameter of the job; `None` leaves it as it is."""
        if value is not None:
            self._given[name] = str(value) if self.force_str_params else value

    def set_params(self, **values: Any) -> None:
        """Set several parameters."""
        for name, value in values.items():
            self.set_one_param(name, value)

    def set_number_of_solutions(self, number_of_solutions: int) -> None:
        """Ask for so many solutions at most, best first; without this it is one."""
        self.set_one_param("number_of_solutions", number_of_solutions)

    @property
    def _given(self) -> dict[str, Any]:
        given: dict[str, Any] = self.params["params"] if self.nested_params else self.params
        return given

    # Checks -----------------------------------------------------------------------------------------------------------

    def supports_grouped_terms(self) -> bool:
        """Tell whether the target takes squared groups."""
        return False

    def check_valid_problem(self, problem: Problem) -> None:
        """Raise `ValueError` for a problem that the target can not solve."""
        if problem.problem_type in _GROUPED and not self.supports_grouped_terms():
            raise ValueError(f"problem type {problem.problem_type.name} is nothing that {self.name} takes")

    def check_submission_warnings(self, problem: Problem | Stored) -> None:
        """Warn of many sweeps over a large problem, and of a long timeout."""
        given = self._given if self.nested_params else {}
        sweeps, timeout = (_count(given.get(name)) for name in ("sweeps", "timeout"))
        if sweeps >= self.SWEEPS_WARNING and isinstance(problem, Problem) and problem.is_large():
            warnings.warn(f"{sweeps} sweeps over a large problem may take long", stacklevel=3)
        if timeout >= self.TIMEOUT_WARNING:
            warnings.warn(
                f"timeout is {timeout} seconds: if that was not meant, cancel the job and give it less", stacklevel=3
            )


def _kinds(kind: type[Solver]) -> Iterator[type[Solver]]:
    yield kind
    for special in kind.__subclasses__():
        yield from _kinds(special)


def _count(value: Any) -> int:
    """Return a parameter as a number; of what is none, the target will say so."""
    return int(value) if isinstance(value, int | float) or (isinstance(value, str) and value.isdecimal()) else 0


def _plain(value: Any) -> Any:
    """Return parameters as they can be written: NumPy's arrays and numbers as lists and numbers."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
