import asyncio
import base64
from io import BytesIO

import anyio
import msgspec
import pytest

from kyanite.cli.views import record
from kyanite.http.native.bodies import DEPTH_MAX
from tests.http.native.places import answered_with, asked, ended, refused, served, submitted
from tests.runtime.places import executing, settings

JOBS = "/v1/jobs"


async def test_a_job_is_submitted_waited_for_and_read():
    async with served() as (workspace, client):
        body = {"target": "acme.echo", "input": {"a": [1.50, "é"]}, "name": "n", "tags": ["t"], "metadata": {"m": 1}}
        status, headers, job = await asked(client, "POST", JOBS, json=body, headers={"Prefer": "wait=10"})
        assert (status, job["status"], headers["Preference-Applied"]) == (201, "Succeeded", "wait=10")
        assert (headers["Location"], headers["ETag"]) == (f"/v1/jobs/{job['id']}", f'"{job["version"]}"')
        assert (job["name"], job["tags"], job["metadata"]) == ("n", ["t"], {"m": 1})
        assert await answered_with(client, 200, "GET", headers["Location"]) == job
        details = (await workspace.get_job(job["id"])).details
        assert job == msgspec.json.decode(msgspec.json.encode(record(details)))  # as `kyanite job show -o json` has it
        assert await answered_with(client, 200, "GET", f"{headers['Location']}/output") == body["input"]


@pytest.mark.parametrize(
    ("body", "content", "content_type"),
    [
        (b'{"target":"acme.echo","input":{"b": 1.0, "a":2}}', b'{"b": 1.0, "a":2}', "application/json"),
        (b'{"target":"acme.echo","input":[]}', b"[]", "application/json"),
        (b'{"target":"acme.echo","input":"\\u00e9\\n"}', "é\n".encode(), "text/plain; charset=utf-8"),
        (b'{"target":"acme.echo","input_bytes":"AAH/"}', b"\0\1\xff", "application/octet-stream"),
        (b'{"target":"acme.echo","input":null,"input_bytes":""}', b"", "application/octet-stream"),
        (b'{"target":"acme.echo","input_bytes":"AA==","input_type":"image/x"}', b"\0", "image/x"),
    ],
)
async def test_an_input_is_kept_as_it_was_written(body, content, content_type):
    async with served() as (_, client):
        job = await answered_with(client, 201, "POST", JOBS, data=body)
        async with client.get(f"{JOBS}/{job['id']}/input") as answer:
            assert (await answer.read(), answer.headers["Content-Type"]) == (content, content_type)
        assert job["input_data_uri"] == f"{job['container_uri']}/inputData"


async def test_an_input_may_be_shared_or_uploaded_before():
    async with served() as (_, client):
        blob = await answered_with(client, 201, "PUT", "/v1/blobs/shared/one.json", data=b"[1]")
        job = await answered_with(
            client, 201, "POST", JOBS, json={"target": "acme.echo", "input_data_uri": blob["uri"]}
        )
        assert job["input_data_uri"] == blob["uri"]
        await answered_with(client, 201, "PUT", f"{JOBS}/mine/input", data=b"[2]")
        job = await answered_with(client, 201, "POST", JOBS, json={"target": "acme.echo", "job_id": "mine"})
        assert await answered_with(client, 200, "GET", f"{JOBS}/mine/input") == [2]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "target", "is missing"),
        ({"target": 1}, "target", "Expected `str`"),
        ({"target": "a", "status": "Succeeded"}, "status", "is not known here"),
        ({"target": "a", "creation_time": "2026-01-01T00:00:00Z"}, "creation_time", "is not known here"),
        ({"target": "acme.echo"}, "input", "nothing was uploaded to /v1/jobs/{job_id}/input"),
        ({"target": "acme.echo", "job_id": "j"}, "input", "nothing was uploaded to /v1/jobs/j/input"),
        ({"target": "acme.echo", "job_id": "../j"}, "job_id", "is 1 to 128 letters"),
        ({"target": "acme.echo", "job_id": "", "input": 1}, "job_id", "is 1 to 128 letters"),
        ({"target": "acme.echo", "input": 1, "input_bytes": "AA=="}, "input_bytes", "can not both be given"),
        ({"target": "acme.echo", "input": 1, "input_data_uri": "x"}, "input_data_uri", "can not both be given"),
        ({"target": "acme.echo", "input_bytes": "", "input_data_uri": "x"}, "input_data_uri", "can not both"),
        ({"target": "acme.echo", "input": 1, "input_type": "text/plain"}, "input_type", "input_bytes is, which"),
        ({"target": "acme.echo", "input_bytes": "!"}, "input_bytes", "base64"),
        ({"target": "acme.echo", "input_bytes": "AA==", "input_type": "ü"}, "content_type", "printable ASCII"),
        ({"target": "acme.echo", "input_data_uri": "kyanite:///other/c/b"}, "input_data_uri", "names no blob of this"),
        ({"target": "acme.echo", "input_data_uri": "http://there/"}, "input_data_uri", "no address of a stored blob"),
        ({"target": "acme.echo", "input": 1, "tags": "t"}, "tags", "Expected `array"),
        ({"target": "acme.echo", "input": 1, "tags": [""]}, "tags[0]", "not empty"),
        ({"target": "acme.echo", "input": 1, "tags": ["a", 2]}, "tags[1]", "Expected `str`"),
        ({"target": "acme.echo", "input": 1, "attempts_max": 0}, "attempts_max", "from 1 to"),
        ({"target": "acme.echo", "input": 1, "priority": 10**30}, "priority", "from -1000 to"),
    ],
)
async def test_what_is_wrong_with_a_body_is_named(body, field, said):
    async with served() as (_, client):
        problem = await refused(client, 422, "InvalidRequest", "POST", JOBS, json=body)
        assert problem["field"] == field
        assert said in problem["detail"]
        assert problem["type"] == "urn:kyanite:problem:invalid-request"
        assert await answered_with(client, 200, "GET", "/v1/counts") == {"count": 0}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"target":"acme.echo","input":tru}',
        b'{"target":"acme.echo","input":["\xff"]}',
        b'{"target":"acme.echo","input":"\xff"}',
        b'{"target":"acme.echo","input":"\\ud800"}',
        b'{"target":"acme.echo","input":1}{}',
    ],
)
async def test_what_is_no_json_is_refused(body):
    async with served() as (_, client):
        await refused(client, 422, "InvalidRequest", "POST", JOBS, data=body)


