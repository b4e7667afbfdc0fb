"""A command under the system call filter of a service: `python -m tests.house.syscalls UNIT COMMAND...`.

It does with libseccomp what systemd does with the lines SystemCallFilter, RestrictAddressFamilies and
MemoryDenyWriteExecute of the unit, and then becomes the command.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.house.unit import Unit, read

LIBRARY = "libseccomp.so.2"
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL, MASKED_EQUAL = 4, 7
WRITE, EXECUTE = 2, 4
NO_NEW_PRIVILEGES = 38
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17}


class Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp`."""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def allowed(unit: Unit) -> set[str]:
    """The names of the calls that the unit allows: sets that it names, and then without those that it takes away."""
    names: set[str] = set()
    for line in unit["Service"]["SystemCallFilter"]:
        if line.startswith("~"):
            names -= expanded(line[1:].split())
        else:
            names |= expanded(line.split())
    return names | expanded(["@default"])


def expanded(words: Iterable[str]) -> set[str]:
    """Calls, and those in sets of calls."""
    found: set[str] = set()
    for word in words:
        found |= expanded(members(word)) if word.startswith("@") else {word}
    return found


def members(name: str) -> list[str]:
    """What systemd has in a set."""
    command = ["systemd-analyze", "syscall-filter", "--no-pager", name]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.strip() for line in listing[1:] if line.strip() and not line.strip().startswith("#")]


def refused_families(unit: Unit) -> list[int]:
    """Those of the families known here that the unit does not name."""
    named = " ".join(unit["Service"]["RestrictAddressFamilies"]).split()
    return [number for name, number in FAMILIES.items() if name not in named]


class Filter:
    """One filter; several that are loaded hold together."""

    def __init__(self, library: ctypes.CDLL, otherwise: int) -> None:
        """Do this with calls that no rule is about."""
        self._library = library
        self._context = ctypes.c_void_p(library.seccomp_init(otherwise))

    def rule(self, action: int, name: str, *comparisons: Comparison) -> None:
        """Do this with a call if its arguments compare so; a call that this machine has not is passed over."""
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            these = (Comparison * len(comparisons))(*comparisons)
            add = self._library.seccomp_rule_add_array
            checked(add(self._context, ctypes.c_uint32(action), number, len(comparisons), these))

    def load(self) -> None:
        """Hold this process, and all that come from it, to the filter."""
        checked(self._library.seccomp_load(self._context))


def restrict(unit: Unit) -> None:
    """Hold this process, and all that come from it, to what the unit allows."""
    library = ctypes.CDLL(LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    checked(ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    refused, calls = Filter(library, ALLOW), Filter(library, ERRNO | errno.EPERM)
    for family in refused_families(unit):
        refused.rule(ERRNO | errno.EAFNOSUPPORT, "socket", Comparison(0, EQUAL, family, 0))
    if unit["Service"]["MemoryDenyWriteExecute"] == ["yes"]:
        both = WRITE | EXECUTE
        refused.rule(ERRNO | errno.EPERM, "mmap", Comparison(2, MASKED_EQUAL, both, both))
        refused.rule(ERRNO | errno.EPERM, "mprotect", Comparison(2, MASKED_EQUAL, EXECUTE, EXECUTE))
    for name in sorted(allowed(unit)):
        calls.rule(ALLOW, name)
    refused.load()
    calls.load()


def checked(result: int) -> None:
    """Raise what libseccomp returns."""
    if result < 0:
        raise OSError(-result, os.strerror(-result))


if __name__ == "__main__":
    restrict(read(Path(sys.argv[1])))
    os.execvp(sys.argv[2], sys.argv[2:])
