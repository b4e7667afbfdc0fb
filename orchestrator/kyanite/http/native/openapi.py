"""The OpenAPI 3.1 document, made of the table of operations and of the types that it names. Pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any, get_args

import msgspec
from msgspec import Struct

from kyanite.http.native.bodies import DEPTH_MAX
from kyanite.http.native.conditions import KEY_LENGTH_MAX, WAIT_MAX_S
from kyanite.http.native.documents import Job, Problem, Session
from kyanite.http.native.operation import EXAMPLES, PATTERNS, Operation, length_max

DESCRIPTION = f"""The daemon in its own words: jobs, targets, sessions and blobs of one workspace, which the key says.

Who may reach every workspace, by a key of scope `operate` or on loopback without any, names one by the header
`Kyanite-Workspace`.

Unknown parameters and unknown fields of a body are refused with 422. A body that is no blob has at most 4 MiB, and is
nested at most {DEPTH_MAX} deep. What is refused is answered with a problem after RFC 9457; its `code` is for programs.
Lists come in pages: `next` is the `cursor` of the page behind, which holds what was there when its turn comes."""

HEADERS = {
    "If-Match": ("Do it only if the entity tag is still this one.", {"type": "string"}),
    "If-None-Match": ("Answer 304 without a body if the entity tag is this one.", {"type": "string"}),
    "Prefer": (
        f"`wait=N`: answer when the job has ended, or after N seconds, at most {WAIT_MAX_S}.",
        {"type": "string"},
    ),
    "Idempotency-Key": (
        "Where there is no `job_id`, the id is made of this key, so that the same request again is the same job.",
        {"type": "string", "pattern": "^[!-~]+$", "maxLength": KEY_LENGTH_MAX},
    ),
    "Last-Event-ID": ("The `id` of the last event that the client has; it goes before `after`.", {"type": "string"}),
    "Range": ("`bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-LENGTH`: a part of the bytes.", {"type": "string"}),
    "Content-Type": ("The media type that is kept of the blob.", {"type": "string", "maxLength": 255}),
    "Content-Encoding": (
        "The encoding that is kept of the blob; the bytes stay as they are sent.",
        {"type": "string", "maxLength": 255},
    ),
}
"""What each header of a request asks for, and its schema."""

ANSWERS = {
    200: "This is it.",
    201: "It is new.",
    202: "It is taken note of.",
    204: "It is gone.",
    206: "This is the part of it.",
    304: "The client has it already.",
    400: "It is no HTTP, or a line of its head is too long, or the body is not what its headers say.",
    401: "No key, or none that is known.",
    403: "The key does not allow this.",
    404: "There is no such thing in this workspace.",
    408: "The body came too slowly.",
    409: "It can not be, as things stand.",
    410: "It is damaged: its content is not what was stored.",
    412: "It has changed since it was looked at.",
    413: "The body is too long.",
    416: "There is nothing in this range.",
    422: "The request is not valid; `field` names what is not.",
    429: "Too much at once; `Retry-After` says when to come back.",
    503: "Not now; `Retry-After` says when to come back.",
    507: "No space is left.",
}

_REFUSED = 400
_EMPTY, _LATER, _MADE = (204, 304), (429, 503), (200, 201)
_TAGGED = {"If-Match", "If-None-Match", "Idempotency-Key"}
_REF = "#/components/schemas/{name}"
_TIME = {"type": "string", "format": "date-time"}
_NAMED_BY: dict[Any, str] = {Job: "job_id", Session: "session_id"}
"""The parameter of a path that is the id of a record."""


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document, ready to be written as JSON."""
    types = list(dict.fromkeys(_types(operations)))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(types, schemas, strict=True))
    for kind in _structs(types):
        _complete(components, kind)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        about = _operation(operation, by_type)
        if links := _links(operation, operations):
            for status in _MADE:
                about["responses"][str(status)]["links"] = links
        paths.setdefault(operation.plain_path, {})[operation.method.lower()] = about
    refused = sorted({status for operation in operations for status in statuses(operation) if status >= _REFUSED})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kyanite", "version": version("kyanite"), "description": DESCRIPTION},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted((name, _legible(schema)) for name, schema in components.items())),
            "responses": {str(status): _refusal(status, by_type[Problem]) for status in refused},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "x-ms-quantum-api-key"},
            },
        },
        "security": [{"bearer": []}, {"header": []}],
    }


def summary(operation: Operation) -> str:
    """Return the first sentence of what an operation says of itself."""
    return description(operation).partition("\n\n")[0].partition(". ")[0].rstrip(".") + "."


def description(operation: Operation) -> str:
    """Return what an operation says of itself, a line for each paragraph."""
    text = inspect.getdoc(operation.handler) or ""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def statuses(operation: Operation) -> list[int]:
    """Return every status that an operation may answer, but for 500: those of its own, and those of all its kind."""
    named = operation.parameters.__struct_fields__ or operation.path_parameters
    sent = operation.body is not None or operation.uploads
    return sorted(
        {*operation.statuses, 400, 429, 503}
        | (set() if operation.scope is None else {401, 403})
        | ({422} if (sent or named) and not operation.unread else set())
        | ({408, 413} if sent else set())
        | (set() if operation.method == "GET" or operation.unread else {507})
    )


