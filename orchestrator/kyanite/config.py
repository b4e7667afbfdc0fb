"""The configuration: what can be set, what it is unless it is set, and how a TOML file becomes it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from kyanite.core.backoff import Backoff
from kyanite.core.job import Needs
from kyanite.errors import ConfigError

GIB = 1 << 30


class StoreSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The job store. `synchronous = "NORMAL"` trades the last moments before a power cut for speed."""

    synchronous: Literal["FULL", "NORMAL"] = "FULL"


class BlobSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Blob storage. Objects up to `inline_max_bytes` are kept in one SQLite file, larger ones as files."""

    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    inline_max_bytes: int = 65_536


class QueueSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Waiting jobs: how many there may be, how many of a target in memory, and what a level of priority is worth."""

    waiting_max: int = 2_000_000
    window: int = 10_000
    age_per_level_s: float = 60.0


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds. 0 cores or bytes of memory mean all that the machine has."""

    cores: float = 0.0
    memory_bytes: int = 0
    gpus: int = 0
    input_max_bytes: int = 16 * GIB
    restarts_max: int = 3
    cancel_grace_s: float = 10.0
    shutdown_grace_s: float = 5.0
    progress_interval_s: float = 0.1
    orphan_age_s: float = 86_400.0

    def machine(self) -> Needs:
        """Return what jobs may occupy altogether."""
        cores = self.cores or float(len(os.sched_getaffinity(0)))
        memory_bytes = self.memory_bytes or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Needs(cores, memory_bytes, self.gpus)


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Log lines, for the programs of this package; an embedding program configures `logging` itself."""

    style: Literal["console", "json"] = "console"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. `providers` holds the keyword arguments of each provider, by entry-point name."""

    workspace: str = "default"
    data_dir: str = "./.kyanite"
    store: StoreSettings = StoreSettings()
    blobs: BlobSettings = BlobSettings()
    queue: QueueSettings = QueueSettings()
    limits: LimitSettings = LimitSettings()
    retry: Backoff = Backoff()
    log: LogSettings = LogSettings()
    providers: dict[str, dict[str, Any]] = {}


def load(path: str | Path) -> Settings:
    """Read a TOML file. Raises `ConfigError` naming the key that is unknown or of the wrong type."""
    try:
        return msgspec.convert(tomllib.loads(Path(path).read_text(encoding="utf-8")), Settings)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error
