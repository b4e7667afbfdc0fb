"""What can be set, within which bounds, and what it is unless it is set."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from kyanite.config.kinds import (
    Address,
    Allowed,
    Command,
    Cores,
    Folder,
    MinuteOrMore,
    MomentOrMore,
    Name,
    NameOrNone,
    PerSecond,
    Port,
    Positive,
    PublicUrl,
    References,
    SmallBytes,
    Text,
    WebhookUrl,
    Whole,
)
from kyanite.config.secrecy import masked, without_path
from kyanite.core.backoff import Backoff, Seconds
from kyanite.core.job import Needs

GIB = 1 << 30

EventType = Literal[
    "Submitted",
    "Inspected",
    "Began",
    "CancelRequested",
    "Intended",
    "Checkpointed",
    "RetryScheduled",
    "Resumed",
    "Suspended",
    "Amended",
    "Succeeded",
    "Failed",
    "Cancelled",
]
FINAL_TYPES: tuple[EventType, ...] = ("Succeeded", "Failed", "Cancelled")
EventTypes = Annotated[
    tuple[EventType, ...], Meta(min_length=1, description='a list of types of events, such as ["Succeeded", "Failed"]')
]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of settings, which shows nobody a secret."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, masked((name,), getattr(self, name))) for name in self.__struct_fields__]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class StoreSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The job store. `synchronous = "NORMAL"` trades the last moments before a power cut for speed.

    An empty `url` is `jobs.sqlite` in the data folder.
    """

    url: str = ""
    synchronous: Literal["FULL", "NORMAL"] = "FULL"


class BlobSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Blob storage. Objects up to `inline_max_bytes` are kept in one SQLite file, larger ones as files.

    An empty `url` is the folder `blobs` in the data folder.
    """

    url: str = ""
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    inline_max_bytes: SmallBytes = 65_536


class QueueSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Waiting jobs: how many there may be, how many of a target in memory, and what a level of priority is worth."""

    waiting_max: Positive = 2_000_000
    window: Positive = 10_000
    age_per_level_s: Seconds = 60.0


class LimitSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds. 0 cores or bytes of memory mean all that the machine has."""

    cores: Cores = 0.0
    memory_bytes: Whole = 0
    gpus: Whole = 0
    input_max_bytes: Positive = 16 * GIB
    restarts_max: Whole = 3
    cancel_grace_s: Seconds = 10.0
    shutdown_grace_s: Seconds = 5.0
    progress_interval_s: Seconds = 0.1
    orphan_age_s: MinuteOrMore = 86_400.0

    def machine(self) -> Needs:
        """Return what jobs may occupy altogether."""
        cores = self.cores or float(len(os.sched_getaffinity(0)))
        memory_bytes = self.memory_bytes or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Needs(cores, memory_bytes, self.gpus)


class TlsSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The daemon's certificate, with those between it and its authority, and its private key: paths of PEM files.

    Both empty: no TLS.
    """

    certificate: str = ""
    key: str = ""


class QuotaSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one workspace may have: jobs that have not ended, bytes of blobs, submits, and readers of its events.

    0 bytes or 0 submits a second mean no bound.
    """

    open_jobs_max: Positive = 1_000_000
    stored_bytes_max: Whole = 0
    submits_per_s: PerSecond = 0.0
    event_streams_max: Positive = 10_000


class WorkspaceSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one workspace may have that is not as `quota` says; `None` is as it says."""

    open_jobs_max: Positive | None = None
    stored_bytes_max: Whole | None = None
    submits_per_s: PerSecond | None = None
    event_streams_max: Positive | None = None


class ServerSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The daemon, `kyanite serve`. Port 0 is any that is free; 0 requests a second mean no bound."""

    listen: Address = "127.0.0.1:8473"
    public_url: PublicUrl = ""
    drain_s: Seconds = 30.0
    keys_required: bool = False
    link_life_s: MinuteOrMore = 86_400.0
    request_patience_s: MomentOrMore = 300.0
    heartbeat_s: MomentOrMore = 15.0
    connections_max: Positive = 20_000
    requests_max: Positive = 1_000
    requests_per_s: PerSecond = 0.0
    tls: TlsSettings = TlsSettings()


class DeliverySettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How webhooks are delivered, and which addresses they may have.

    Unless `plain_http`, they begin with https://. Those of this machine and of private networks are refused but for
    what `allow` names: a host, an address, or a network such as "10.0.0.0/8". Before the n-th repetition, the n-th of
    `delays_s` goes by, shortened at random by up to a half; after the last, the event is a dead letter.
    """

    plain_http: bool = False
    allow: tuple[Allowed, ...] = ()
    ports: tuple[Port, ...] = (80, 443, 8443)
    timeout_s: MomentOrMore = 15.0
    at_once: Positive = 16
    delays_s: tuple[Seconds, ...] = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
    secret_life_s: Seconds = 86_400.0


class WebhookSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events are sent over HTTP: those of the types `on`, of jobs on one of `target`, with one of `tag`.

    `secrets` are one or, while one is replaced, two, each named as `{ env = "NAME" }` or `{ file = "/path" }`. An empty
    `workspace` is the one above. The URL's path may be as good as a secret, so what prints this shows none.
    """

    name: Name
    url: WebhookUrl
    secrets: References
    workspace: NameOrNone = ""
    on: EventTypes = FINAL_TYPES
    target: tuple[Text, ...] = ()
    tag: tuple[Text, ...] = ()
    name_prefix: str = ""
    payload: Literal["standard", "cloudevents"] = "standard"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, without_path(value) if name == "url" else value) for name, value in super().__rich_repr__()]

    @property
    def title(self) -> str:
        """What it is called."""
        return self.name


class HookSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that is run with events of the types `on`, of jobs on one of `target`, with one of `tag`.

    `run` is its program and the arguments, in which `{job.name}` and the like stand for what the event says. Without a
    `name` it has the program's; an empty `workspace` is the one above.
    """

    run: Command
    name: NameOrNone = ""
    workspace: NameOrNone = ""
    on: EventTypes = FINAL_TYPES
    target: tuple[Text, ...] = ()
    tag: tuple[Text, ...] = ()
    name_prefix: str = ""
    timeout_s: MomentOrMore = 60.0

    @property
    def title(self) -> str:
        """What it is called: its name, or else the program's file name, as far as that can be one."""
        letters = re.sub(r"\.{2,}|[^A-Za-z0-9._-]+", "-", PurePath(self.run[0]).name)
        return self.name or letters.lstrip("._-")[:128].rstrip(".") or "hook"


class LogSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Log lines, for the programs of this package; an embedding program configures `logging` itself."""

    style: Literal["console", "json"] = "console"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class TelemetrySettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the daemon tells other systems. `opentelemetry` makes a span of every job that has ended.

    That takes the extra `[otel]` and an exporter; OpenTelemetry's own variables say where to.
    """

    opentelemetry: bool = False


class Settings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. `providers` holds the keyword arguments of each provider, by entry-point name.

    A secret among them is `{"env": "NAME"}` or `{"file": "/path"}`, and read when the provider is made. `workspaces`
    holds what single workspaces may have, by name. The bounds are checked where settings are read (`load`, `resolve`);
    one made in code is taken as it is.
    """

    workspace: Name = "default"
    data_dir: Folder = "./.kyanite"
    store: StoreSettings = StoreSettings()
    blobs: BlobSettings = BlobSettings()
    queue: QueueSettings = QueueSettings()
    limits: LimitSettings = LimitSettings()
    retry: Backoff = Backoff()
    quota: QuotaSettings = QuotaSettings()
    workspaces: dict[Name, WorkspaceSettings] = {}
    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    delivery: DeliverySettings = DeliverySettings()
    webhooks: tuple[WebhookSettings, ...] = ()
    hooks: tuple[HookSettings, ...] = ()
    providers: dict[str, dict[str, Any]] = {}

    def quota_of(self, workspace: str) -> QuotaSettings:
        """Return what a workspace may have: `quota`, with its own values in place of those."""
        own = asdict(self.workspaces.get(workspace, WorkspaceSettings()))
        return replace(self.quota, **{name: value for name, value in own.items() if value is not None})


Outlet: TypeAlias = WebhookSettings | HookSettings


def namesakes(outlets: Sequence[Outlet], workspace: str = "") -> tuple[int, int] | None:
    """Return the indices of the first two of a workspace that are called the same; `None` if no two are.

    Those that name no workspace are of this one.
    """
    first: dict[tuple[str, str], int] = {}
    for index, outlet in enumerate(outlets):
        earlier = first.setdefault((outlet.workspace or workspace, outlet.title), index)
        if earlier != index:
            return earlier, index
    return None
