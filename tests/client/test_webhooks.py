"""What is asked of a daemon about webhooks, and what is made of its answers."""

from datetime import UTC, datetime

import msgspec
import pytest

from kyanite.client.problems import Refused
from kyanite.client.webhooks import Webhooks
from kyanite.core.letters import Attempt
from kyanite.errors import InfrastructureError, InvalidRequest, Unreachable
from kyanite.outlets.webhooks.definition import WebhookConfigured, WebhookExists, WebhookNotFound
from kyanite.outlets.webhooks.record import WebhookRecord
from tests.client.fake import faked, gone, json, refused

RECORD = WebhookRecord(
    name="audit",
    workspace="team",
    url="https://hooks.example.org/in?token=x",
    on=("Failed",),
    target=(),
    tag=("a",),
    name_prefix="",
    payload="standard",
    kind="v1",
    public_key=None,
    previous_end_time=None,
    state="active",
    reason="",
    source="api",
    creation_time=datetime(2026, 1, 2, tzinfo=UTC),
)
FIELDS = msgspec.to_builtins(RECORD)
SECRET = FIELDS | {"secret": "whsec_abc"}
ATTEMPT = Attempt(
    subscriber="team/webhook/audit",
    position=0,
    workspace="team",
    job_id="",
    version=0,
    number=1,
    time=datetime(2026, 1, 2, tzinfo=UTC),
    latency_s=0.25,
    taken=True,
    status=204,
)


async def test_looking():
    async with faked() as (daemon, opened):
        webhooks = Webhooks(opened)
        daemon.on(
            "GET", "/v1/webhooks", json({"items": [FIELDS], "next": "c"}), json({"items": [FIELDS | {"name": "b"}]})
        )
        daemon.on("GET", "/v1/webhooks/audit", json(FIELDS))
        assert [webhook.name for webhook in await webhooks.all()] == ["audit", "b"]
        assert daemon.seen[-1].query["cursor"] == "c"
        assert await webhooks.get("audit") == RECORD


async def test_changing():
    async with faked() as (daemon, opened):
        webhooks, bodies = Webhooks(opened), []

        def noting(answer):
            async def answered(request):
                bodies.append(await request.read())
                return await answer(request)

            return answered

        daemon.on("POST", "/v1/webhooks", noting(json(SECRET, 201)))
        daemon.on("PATCH", "/v1/webhooks/audit", noting(json(FIELDS | {"state": "paused"})))
        daemon.on("POST", "/v1/webhooks/audit/rotate", noting(json(SECRET, 201)))
        daemon.on("POST", "/v1/webhooks/audit/test", json(msgspec.to_builtins(ATTEMPT)))
        daemon.on("DELETE", "/v1/webhooks/audit", json(None, 204))
        made = await webhooks.add("audit", RECORD.url, on=("Failed",), kind="v1a")
        assert made.secret == "whsec_abc"
        assert "abc" not in repr(made)
        assert "token" not in repr(made)
        assert (await webhooks.change("audit", state="paused")).state == "paused"
        assert (await webhooks.rotate("audit")).secret == "whsec_abc"
        assert await webhooks.test("audit") == ATTEMPT
        await webhooks.remove("audit")
        assert [body and msgspec.json.decode(body) for body in bodies] == [
            {"name": "audit", "url": RECORD.url, "on": ["Failed"], "kind": "v1a"},
            {"state": "paused"},
            b"",
        ]


@pytest.mark.parametrize("kind", [WebhookNotFound, WebhookExists, WebhookConfigured])
async def test_refused_as_where_it_arose(kind):
    async with faked() as (daemon, opened):
        raised = kind("'audit': so it is")
        daemon.on("PATCH", "/v1/webhooks/audit", refused(409, kind.__name__, str(raised)))
        with pytest.raises(kind) as caught:
            await Webhooks(opened).change("audit", state="paused")
        assert str(caught.value) == str(raised)


async def test_other_refusals():
    async with faked() as (daemon, opened):
        webhooks = Webhooks(opened)
        daemon.on("GET", "/v1/webhooks/audit", refused(409, "Another", "no"), json({"name": "audit"}))
        daemon.on("POST", "/v1/webhooks", refused(400, "InvalidRequest", "url is none", field="url"))
        with pytest.raises(Refused, match="no"):
            await webhooks.get("audit")
        with pytest.raises(InfrastructureError, match="no Kyanite daemon"):
            await webhooks.get("audit")
        with pytest.raises(InvalidRequest, match="url is none"):
            await webhooks.add("audit", "x")
        for name in ("", None):
            with pytest.raises(WebhookNotFound):
                await webhooks.get(name)


async def test_a_secret_is_replaced_once_only():
    """Whoever asked twice would end the secret that receivers have."""
    async with faked() as (daemon, opened):
        daemon.on("POST", "/v1/webhooks/audit/rotate", gone, json(SECRET, 201))
        daemon.on("GET", "/v1/webhooks/audit", gone, json(FIELDS))
        with pytest.raises(Unreachable, match="the answer was lost, and maybe a new secret"):
            await Webhooks(opened).rotate("audit")
        assert len(daemon.seen) == 1
        assert await Webhooks(opened).get("audit") == RECORD
