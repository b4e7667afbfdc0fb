"""The house's own rules. Each takes a source and yields what breaks it, as (line, sentence)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath

Breach = tuple[int, str]
Rule = Callable[[str], Iterable[Breach]]

LINES_MAX = 400

# Spelled in two pieces: this file keeps the rules it states.
_REGISTRIES = ("pypi" + ".org", "python" + "hosted.org", "npm" + "js.", "ana" + "conda.org", "crates" + ".io")
_WORKPLACE = re.compile(r"(?<![\w.~-])/(?:" + "|".join(("wo" + "rk", "ho" + "me", "Us" + "ers")) + r")/\w")
_UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")

_VAGUE = {"manager", "helper", "util", "common", "base", "data", "info"}

_PURE = {
    *("__future__", "abc", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "enum"),
    *("fractions", "functools", "hashlib", "heapq", "itertools", "math", "numbers", "operator", "re"),
    *("statistics", "string", "textwrap", "types", "typing", "unicodedata"),
    *("msgspec", "kyanite.core"),
}
_CLOCK_READS = {"now", "utcnow", "today"}
_EFFECTS = {"open", "print", "input", "breakpoint"}

_CODE_FROM_INPUT = {"eval", "exec", "__import__"}
_CODE_LOADERS = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle"}
_UNSAFE_CALLS = {"yaml.load", "yaml.unsafe_load", "os.system"}


def words(text: str) -> Iterator[Breach]:
    """No package registry, no path of somebody's machine, nothing left for later."""
    for number, line in enumerate(text.splitlines(), 1):
        for host in _REGISTRIES:
            if host in line:
                yield number, f"names a package registry ({host})"
        if found := _WORKPLACE.search(line):
            yield number, f"names a path of one machine ({found.group()}...)"
        if found := _UNFINISHED.search(line):
            yield number, f"leaves something for later ({found.group()})"


def length(source: str) -> Iterator[Breach]:
    """A file that long is two nouns."""
    count = len(source.splitlines())
    if count > LINES_MAX:
        yield count, f"has {count} lines, more than {LINES_MAX}: split it by meaning"


def module_docstring(source: str) -> Iterator[Breach]:
    """Every module says what it is."""
    if ast.get_docstring(ast.parse(source)) is None:
        yield 1, "has no docstring"


def swallowed_errors(source: str) -> Iterator[Breach]:
    """No error vanishes: neither by an empty handler nor by suppressing every exception there is."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and all(_does_nothing(statement) for statement in node.body):
            yield node.lineno, "swallows an error"
        if isinstance(node, ast.Call) and _dotted(node.func) in {"suppress", "contextlib.suppress"}:
            for argument in node.args:
                if _dotted(argument) in {"Exception", "BaseException"}:
                    yield node.lineno, "suppresses every error"


def code_from_input(source: str) -> Iterator[Breach]:
    """Input is data, never code: no eval or exec, and no format that executes what it loads."""
    for node in ast.walk(ast.parse(source)):
        for name in _imported(node):
            if name.partition(".")[0] in _CODE_LOADERS:
                yield node.lineno, f"imports {name}"
        if not isinstance(node, ast.Call):
            continue
        called = _dotted(node.func)
        if called in _CODE_FROM_INPUT | _UNSAFE_CALLS:
            yield node.lineno, f"calls {called}"
        if any(keyword.arg == "allow_pickle" and not _is_false(keyword.value) for keyword in node.keywords):
            yield node.lineno, "allows pickles"


def impurity(source: str) -> Iterator[Breach]:
    """The core has no I/O, no clock and no randomness: the pure part of the standard library, and msgspec."""
    for node in ast.walk(ast.parse(source)):
        for name in _imported(node):
            if not any(name == pure or name.startswith(pure + ".") for pure in _PURE):
                yield node.lineno, f"imports {name}"
        if isinstance(node, ast.Call):
            called = _dotted(node.func)
            if called in _EFFECTS or ("." in called and called.rpartition(".")[2] in _CLOCK_READS):
                yield node.lineno, f"calls {called}"


def foreign_to_kernels(source: str, standard_library: frozenset[str]) -> Iterator[Breach]:
    """Kernels know arrays and the compiler (llvmlite is numba's own back end), nothing else to install."""
    allowed = standard_library | {"llvmlite", "numba", "numpy", "kyanite_kernels"}
    for node in ast.walk(ast.parse(source)):
        for name in _imported(node):
            if name.partition(".")[0] not in allowed:
                yield node.lineno, f"imports {name}"


def undocumented_port(source: str) -> Iterator[Breach]:
    """A contract is words: each public class and method of a port has its docstring."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        for item in (node, *node.body):
            documentable = isinstance(item, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            if documentable and not item.name.startswith("_") and ast.get_docstring(item) is None:
                yield item.lineno, f"{item.name} says nothing of its contract"


def vague_name(path: PurePath) -> Iterator[Breach]:
    """Files and folders are nouns of the domain."""
    for part in (*path.parts[:-1], path.stem):
        for word in part.lower().split("_"):
            if word in _VAGUE or word.removesuffix("s") in _VAGUE:
                yield 1, f"is named after nothing ({word})"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "."]
    return []


def _dotted(node: ast.expr) -> str:
    """The name as written, such as `os.path.join`; empty for what is no plain name."""
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else f"?.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _does_nothing(statement: ast.stmt) -> bool:
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
