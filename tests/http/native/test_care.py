"""What a daemon tells of itself: checks, findings and settings, beside its other work."""

import asyncio
import json
import threading

import anyio
import pytest
from msgspec.structs import replace

from kyanite.config import BlobSettings, QuotaSettings, Settings, StoreSettings
from kyanite.errors import QuotaExceeded, StoreUnavailable
from kyanite.http.application import application
from kyanite.http.daemon import Running
from kyanite.http.keys import Keys
from kyanite.http.native import care
from kyanite.http.native.aside import AT_ONCE, aside
from kyanite.http.scopes import Scope
from kyanite.stores.sqlite import SQLiteStore
from tests.http.native.places import answered_with, refused, served
from tests.http.places import client_of, service_in


async def checked(client, **query):
    """The lines of a check."""
    async with client.get("/v1/check", params=query) as answer:
        assert (answer.status, answer.content_type) == (200, care.LINES)
        return [json.loads(line) for line in (await answer.read()).splitlines()]


async def test_a_check_tells_of_breaches_and_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(care, "TICK_S", 0.001)
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        job = await service.workspace.submit("acme.echo", b"content")
        await job.wait()
        lines = await checked(client)
        counted = {"jobs": 1, "events": 3, "events_total": 3, "purged": 0, "blobs": 2, "breaches": 0}
        assert lines[-1]["summary"] == counted
        assert {name for line in lines[:-1] for name in line} == {"progress"}
        await service.workspace.blobs.delete([f"default/job-{job.id}/outputData"])
        *_, breach, summary = [line for line in await checked(client, blobs="true") if "progress" not in line]
        assert breach["breach"]["job_id"] == job.id
        assert summary["summary"]["breaches"] == 1
        await refused(client, 422, "InvalidRequest", "GET", "/v1/check?blobs=maybe")


async def test_what_is_in_memory_is_not_checked(tmp_path):
    async with service_in(tmp_path) as service:
        for memory in ({"store": StoreSettings(url="memory:")}, {"blobs": BlobSettings(url="memory:")}):
            other = type(service)(service.workspace, replace(service.settings, **memory), service.signer, service.state)
            async with client_of(application(other, Keys(tmp_path))) as client:
                await refused(client, 403, "NotHere", "GET", "/v1/check")


async def test_a_check_that_can_not_be_begun_is_answered_as_such(tmp_path, monkeypatch):
    async def fail(self, **options):
        raise StoreUnavailable("it is locked")

    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        monkeypatch.setattr(SQLiteStore, "open", fail)
        await refused(client, 503, "StoreUnavailable", "GET", "/v1/check")


async def test_settings_and_where_they_come_from():
    async with served(Scope.OPERATE) as (workspace, client):
        told = await answered_with(client, 200, "GET", "/v1/settings")
        rows = {row["path"]: (row["value"], row["origin"]) for row in told["items"]}
        assert rows["server.listen"] == ('"127.0.0.1:8473"', "default")
        assert rows["limits.shutdown_grace_s"] == (str(workspace.settings.limits.shutdown_grace_s), care.PROGRAM)
        assert f"shutdown_grace_s = {workspace.settings.limits.shutdown_grace_s}\n" in told["toml"]


async def test_settings_that_were_read_again(tmp_path):
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        running = Running("", service, Keys(tmp_path), None)
        running.take_over(replace(service.settings, quota=QuotaSettings(open_jobs_max=7)))
        rows = {row["path"]: row["value"] for row in (await answered_with(client, 200, "GET", "/v1/settings"))["items"]}
        assert rows["quota.open_jobs_max"] == "7"


async def test_findings(monkeypatch):
    async def diagnose(resolved):
        assert isinstance(resolved.settings, Settings)
        assert threading.current_thread() is not threading.main_thread()
        yield care.Finding("clock", "ok", "it goes")
        yield care.Finding("disk", "failed", "it is full", "buy one")

    monkeypatch.setattr(care, "diagnose", diagnose)
    async with served(Scope.OPERATE) as (_, client), client.get("/v1/doctor") as answer:
        assert (answer.status, answer.content_type) == (200, care.LINES)
        assert [json.loads(line) for line in (await answer.read()).splitlines()] == [
            {"subject": "clock", "state": "ok", "text": "it goes"},
            {"subject": "disk", "state": "failed", "text": "it is full", "advice": "buy one"},
        ]


async def test_aside_what_is_found_comes_as_it_is_found_and_then_what_went_wrong():
    heard, go_on = [], threading.Event()

    async def examine(tell):
        await tell(1)
        await asyncio.to_thread(go_on.wait)
        await tell(2)
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        async with aside(examine) as findings:
            async for finding in findings:
                heard.append(finding)
                go_on.set()
    assert heard == [1, 2]


async def test_aside_it_ends_when_nobody_listens():
    ended = []

    async def examine(tell):
        try:
            while True:
                await tell("more")
        finally:
            ended.append(True)

    async with aside(examine) as findings:
        assert await anext(findings) == "more"
    assert ended == [True]
    with anyio.CancelScope() as scope:
        async with aside(examine) as findings:
            async for _ in findings:
                scope.cancel()
    assert ended == [True, True]


async def test_aside_no_more_than_a_few_at_once():
    async def examine(tell):
        while True:
            await tell("more")

    async with anyio.create_task_group() as group:
        begun = [anyio.Event() for _ in range(AT_ONCE)]

        async def hold(event):
            async with aside(examine) as findings:
                await anext(findings)
                event.set()
                await anyio.sleep_forever()

        for event in begun:
            group.start_soon(hold, event)
        for event in begun:
            await event.wait()
        with pytest.raises(QuotaExceeded) as refusal:
            async with aside(examine):
                pytest.fail("one more goes on")
        assert refusal.value.retry_after_s > 0
        group.cancel_scope.cancel()
    async with aside(examine) as findings:
        assert await anext(findings) == "more"
