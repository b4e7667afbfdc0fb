"""The two pages that anybody may read: the OpenAPI document, and the same for people, as HTML without a script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from html import escape
from typing import Any

import msgspec
from aiohttp import web

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "code,pre{font:14px/1.5 ui-monospace,monospace}pre{background:#f4f4f4;padding:.8em;overflow:auto}"
    "h2{border-top:1px solid #ccc;padding-top:1em}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.2em .8em .2em 0;border-bottom:1px solid #eee}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#242424}a{color:#8bf}}"
)
_CSP = f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


async def openapi_document(request: web.Request) -> web.Response:
    """Return this interface as an OpenAPI 3.1 document."""
    del request
    return web.Response(body=openapi_json(), content_type="application/json", headers=_HEADERS)


async def docs_page(request: web.Request) -> web.Response:
    """Return this interface as a page for people: without scripts, and with nothing fetched from elsewhere."""
    del request
    return web.Response(body=docs_html(), content_type="text/html", charset="utf-8", headers=_HEADERS)


@cache
def openapi_json() -> bytes:
    """Return the OpenAPI document as JSON that people can read."""
    # Not above: the table names the handlers in this file.
    from kyanite.http.native import openapi
    from kyanite.http.native.operations import OPERATIONS

    return msgspec.json.format(msgspec.json.encode(openapi.document(OPERATIONS)), indent=2) + b"\n"


@cache
def docs_html() -> bytes:
    """Return the page for people."""
    return "".join(_page(msgspec.json.decode(openapi_json()))).encode()


def _page(document: dict[str, Any]) -> Iterator[str]:
    """Yield the page in pieces."""
    info, schemas = document["info"], document["components"]["schemas"]
    title = escape(f"{info['title']} {info['version']}")
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    yield f"<h1>{title}</h1>{_text(info['description'])}"
    yield '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>'
    described = [
        (method, path, about) for path, methods in document["paths"].items() for method, about in methods.items()
    ]
    yield "<ul>"
    for method, path, about in described:
        yield f'<li><a href="#{about["operationId"]}"><code>{method.upper()} {escape(path)}</code></a>: '
        yield f"{_inline(about['summary'])}</li>"
    yield "</ul>"
    for method, path, about in described:
        yield from _operation(method, path, about, document["components"]["responses"])
    yield "<h2>Records</h2>"
    for name, schema in schemas.items():
        yield f'<h3 id="{name}">{name}</h3>{_text(schema.get("description", ""))}'
        yield from _properties(schema)
    yield "</html>"


def _operation(method: str, path: str, about: dict[str, Any], problems: dict[str, Any]) -> Iterator[str]:
    yield f'<h2 id="{about["operationId"]}"><code>{method.upper()} {escape(path)}</code></h2>'
    yield _text(about["description"])
    scope = about.get("x-kyanite-scope")
    yield f"<p>Scope: {scope}.</p>" if scope else "<p>Asks for no key.</p>"
    rows = [
        (parameter["name"], parameter["in"], _type(parameter["schema"]), _inline(parameter.get("description", "")))
        for parameter in about["parameters"]
    ]
    if rows:
        yield "<table><tr><th>parameter<th>in<th>type<th></tr>"
        yield from (
            f"<tr><td><code>{name}</code><td>{where}<td>{kind}<td>{text}</tr>" for name, where, kind, text in rows
        )
        yield "</table>"
    for media, content in about.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body: <code>{media}</code> {_type(content.get('schema', {}))}</p>"
        if "example" in content:
            yield f"<pre>{escape(msgspec.json.format(msgspec.json.encode(content['example'])).decode())}</pre>"
    yield "<table><tr><th>answer<th><th></tr>"
    for status, named in about["responses"].items():
        response = problems[named["$ref"].rpartition("/")[2]] if "$ref" in named else named
        kinds = [
            f"<code>{media}</code> {_type(of.get('schema', {}))}" for media, of in response.get("content", {}).items()
        ]
        yield f"<tr><td>{status}<td>{_inline(response['description'])}<td>{' '.join(kinds)}</tr>"
    yield "</table>"


def _properties(schema: dict[str, Any]) -> Iterator[str]:
    if "enum" in schema:
        yield f"<p>One of {', '.join(f'<code>{escape(str(value))}</code>' for value in schema['enum'])}.</p>"
    if "properties" not in schema:
        return
    required = schema.get("required", ())
    yield "<table><tr><th>field<th>type<th></tr>"
    for name, field in schema["properties"].items():
        note = "" if name in required else "may be absent"
        yield f"<tr><td><code>{escape(name)}</code><td>{_type(field)}<td>{note}</tr>"
    yield "</table>"


def _type(schema: dict[str, Any]) -> str:
    """Return a schema in a few words, with links to the records."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(
        str(schema.get("format") or schema.get("contentEncoding") or schema.get("type") or schema.get("const") or "any")
    )


def _text(text: str) -> str:
    return "".join(f"<p>{_inline(paragraph)}</p>" for paragraph in text.split("\n\n") if paragraph)


def _inline(text: str) -> str:
    """Return text with what stands between backquotes as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
