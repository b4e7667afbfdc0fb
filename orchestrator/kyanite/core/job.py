"""What a job and a target are: frozen records, Azure Quantum's model plus what the orchestrator itself must know."""

from __future__ import annotations

from datetime import datetime  # msgspec resolves the annotation at run time
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

# gc=False throughout: these records hold plain JSON values and can not be part of a cycle, and there are many of them.


class Status(StrEnum):
    """The five statuses of the model, spelled as the official clients compare them."""

    WAITING = "Waiting"
    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @classmethod
    def _missing_(cls, value: object) -> Status | None:
        """Accept any capitalisation, so that `status="succeeded"` reads naturally."""
        wanted = str(value).lower()
        return next((member for member in cls if member.value.lower() == wanted), None)

    @property
    def final(self) -> bool:
        """Whether this status never changes again."""
        return self in FINAL


FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


class ErrorData(Struct, gc=False, frozen=True, omit_defaults=True):
    """Why a job failed: a stable code for programs, a message for people, the field at fault if there is one."""

    code: str
    message: str
    target: str | None = None
    details: tuple[str, ...] = ()


class CostEvent(Struct, gc=False, frozen=True, omit_defaults=True, kw_only=True):
    """One line of a bill, as the model has it."""

    dimension_id: str
    dimension_name: str = ""
    measure_unit: str = ""
    amount_billed: float = 0.0
    amount_consumed: float = 0.0
    unit_price: float = 0.0


class CostEstimate(Struct, gc=False, frozen=True, omit_defaults=True):
    """What a provider says that a job cost."""

    currency_code: str
    estimated_total: float
    events: tuple[CostEvent, ...] = ()


class Needs(Struct, gc=False, frozen=True, omit_defaults=True):
    """What a job occupies of the machine while it executes: cores, bytes of memory, GPUs."""

    cores: float = 0.0
    memory_bytes: int = 0
    gpus: int = 0


class OnInterrupt(StrEnum):
    """What a restart does with a job of this target that was executing when the process died."""

    RERUN = "rerun"
    FAIL = "fail"


class Target(Struct, gc=False, frozen=True, kw_only=True):
    """A place where jobs run: its name, how many at once, and what each needs unless inspection says otherwise."""

    id: str
    provider_id: str
    slots: int = 64
    needs: Needs = Needs()
    inspects: bool = False
    on_interrupt: OnInterrupt = OnInterrupt.RERUN
    remote: bool = False
    """Whether a service elsewhere decides how a job ends once it has been submitted there: a request to cancel is then
    the service's to answer, and no grace time ends the job here."""
    input_data_format: str | None = None
    output_data_format: str | None = None
    description: str = ""


class JobDetails(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """One job: the model's fields first, then what the orchestrator keeps for itself.

    Only `kyanite.core.lifecycle.apply` makes a changed one. All times are aware and in UTC.
    """

    id: str
    name: str
    provider_id: str
    target: str
    container_uri: str
    input_data_uri: str
    input_data_format: str | None = None
    input_params: Any = field(default_factory=dict)
    output_data_uri: str | None = None
    output_data_format: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    priority: int = 0
    status: Status = Status.WAITING
    creation_time: datetime
    begin_execution_time: datetime | None = None
    end_execution_time: datetime | None = None
    cancellation_time: datetime | None = None
    cost_estimate: CostEstimate | None = None
    error_data: ErrorData | None = None
    additional_properties: dict[str, Any] = field(default_factory=dict)
    session_id: str | None = None
    traceparent: str | None = None
    """The trace that the submit was part of: the header of W3C Trace Context."""

    # Identity and order.
    workspace: str = "default"
    provider_spelt: str | None = None
    """How the provider's id was spelt at submit, if otherwise than its target has it."""
    version: int = 0
    """Counts this job's events: the key of every conditional write."""
    rank: float = 0.0
    """Queue order, lowest first: submission time in seconds less an allowance for each level of priority."""
    fingerprint: str = ""
    """Tells a repeated submit of the same job from a different job under the same id."""
    updated_time: datetime | None = None
    """Time of the last event; times in one job's log never decrease."""

    # Blobs.
    input_hash: str = ""
    input_size: int = 0
    output_hash: str | None = None
    output_size: int | None = None

    # Limits and progress through them.
    timeout_s: float | None = None
    attempts_max: int = 1
    attempt: int = 0
    """Executions begun, whatever for: names the output blob of each."""
    failures: int = 0
    """Attempts that ended in an error the provider called retryable."""
    interruptions: int = 0
    """Executions that a crash of the process cut short."""
    driving: bool = False
    """Whether a process was executing the job when the row was written."""
    not_before: datetime | None = None
    needs: Needs | None = None
    inspected: bool = False
    cancel_requested: bool = False

    # A remote execution's two durable notes.
    intent: str | None = None
    handle: Any = None

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.status in FINAL

    @property
    def container(self) -> str:
        """The start of the key of every blob that is the job's own."""
        return f"{self.workspace}/job-{self.id}"

    @property
    def foreign_input(self) -> str | None:
        """The input's URI when it lies in another job's container, which must then stay as long as this job."""
        return None if self.input_data_uri.startswith(self.container_uri + "/") else self.input_data_uri
