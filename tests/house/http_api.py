"""The operations of the native API, for the page on it."""

from __future__ import annotations

from kyanite.http.native.openapi import summary
from kyanite.http.native.operations import OPERATIONS
from kyanite.http.native.page import openapi_json


def table() -> str:
    """Return the table of operations, in their order."""
    rows = [
        f"| `{operation.method} {operation.plain_path}` | {_scope(operation.scope)} | {summary(operation)} |"
        for operation in OPERATIONS
    ]
    return "\n".join(["| request | scope | |", "|---|---|---|", *rows])


def document() -> str:
    """Return the OpenAPI document."""
    return openapi_json().decode()


def _scope(scope: object) -> str:
    return "none" if scope is None else str(getattr(scope, "name", scope)).lower()