async def test_json_is_nested_no_deeper_than_readers_go():
    async with served() as (_, client):
        for levels, opening, closing in ((DEPTH_MAX - 1, b"[", b"]"), (DEPTH_MAX // 2 - 1, b'{"a":[', b"]}")):
            # The body itself is a level, too.
            body = b'{"target":"acme.echo","input":%s1%s}' % (opening * levels, closing * levels)
            await answered_with(client, 201, "POST", JOBS, data=body)
            body = b'{"target":"acme.echo","input":[[%s1%s]]}' % (opening * levels, closing * levels)
            assert (await refused(client, 422, "InvalidRequest", "POST", JOBS, data=body))["field"] == "body"
        for body in (b'{"target":"acme.echo","input":' + b"[" * 2_000_000, b'{"a":' * 500_000):
            problem = await refused(client, 422, "InvalidRequest", "POST", JOBS, data=BytesIO(body))
            assert problem["detail"].endswith("body is nested more than 100 deep")


async def test_a_body_has_at_most_4_mib():
    async with served() as (_, client):
        frame = len(b'{"target":"acme.echo","input":""}')
        most = (4 << 20) - frame
        body = b'{"target":"acme.echo","input":"%s"}'
        await answered_with(client, 201, "POST", JOBS, data=BytesIO(body % (b"x" * most)))
        await refused(client, 413, "RequestBodyTooLarge", "POST", JOBS, data=BytesIO(body % (b"x" * (most + 1))))


async def test_an_unknown_target_is_no_path():
    async with served() as (_, client):
        problem = await refused(client, 422, "UnknownTarget", "POST", JOBS, json={"target": "acme.ecko", "input": 1})
        assert "did you mean 'acme.echo'" in problem["detail"]


async def test_a_full_queue_says_when_to_come_back():
    async with served(settings=settings(waiting_max=1), drive=False) as (_, client):
        await submitted(client)
        status, headers, problem = await asked(client, "POST", JOBS, json={"target": "acme.echo", "input": 1})
        assert (status, problem["code"], headers["Retry-After"]) == (429, "QueueFull", "5")


# The same request again ---------------------------------------------------------------------------------------------


async def test_the_same_job_again_is_the_job_that_exists():
    async with served() as (_, client):
        one = await submitted(client, 201, job_id="a", input=[1])
        again = await submitted(client, 200, job_id="a", input=[1], name="other labels")
        assert (one["id"], again["name"]) == ("a", one["name"])
        for change in ({"input": [2]}, {"input_params": {"p": 1}}, {"input": [1, 1]}):
            body = {"target": "acme.echo", "job_id": "a", "input": [1], **change}
            await refused(client, 409, "IdConflict", "POST", JOBS, json=body)


async def test_an_idempotency_key_stands_for_one_job_for_ever():
    async with served() as (_, client):
        headers = {"Idempotency-Key": "order-66"}
        one = await submitted(client, 201, headers)
        assert (await submitted(client, 200, headers))["id"] == one["id"]
        body = {"target": "acme.echo", "input": 2}
        await refused(client, 409, "IdConflict", "POST", JOBS, json=body, headers=headers)
        assert (await submitted(client, 201, {"Idempotency-Key": "order-67"}))["id"] != one["id"]
        assert (await submitted(client, 201, headers, job_id="mine"))["id"] == "mine"  # which is a key as good
        for bad in ("", "x" * 256, "a b"):
            problem = await refused(
                client, 422, "InvalidRequest", "POST", JOBS, json=body, headers={"Idempotency-Key": bad}
            )
            assert problem["field"] == "Idempotency-Key"
        assert await answered_with(client, 200, "GET", "/v1/counts") == {"count": 3}


async def test_many_of_one_request_at_once_are_one_job():
    async with served() as (_, client):
        async with asyncio.TaskGroup() as tasks:
            body = {"target": "acme.echo", "input": [1]}
            found = [
                tasks.create_task(asked(client, "POST", JOBS, json=body, headers={"Idempotency-Key": "k"}))
                for _ in range(20)
            ]
        answers = [task.result() for task in found]
        assert {job["id"] for _, _, job in answers} == {answers[0][2]["id"]}
        assert {status for status, _, _ in answers} <= {200, 201}
        assert await answered_with(client, 200, "GET", "/v1/counts") == {"count": 1}


@pytest.mark.parametrize("typed", [{}, {"input_type": "image/x"}])
async def test_a_submit_that_came_to_nothing_does_not_keep_its_id_from_another(typed):
    async with served() as (_, client):
        first = {"input_bytes": base64.b64encode(b"1").decode(), **typed}
        body = {"target": "acme.echo", "job_id": "a", "attempts_max": 0, **first}
        await refused(client, 422, "InvalidRequest", "POST", JOBS, json=body)
        await answered_with(
            client, 201, "POST", JOBS, json={"target": "acme.echo", "job_id": "a", "input_bytes": "Mg==", **typed}
        )
        async with client.get(f"{JOBS}/a/input") as answer:
            assert await answer.read() == b"2"
        await refused(client, 409, "IdConflict", "POST", JOBS, json={"target": "acme.echo", "job_id": "a", **first})


# Looking ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job_id", ["none", "x" * 128, "a.b", "ü", "%00a", "a%2Fb"])
async def test_a_job_that_is_not_there(job_id):
    async with served() as (_, client):
        for method, part in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("PATCH", ""), ("GET", "/story")):
            status, _, problem = await asked(client, method, f"{JOBS}/{job_id}{part}")
            expected = (422, "InvalidRequest") if job_id == "%00a" else (404, "JobNotFound")
            assert (status, problem["code"]) == expected, (method, part)


async def test_a_job_that_the_client_has_is_not_sent_again():
    async with served() as (_, client):
        job = await ended(client)
        path, tag = f"{JOBS}/{job['id']}", f'"{job["version"]}"'
        for known in (tag, f"W/{tag}", f'"9", {tag}', "*"):
            status, headers, document = await asked(client, "GET", path, headers={"If-None-Match": known})
            assert (status, headers["ETag"], document) == (304, tag, None), known
        for other in ('"0"', "9", ""):
            assert (await answered_with(client, 200, "GET", path, headers={"If-None-Match": other}))["id"] == job["id"]


async def test_head_is_get_without_its_body():
    async with served() as (_, client):
        job = await ended(client)
        for path in (f"{JOBS}/{job['id']}", JOBS, f"{JOBS}/{job['id']}/output", "/v1", "/v1/targets", "/v1/docs"):
            async with client.get(path) as got, client.head(path) as head:
                length = len(await got.read())
                assert (head.status, await head.read(), int(head.headers["Content-Length"])) == (200, b"", length)
                assert head.headers.get("ETag") == got.headers.get("ETag")
                assert head.headers["Content-Type"] == got.headers["Content-Type"]


async def test_patience_ends_with_the_job_or_when_it_is_over():
    async with served() as (workspace, client):
        job = await submitted(client, target="acme.holds")
        path = f"{JOBS}/{job['id']}"
        with anyio.fail_after(10):
            await executing(await workspace.get_job(job["id"]))
            status, headers, seen = await asked(client, "GET", path, headers={"Prefer": "wait=0"})
            assert (status, seen["status"], headers["Preference-Applied"]) == (200, "Executing", "wait=0")
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(asked(client, "GET", path, headers={"Prefer": "respond-async, Wait = 600"}))
                await answered_with(client, 200, "POST", f"{path}/cancel")
            _, headers, seen = waiting.result()
        assert (seen["status"], headers["Preference-Applied"]) == ("Cancelled", "wait=60")


@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=-1", "wait=x", "respond-async", "await=3", "wait=1.5"])
async def test_what_is_no_preference_is_passed_over(prefer):
    async with served(drive=False) as (_, client):
        job = await submitted(client)
        status, headers, _ = await asked(client, "GET", f"{JOBS}/{job['id']}", headers={"Prefer": prefer})
        assert (status, "Preference-Applied" in headers) == (200, False)


# Changing -----------------------------------------------------------------------------------------------------------


async def test_labels_are_replaced_and_taken_back():
    async with served(drive=False) as (_, client):
        job = await submitted(client, name="n", tags=["a"], metadata={"m": 1}, priority=3)
        path = f"{JOBS}/{job['id']}"
        change = {"name": "o", "tags": ["b", "c"], "metadata": {"k": [2]}, "priority": -1}
        status, headers, changed = await asked(client, "PATCH", path, json=change)
        assert (status, {name: changed[name] for name in change}) == (200, change)
        assert headers["ETag"] == f'"{changed["version"]}"' != f'"{job["version"]}"'
        assert await answered_with(client, 200, "PATCH", path, json={}) == changed
        back = await answered_with(client, 200, "PATCH", path, json=dict.fromkeys(change))
        expected = {"name": "acme.echo", "tags": [], "metadata": {}, "priority": 0}
        assert {name: back[name] for name in change} == expected
        problem = await refused(client, 422, "InvalidRequest", "PATCH", path, json={"status": "Failed"})
        assert problem["field"] == "status"


async def test_a_priority_is_kept_once_the_job_no_longer_waits():
    async with served() as (_, client):
        job = await ended(client, priority=3)
        path = f"{JOBS}/{job['id']}"
        await answered_with(client, 200, "PATCH", path, json={"priority": 3, "name": "n"})
        problem = await refused(client, 422, "InvalidRequest", "PATCH", path, json={"priority": 4})
        assert problem["field"] == "priority"


async def test_only_the_job_that_was_looked_at_is_changed():
    async with served() as (workspace, client):
        job = await submitted(client, target="acme.holds")
        path = f"{JOBS}/{job['id']}"
        await executing(await workspace.get_job(job["id"]))
        for method, part in (("PATCH", ""), ("POST", "/cancel"), ("DELETE", "")):
            headers = {"If-Match": f'"{job["version"]}"'}
            await refused(client, 412, "PreconditionFailed", method, path + part, headers=headers)
        seen = await answered_with(client, 200, "GET", path)
        assert (seen["status"], seen["cancel_requested"]) == ("Executing", False)
        current = {"If-Match": f'"{seen["version"]}"'}
        changed = await answered_with(client, 200, "PATCH", path, json={"name": "n"}, headers=current)
        await refused(client, 412, "PreconditionFailed", "POST", f"{path}/cancel", headers=current)
        tags = {"If-Match": f'"7", "{changed["version"]}"'}
        assert (await answered_with(client, 200, "POST", f"{path}/cancel", headers=tags))["status"] == "Cancelled"
        assert await answered_with(client, 204, "DELETE", path, headers={"If-Match": "*"}) is None


async def test_a_job_is_cancelled_with_a_reason():
    async with served() as (workspace, client):
        job = await submitted(client, target="acme.holds")
        path = f"{JOBS}/{job['id']}"
        await executing(await workspace.get_job(job["id"]))
        cancelled = await answered_with(client, 200, "POST", f"{path}/cancel", json={"reason": "enough"})
        assert cancelled["status"] == "Cancelled"
        assert await answered_with(client, 200, "POST", f"{path}/cancel", data=b"") == cancelled
        events = (await answered_with(client, 200, "GET", f"{path}/story"))["items"]
        assert [event["reason"] for event in events if event["type"] == "CancelRequested"] == ["enough"]


async def test_a_job_is_removed_once_it_has_ended():
    async with served() as (workspace, client):
        job = await submitted(client, target="acme.holds", job_id="a")
        problem = await refused(client, 409, "JobNotEnded", "DELETE", f"{JOBS}/a")
        assert "cancel it first" in problem["detail"]
        await answered_with(client, 200, "POST", f"{JOBS}/a/cancel")
        other = await submitted(client, 201, target="acme.echo", input=None, input_data_uri=job["input_data_uri"])
        await (await workspace.get_job(other["id"])).wait()
        await refused(client, 409, "JobInUse", "DELETE", f"{JOBS}/a")
        await answered_with(client, 204, "DELETE", f"{JOBS}/{other['id']}")
        await answered_with(client, 204, "DELETE", f"{JOBS}/a")
        await refused(client, 404, "JobNotFound", "DELETE", f"{JOBS}/a")
        body = {"target": "acme.holds", "input": 1, "job_id": "a"}
        await refused(client, 409, "IdConflict", "POST", JOBS, json=body)
