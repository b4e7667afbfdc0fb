import json
import re
from html.parser import HTMLParser

import msgspec
import pytest

from kyanite.core.events import AnyEvent
from kyanite.http.native import documents, page
from kyanite.http.native.openapi import ANSWERS, HEADERS, document, statuses
from kyanite.http.native.operations import OPERATIONS
from kyanite.http.native.parameters import EventType
from tests.http.native.places import served

DOCUMENT = document(OPERATIONS)


def references(value):
    """Every reference in a document."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from [item] if name == "$ref" else references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_operation_is_described_once():
    described = {
        (method.upper(), path): about["operationId"]
        for path, methods in DOCUMENT["paths"].items()
        for method, about in methods.items()
    }
    assert described == {(operation.method, operation.plain_path): operation.name for operation in OPERATIONS}


def test_every_reference_leads_somewhere_and_nothing_is_there_for_nobody():
    found = set(references(DOCUMENT))
    for reference in found:
        place = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place
    named = {
        f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in DOCUMENT["components"][kind]
    }
    assert named == found


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_says_all_there_is_to_know(operation):
    about = DOCUMENT["paths"][operation.plain_path][operation.method.lower()]
    assert about["summary"].endswith(".")
    assert set(about["responses"]) == {str(status) for status in statuses(operation)} <= set(map(str, ANSWERS))
    assert [parameter["name"] for parameter in about["parameters"]] == [
        *operation.path_parameters,
        *operation.parameters.__struct_fields__,
        *operation.headers,
    ]
    assert set(operation.headers) <= HEADERS.keys()
    assert ("requestBody" in about) is (operation.body is not None or operation.uploads)
    assert about.get("security") == ([] if operation.scope is None else None)


def test_records_say_which_fields_there_always_are():
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["Job"]["required"]) == set(schemas["Job"]["properties"])
    assert schemas["Job"]["properties"]["creation_time"] == {"type": "string", "format": "date-time"}
    assert schemas["JobBody"]["required"] == ["target"]
    assert schemas["JobBody"]["additionalProperties"] is False
    assert "server-set" not in json.dumps(schemas)
    assert not {"status", "version", "creation_time", "workspace"} & schemas["JobBody"]["properties"].keys()


def test_types_of_events_are_those_there_are():
    assert [*EventType.__args__] == [*(kind.__name__ for kind in AnyEvent.__args__), "Progressed"]
    assert documents.Story.__struct_fields__ == ("items", "next")


class Links(HTMLParser):
    """What a page refers to, what it defines, and whether its tags are the harmless ones."""

    def __init__(self):
        super().__init__()
        self.links, self.places, self.tags = set(), set(), set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            assert name in {"href", "id", "lang", "charset"}, name
            (self.links if name == "href" else self.places).add(value)


async def test_the_pages_are_there_for_anybody():
    async with served() as (_, client):
        async with client.get("/v1/openapi.json") as answer:
            assert (answer.status, answer.content_type) == (200, "application/json")
            assert msgspec.json.decode(await answer.read()) == msgspec.json.decode(msgspec.json.encode(DOCUMENT))
        async with client.get("/v1/docs") as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            text = await answer.text()
            assert re.fullmatch(
                r"default-src 'none'; style-src 'sha256-[\w+/=]+'", answer.headers["Content-Security-Policy"]
            )
    found = Links()
    found.feed(text)
    assert {link.removeprefix("#") for link in found.links if link.startswith("#")} <= found.places
    assert {link for link in found.links if not link.startswith("#")} == {"openapi.json"}
    assert "script" not in found.tags
    assert "://" not in text.replace("https://hooks.example/", "")  # that of a body
    assert {operation.name for operation in OPERATIONS} <= found.places


def test_the_style_is_the_one_that_the_policy_allows():
    assert page.STYLE in page.docs_html().decode()


def test_what_is_made_says_what_can_be_asked_of_it():
    by_name = {about["operationId"]: about for methods in DOCUMENT["paths"].values() for about in methods.values()}
    for name, parameter, some in (
        ("submitJob", "job_id", {"getJob", "cancelJob", "deleteJob", "followJob", "getOutput"}),
        ("openSession", "session_id", {"getSession", "closeSession"}),
    ):
        for status in ("200", "201"):
            links = by_name[name]["responses"][status]["links"]
            assert some <= links.keys()
            for link in links.values():
                assert link["parameters"] == {parameter: "$response.body#/id"}
                needed = [each["name"] for each in by_name[link["operationId"]]["parameters"] if each.get("required")]
                assert needed == [parameter]
    assert sum("links" in answer for about in by_name.values() for answer in about["responses"].values()) == 4