# Operations ---------------------------------------------------------------------------------------------------------


def _operation(operation: Operation, by_type: dict[Any, Any]) -> dict[str, Any]:
    about: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.path.split("/")[2] if operation.path.count("/") > 1 else "v1"],
        "summary": summary(operation),
        "description": description(operation),
        "parameters": [
            *_path_parameters(operation),
            *_query_parameters(operation),
            *(
                {"name": name, "in": "header", "description": HEADERS[name][0], "schema": HEADERS[name][1]}
                for name in operation.headers
            ),
        ],
        "responses": {str(status): _response(operation, status, by_type) for status in statuses(operation)},
    }
    if operation.scope is None:
        about["security"] = []
    else:
        about["x-kyanite-scope"] = operation.scope.name.lower()
    if operation.body is not None:
        about["requestBody"] = {
            "required": any(field.required for field in msgspec.structs.fields(operation.body)),
            "content": {"application/json": {"schema": by_type[operation.body], "example": operation.example_body}},
        }
    elif operation.uploads:
        about["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return about


def _path_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in operation.path_parameters:
        form = {"pattern": PATTERNS[name]} if name in PATTERNS else {"minLength": 1, "maxLength": length_max(name)}
        schema = {"type": "string", **form}
        yield {"name": name, "in": "path", "required": True, "schema": schema, "example": EXAMPLES[name]}


def _links(operation: Operation, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return what can be asked of the record that an operation makes, each with the parameter to be taken from it."""
    parameter = _NAMED_BY.get(operation.answer)
    if not set(_MADE) <= set(operation.statuses):
        return {}
    return {
        other.name: {"operationId": other.name, "parameters": {parameter: "$response.body#/id"}}
        for other in operations
        if other.path_parameters == [parameter]
    }


def _query_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    (_,), components = msgspec.json.schema_components([operation.parameters], ref_template=_REF)
    _complete(components, operation.parameters)
    for name, field in components[operation.parameters.__name__]["properties"].items():
        several = {"style": "form", "explode": True} if field.get("type") == "array" else {}
        yield {"name": name, "in": "query", "required": False, **several, "schema": _not_null(field)}


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that is left out where a field would be null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    kept = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    return {**kept, **choices[0]} if len(choices) == 1 else schema


def _response(operation: Operation, status: int, by_type: dict[Any, Any]) -> dict[str, Any]:
    if status >= _REFUSED:
        return {"$ref": f"#/components/responses/{status}"}
    about: dict[str, Any] = {"description": ANSWERS[status]}
    if status not in _EMPTY and operation.answer is not None:
        schema = {} if operation.answer is bytes else by_type[operation.answer]
        about["content"] = {operation.media: {"schema": schema} if schema else {}}
    if status != 204 and _TAGGED & set(operation.headers):
        about["headers"] = {"ETag": {"schema": {"type": "string"}}}
    return about


def _refusal(status: int, problem: dict[str, Any]) -> dict[str, Any]:
    about = {"description": ANSWERS[status], "content": {"application/problem+json": {"schema": problem}}}
    later = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return {**about, "headers": later} if status in _LATER else about


# Types --------------------------------------------------------------------------------------------------------------


def _types(operations: Sequence[Operation]) -> Iterator[Any]:
    yield Problem
    for operation in operations:
        for kind in (operation.body, operation.answer):
            if kind not in {None, bytes}:
                yield kind


def _structs(types: Sequence[Any]) -> list[type[Struct]]:
    """Return every record that the types are made of."""
    found: dict[type[Struct], None] = {}
    rest = list(types)
    while rest:
        kind = rest.pop()
        if isinstance(kind, type) and issubclass(kind, Struct):
            if kind not in found:
                found[kind] = None
                rest += [field.type for field in msgspec.structs.fields(kind)]
        else:
            rest += get_args(kind)
    return list(found)


def _complete(components: dict[str, Any], kind: type[Struct]) -> None:
    """Say of a record's schema what msgspec leaves out: which texts are times, and that bytes are base64."""
    schema = components.get(kind.__name__, {})
    for field in msgspec.structs.fields(kind):
        if field.type == datetime:
            schema["properties"][field.encode_name] = dict(_TIME)
        elif field.type == datetime | None:
            schema["properties"][field.encode_name]["anyOf"] = [dict(_TIME), {"type": "null"}]


def _legible(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose description has no indentation, and no reference to what clients do not see."""
    if "description" in schema:
        text = inspect.cleandoc(schema["description"])
        schema = {**schema, "description": re.sub(r"(?<!\n)\n(?!\n)", " ", text)}
    return schema
