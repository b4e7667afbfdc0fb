"""Logging: structlog over the standard library's logger `kyanite`, so that an embedding program stays in charge.

Nothing is configured on import. `configure` is for programs that have no logging of their own.
"""

from __future__ import annotations

import logging
import re
import sys
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger
    from structlog.typing import EventDict, Processor

SECRET_WORDS = (
    *("secret", "password", "passphrase", "token", "credential", "authorization", "signature", "sas"),
    *("api_key", "access_key", "account_key", "private_key", "connection_string"),
)
HIDDEN = "<hidden>"
SECRET_LENGTH_MIN = 4
"""Shorter ones stand in too many words to be looked for."""
_CREDENTIALS = r"(?<=://)[^/\s?#@]*:[^/\s@]+(?=@)"
_TOKENS = re.compile(r"kyc_[A-Za-z0-9_-]{32,}|wh(?:sec|sk)_[A-Za-z0-9+/_-]{16,}=*")
"""What lets in at `kyanite.http.callbacks`: there may be one for every job, too many to be kept here."""
_QUERY = r"(://[^\s?#'\"\\<>]*)\?[^\s'\"\\<>]*"
_secrets: set[str] = set()

JOB: ContextVar[tuple[str, str] | None] = ContextVar("kyanite_job", default=None)
"""Id and target of the job that the current code executes. Every log line names them."""

logging.getLogger("kyanite").addHandler(logging.NullHandler())


def name_job(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Add id and target of the job that is being executed; a structlog processor that others may use too."""
    job = JOB.get()
    if job is not None:
        event.setdefault("job_id", job[0])
        event.setdefault("target", job[1])
    return event


def hide_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Blank every value whose name says that it is a secret, and what `without_secrets` finds in the others."""
    for name, value in event.items():
        if any(word in name.lower() for word in SECRET_WORDS):
            event[name] = HIDDEN
        elif isinstance(value, str):
            event[name] = without_secrets(value)
    return event


def keep_secret(secret: str) -> None:
    """Have `without_secrets` know a secret of this process from now on."""
    if len(secret) >= SECRET_LENGTH_MIN:
        _secrets.add(secret)


def without_secrets(text: str) -> str:
    """Return a text as it may be stored and shown: secrets that are known and passwords in URLs hidden, queries cut.

    So are the tokens of callbacks and the secrets of webhooks, which their looks tell.
    """
    if "://" in text:
        text = re.sub(_CREDENTIALS, HIDDEN, re.sub(_QUERY, r"\1", text))
    if "kyc_" in text or "wh" in text:
        text = _TOKENS.sub(HIDDEN, text)
    for secret in tuple(_secrets):  # other threads may come to know more
        text = text.replace(secret, HIDDEN)
    return text


def _masked(_logger: Any, _method: str, line: Any) -> str:
    return without_secrets(line)


@cache
def logger() -> BoundLogger:
    """Return the logger of this library. structlog is imported at its first use: importing kyanite stays fast."""
    import structlog

    wrapped: BoundLogger = structlog.wrap_logger(
        logging.getLogger("kyanite"),
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return wrapped


def _shared() -> list[Processor]:
    import structlog

    return [
        structlog.contextvars.merge_contextvars,
        name_job,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]


def configure(style: str = "console", level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send log lines to `stream` (stderr), for people (`console`) or for programs (`json`)."""
    import structlog

    stream = stream or sys.stderr
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
                _masked,
            ],
        )
    )
    library = logging.getLogger("kyanite")
    library.handlers = [handler]
    library.setLevel(level.upper())
    library.propagate = False
