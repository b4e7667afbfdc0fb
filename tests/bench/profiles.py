"""Where a profiled thread spent its time, by part of the program."""

from __future__ import annotations

import cProfile
import pstats
from collections import defaultdict
from pathlib import PurePath
from typing import Any, TypeAlias

Code: TypeAlias = tuple[str, int, str]
"""File, line and name of a function; the file of what is written in C is `~`."""

Entry: TypeAlias = tuple[int, int, float, float, dict[Code, Any]]
"""Calls, calls, own seconds, seconds with callees, and the same by caller: as `pstats` has it."""

WAITING = ("epoll", "select.select", "lock.acquire' of '_thread.lock")
RUNTIME = ("journal", "dispatcher", "lane", "runner", "execution", "submission", "envelope", "bus", "jobs", "job")


def shares(profile: cProfile.Profile) -> list[tuple[str, float]]:
    """Return the percentage of busy time of each part, largest first. C functions count for who calls them."""
    entries: dict[Code, Entry] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    spent: defaultdict[str, float] = defaultdict(float)
    for code, (_, _, own_s, _, callers) in entries.items():
        if code[0] != "~":
            spent[group(code[0])] += own_s
        elif not any(word in code[2] for word in WAITING):
            for caller, (_, _, caller_s, _) in callers.items():
                spent[_owner(caller, entries)] += caller_s
    busy_s = sum(spent.values())
    return [
        (name, 100 * part / busy_s)
        for name, part in sorted(spent.items(), key=lambda item: -item[1])
        if part > busy_s / 1_000
    ]


def group(file: str) -> str:
    """Return the part of the program that a file belongs to."""
    path = PurePath(file)
    parts = path.parts
    if "kyanite" in parts:
        inside = parts[len(parts) - parts[::-1].index("kyanite") :]
        if inside[0] == "runtime" and path.stem in RUNTIME:
            return f"runtime.{path.stem}"
        return "runtime, the rest" if inside[0] == "runtime" else inside[0].removesuffix(".py")
    if "bench" in parts:
        return "the measurement itself"
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    for package in ("asyncio", "concurrent"):
        if package in parts:
            return package
    return "standard library"


def _owner(code: Code, entries: dict[Code, Entry]) -> str:
    """Return whose time a call out of C is: the one's who called into C most."""
    for _ in range(4):
        if code[0] != "~":
            return group(code[0])
        callers = entries[code][4] if code in entries else {}
        if not callers:
            break
        code = max(callers, key=lambda caller: callers[caller][3])
    return "interpreter"
