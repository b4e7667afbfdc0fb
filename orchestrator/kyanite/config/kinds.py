"""The types of single values: the bounds of each, and in words what it takes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from kyanite.core.backoff import CENTURY_S

WORKSPACE = r"^(?!.*\.\.)[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?\Z"

Name = Annotated[
    str,
    Meta(pattern=WORKSPACE, description="a name of up to 128 letters, digits, '-', '_' and single '.' within"),
]
NameOrNone = Annotated[
    str,
    Meta(
        pattern=rf"^(?:{WORKSPACE[1:-2]})?\Z",
        description="a name of up to 128 letters, digits, '-', '_' and single '.' within, or nothing",
    ),
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
Port = Annotated[int, Meta(ge=1, le=65_535, description="a port from 1 to 65535")]
Allowed = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9:._/-]{1,260}\Z", description="a host, an address, or a network of them")
]
Text = Annotated[str, Meta(min_length=1, description="text")]
WebhookUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^\s/?#@\\]+(?:[/?#]\S*)?\Z",
        max_length=2_048,
        description='a URL such as "https://example.org/jobs", without a password',
    ),
]
Reference = Annotated[
    dict[Literal["env", "file"], Text],
    Meta(min_length=1, max_length=1, description='a secret as { env = "NAME" } or { file = "/path" }'),
]
References = Annotated[
    tuple[Reference, ...],
    Meta(
        min_length=1,
        max_length=2,
        description='a list of one or two secrets, each { env = "NAME" } or { file = "/path" }',
    ),
]
Argument = Annotated[str, Meta(pattern=r"^[^\0]*\Z", description="text without a zero byte")]
Command = Annotated[
    tuple[Argument, ...],
    Meta(
        min_length=1,
        description='a list of a program and its arguments, such as ["notify-send", "--", "{job.name}"]',
    ),
]
