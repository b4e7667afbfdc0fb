"""What can be set, within which bounds, and what it is unless it is set."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from kyanite.config.secrecy import masked
from kyanite.core.backoff import CENTURY_S, Backoff, Seconds
from kyanite.core.job import Needs

GIB = 1 << 30

WORKSPACE = r"^(?!.*\.\.)[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?\Z"

Name = Annotated[
    str,
    Meta(pattern=WORKSPACE, description="a name of up to 128 letters, digits, '-', '_' and single '.' within"),
]
Folder = Annotated[str, Meta(min_length=1, description="the path of a folder")]
SmallBytes = Annotated[int, Meta(ge=0, le=1 << 20, description="a number of bytes from 0 to 1048576")]
Positive = Annotated[int, Meta(ge=1, description="a whole number of at least 1")]
Whole = Annotated[int, Meta(ge=0, description="a whole number of at least 0")]
Cores = Annotated[float, Meta(ge=0, description="a number of at least 0")]
PerSecond = Annotated[float, Meta(ge=0, description="a number of at least 0")]
Address = Annotated[
    str,
    Meta(
        pattern=r"^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])"
        r":(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])\Z",
        description='an address such as "127.0.0.1:8473", "[::1]:8473" or "0.0.0.0:8473"',
    ),
]
PublicUrl = Annotated[
    str,
    Meta(
        pattern=r"^(?:https?://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?)?\Z",
        description='an address such as "https://jobs.example.org", with nothing behind the host, or nothing',
    ),
]
MomentOrMore = Annotated[float, Meta(ge=0.1, le=CENTURY_S, description="seconds, from 0.1 to a century")]
MinuteOrMore = Annotated[float, Meta(ge=60, le=CENTURY_S, description="seconds, from 60 to a century")]


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
    providers: dict[str, dict[str, Any]] = {}

    def quota_of(self, workspace: str) -> QuotaSettings:
        """Return what a workspace may have: `quota`, with its own values in place of those."""
        own = asdict(self.workspaces.get(workspace, WorkspaceSettings()))
        return replace(self.quota, **{name: value for name, value in own.items() if value is not None})
