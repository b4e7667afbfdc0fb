"""What is wrong with JSON, in the words and under the codes that the service documented.

AZQ102: something is missing. AZQ103: something has the wrong type or value. AZQ104: the initial configuration is
wrong. AZQ105: the input can not be parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from kyanite.errors import ProviderError
from kyanite_providers.local.inflate import invalid

TOO_DEEP: Final = "the input is nested too deeply"
_PROBLEM_MAX: Final = 200
_AT: Final = re.compile(r"^(?P<problem>.*?)(?: - at `(?:key` in `)?\$(?P<path>.*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>\w+)`")
_BYTE: Final = re.compile(r"\(byte (?P<byte>\d+)\)")
_NOT_FINITE: Final = re.compile(rb"(?<=[:\[,\s])-?(?:NaN|Infinity)(?=[,\]}\s])")


def misfit(error: msgspec.ValidationError, prefix: str = "", shift: int = 0) -> ProviderError:
    """Say in the wire's words what the decoder found, with the whole path of the field.

    `prefix` is the path of what was decoded; where that was a part of a list, `shift` elements stand before it.
    """
    match = _AT.match(str(error))
    problem, path = (match["problem"], match["path"] or "") if match else (str(error), "")
    if shift:
        path = re.sub(r"^\[(\d+)\]", lambda index: f"[{int(index[1]) + shift}]", path)
    path = (prefix + path).removeprefix(".")[:_PROBLEM_MAX]
    if missing := _MISSING.match(problem):
        path = f"{path}.{missing['field']}".removeprefix(".")
        return invalid("AZQ102", path, "is missing")
    problem = (problem[:1].lower() + problem[1:_PROBLEM_MAX]).replace("`", "")
    return invalid("AZQ103", path or None, problem)


def malformed(
    error: msgspec.DecodeError,
    text: bytes | bytearray,
    read: Callable[[bytes], object],
    cut: tuple[int, int] = (0, 0),
) -> ProviderError:
    """Say what is wrong with text that is no JSON: a number that is not finite, by its path, else the place.

    `read` raises the error of a text that is JSON; from the place `cut[0]` on, the text stands
    `cut[1]` bytes further on in the input.
    """
    at = _BYTE.search(str(error))
    byte = int(at["byte"]) if at else 0
    # The decoder stops at the letter after a sign.
    literal = _NOT_FINITE.match(text, byte) or _NOT_FINITE.match(text, max(byte - 1, 0))
    said = _BYTE.sub(f"(byte {byte + cut[1] * (byte >= cut[0])})", str(error))
    if literal is not None:
        # JSON has no word for it, so the decoder can not say where it stands; it can once strings stand there instead.
        try:
            read(_NOT_FINITE.sub(b'"."', text))
        except ProviderError as found:
            return invalid("AZQ103", found.error.target, f"{literal[0].decode()} is not a finite number")
        except msgspec.ValidationError as found:
            return invalid("AZQ103", misfit(found).error.target, f"{literal[0].decode()} is not a finite number")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return invalid("AZQ105", None, said)
    return invalid("AZQ105", None, said)
