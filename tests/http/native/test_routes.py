"""What holds for every operation of the table, whatever it does."""

import asyncio
from io import BytesIO

import pytest
from msgspec.structs import replace
from yarl import URL

from kyanite.config import ServerSettings
from kyanite.http.native.deliveries import DELIVERIES
from kyanite.http.native.openapi import statuses
from kyanite.http.native.operations import OPERATIONS
from kyanite.http.scopes import Scope
from tests.http.native.places import answered_with, asked, offering, refused, served, serving, submitted
from tests.runtime.places import settings

EVERY = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)

IN_PATHS = [operation for operation in OPERATIONS if operation.path_parameters and operation.name != "callBack"]


def called(operation):
    """What a client sends."""
    body = operation.example_body
    sent = {} if body is None else {"data": body} if operation.uploads else {"json": body}
    return operation.method, operation.example_path, sent


@EVERY
async def test_it_is_answered_as_the_table_says(operation):
    async with served() as (_, client):
        method, path, sent = called(operation)
        async with client.request(method, path, **sent) as answer:
            assert answer.status in statuses(operation)
            expected = operation.media if answer.status < 400 else "application/problem+json"
            if answer.status != 204:
                assert answer.content_type == expected


@EVERY
async def test_it_reads_no_parameter_but_its_own(operation):
    async with served() as (_, client):
        method, path, sent = called(operation)
        if operation.unread:
            await refused(client, 404, "CallbackNotFound", method, path, params={"unheard-of": "1"}, **sent)
            return
        problem = await refused(client, 422, "InvalidRequest", method, path, params={"unheard-of": "1"}, **sent)
        assert problem["field"] == "unheard-of"


@EVERY
async def test_it_reads_no_field_but_its_own(operation):
    async with served() as (_, client):
        if operation.body is None:
            assert operation.example_body is None or operation.uploads
            return
        method, path, sent = called(operation)
        for name in ("unheard_of", "id", "status", "creation_time", "error_data", "workspace", "version"):
            problem = await refused(client, 422, "InvalidRequest", method, path, json={**sent["json"], name: None})
            assert problem["field"] == name
        await refused(client, 422, "InvalidRequest", method, path, data=b"[" * 101 + b"]" * 101)
        await refused(client, 413, "RequestBodyTooLarge", method, path, data=BytesIO(b" " * ((4 << 20) + 1)))


@EVERY
async def test_no_other_method_is_for_its_path(operation):
    async with served() as (_, client):
        there = {method for other in OPERATIONS if other.path == operation.path for method in other.methods}
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - there:
            status, headers, problem = await asked(client, method, operation.example_path)
            assert (status, set(headers["Allow"].split(","))) == (405, there)
            assert method == "HEAD" or problem["code"] == "MethodNotAllowed"


@EVERY
def test_it_says_who_may(operation):
    assert (operation.scope in {Scope.SUBMIT, Scope.ADMIN}) is (
        (operation.method != "GET" and not operation.unread) or operation.name == "listKeys" or operation in DELIVERIES
    )
    assert not operation.takes_work or operation.scope is Scope.SUBMIT


def test_names_and_requests_are_told_apart():
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({(operation.method, operation.plain_path) for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("path", ["/v1/", "/v1/nothing", "/v1/jobs/", "/v1/jobs/a/nothing", "/v1/jobs/a/cancel/"])
async def test_there_is_nothing_at_another_path(path):
    async with served() as (_, client):
        await refused(client, 404, "NotFound", "GET", path)


@pytest.mark.parametrize("operation", IN_PATHS, ids=lambda operation: operation.name)
async def test_parts_of_a_path_are_short_and_printable(operation):
    async with served() as (_, client):
        for wrong in operation.path_parameters:
            too_long = "x" * (1_025 if wrong == "name" else 261)
            for part in (too_long, "a%0Ab", "a%7Fb", "%E2%80%AE"):
                parts = {name: part if name == wrong else "ok" for name in operation.path_parameters}
                path = operation.plain_path.format_map(parts)
                url = URL(f"http://{client.host}:{client.port}{path}", encoded=True)
                async with client.session.request(operation.method, url) as answer:
                    problem = await answer.json(content_type=None)
                assert (answer.status, problem["field"]) == (422, wrong), path


@pytest.mark.parametrize("operation", IN_PATHS, ids=lambda operation: operation.name)
async def test_whatever_stands_in_a_path_is_answered_as_the_table_says(operation):
    async with served() as (_, client):
        for part in ("%7Bx%7D", "%25", "%3F%23", "..", "%2E%2E", "%5C", "C:", "%20", "%F0%9F%A6%86"):
            path = operation.plain_path.format_map(dict.fromkeys(operation.path_parameters, part))
            url = URL(f"http://{client.host}:{client.port}{path}", encoded=True)
            async with client.session.request(operation.method, url) as answer:
                assert answer.status in statuses(operation), path


async def test_a_body_is_not_waited_for_for_ever():
    chosen = replace(settings(shutdown_grace_s=0.1), server=ServerSettings(request_patience_s=0.1))
    async with served(settings=chosen) as (_, client):

        async def stalled():
            yield b"{"
            await asyncio.Event().wait()

        for method, path in (("POST", "/v1/jobs"), ("PUT", "/v1/blobs/c/n")):
            status, _, problem = await asked(client, method, path, data=stalled())
            assert (status, problem["code"]) in {(408, "RequestTimeout"), (408, "OperationTimedOut")}


async def test_a_workspace_that_has_closed_says_so():
    async with offering() as workspace:
        pass
    async with serving(workspace) as client:
        await refused(client, 503, "WorkspaceClosed", "GET", "/v1/jobs")


async def test_what_nobody_foresaw_is_no_secret_told(monkeypatch, caplog):
    async with served() as (workspace, client):

        async def broken(*args, **options):
            raise RuntimeError("the secret")

        monkeypatch.setattr(type(workspace), "get_job", broken)
        problem = await refused(client, 500, "InternalServerError", "GET", "/v1/jobs/a")
        assert "secret" not in problem["detail"]
        assert "the secret" in caplog.text


async def test_a_client_learns_where_it_is():
    async with served(scope=Scope.SUBMIT) as (workspace, client):
        root = await answered_with(client, 200, "GET", "/v1")
        assert (root["workspace"], root["scopes"]) == (workspace.name, ["read", "submit"])
        assert root["time"].endswith("Z")


async def test_a_client_learns_how_much_it_may_have():
    async with served(drive=False) as (workspace, client):
        await submitted(client)
        usage = await answered_with(client, 200, "GET", "/v1/usage")
        bounds = workspace.settings.quota_of(workspace.name)
        assert (usage["workspace"], usage["open_jobs"], usage["stored_bytes"]) == (workspace.name, 1, None)
        assert usage["open_jobs_max"] == bounds.open_jobs_max
        assert (usage["event_streams"], usage["event_streams_max"]) == (0, bounds.event_streams_max)


async def test_targets_are_records_of_the_model():
    async with served() as (workspace, client):
        listed = await answered_with(client, 200, "GET", "/v1/targets")
        assert [target["id"] for target in listed["items"]] == [target.id for target in workspace.targets()]
        assert await answered_with(client, 200, "GET", "/v1/targets/acme.echo") == listed["items"][0]
        assert listed["items"][0]["on_interrupt"] == "rerun"
        problem = await refused(client, 404, "TargetNotFound", "GET", "/v1/targets/acme.nothing")
        assert problem["title"] == "Not Found"
