"""Webhooks over the native API: a real daemon, its clients, and a receiver on loopback."""

import stat
from contextlib import asynccontextmanager

import aiohttp
import pytest
from msgspec.structs import replace

from kyanite.config import WebhookSettings
from kyanite.http.daemon import serving
from kyanite.http.keys import Keys
from kyanite.http.scopes import Scope
from kyanite.outlets.webhooks import register, verify
from kyanite.outlets.webhooks.secret import generate
from tests.http.places import settings
from tests.outlets.webhooks.receiving import LOOPBACK, receiving, soon

PATH = "/v1/webhooks"
CONFIGURED = generate().text


class Client:
    """Asks a daemon with a key."""

    def __init__(self, http, address, key):
        self._http, self._address, self._key = http, address, key
        self.told = ""
        """All that it was ever answered."""

    async def ask(self, status, method, path, **options):
        headers = {"x-ms-quantum-api-key": self._key}
        async with self._http.request(method, self._address + path, headers=headers, **options) as answer:
            text = await answer.text()
            self.told += text
            assert answer.status == status, text
            return await answer.json(content_type=None) if text else None

    async def add(self, receiver, name="n", **fields):
        return await self.ask(201, "POST", PATH, json={"name": name, "url": receiver.url, **fields})

    async def ended(self, **fields):
        """The id of a job that has ended."""
        body = {"target": "acme.echo", "input": 1, **fields}
        async with self._http.post(
            f"{self._address}/v1/jobs",
            json=body,
            headers={"x-ms-quantum-api-key": self._key, "Prefer": "wait=10"},
        ) as answer:
            return (await answer.json())["id"]


@asynccontextmanager
async def daemon(folder, webhooks=(), **delivery):
    """A daemon and its clients, of two workspaces."""
    chosen = replace(settings(folder, keys_required=True), delivery=replace(LOOPBACK, **delivery), webhooks=webhooks)
    keys = Keys(folder)
    made = {name: keys.create(name, Scope.ADMIN, workspace=name)[1] for name in ("alpha", "beta")}
    async with serving(chosen) as running, aiohttp.ClientSession() as http:

        @running.service.workspace.target("acme.echo")
        async def echo(task):
            await task.write_output(await task.read_input())

        yield running, {name: Client(http, running.address, key) for name, key in made.items()}


async def test_a_webhook_is_added_called_and_removed(tmp_path):
    async with receiving() as receiver, daemon(tmp_path) as (running, clients):
        alpha = clients["alpha"]
        made = await alpha.add(receiver, tag=["t"])
        secret = made.pop("secret")
        assert made == {
            "name": "n",
            "workspace": "alpha",
            "url": receiver.url,
            "on": ["Succeeded", "Failed", "Cancelled"],
            "target": [],
            "tag": ["t"],
            "name_prefix": "",
            "payload": "standard",
            "kind": "v1",
            "public_key": None,
            "previous_end_time": None,
            "state": "active",
            "reason": "",
            "source": "api",
            "creation_time": made["creation_time"],
        }
        assert await alpha.ask(200, "GET", PATH) == {"items": [made], "next": None}
        assert await alpha.ask(200, "GET", f"{PATH}/n") == made
        await alpha.ended()
        job = await alpha.ended(tags=["t"])
        (message,) = await receiver.until(1)
        said = message.verified(secret)
        assert said["data"]["job"]["id"] == job
        assert said["data"]["links"]["job"] == f"{running.address}/v1/jobs/{job}"
        assert await alpha.ask(204, "DELETE", f"{PATH}/n") is None
        for method, path in (("GET", f"{PATH}/n"), ("DELETE", f"{PATH}/n"), ("POST", f"{PATH}/n/test")):
            assert (await alpha.ask(404, method, path))["code"] == "WebhookNotFound"
        await alpha.ended(tags=["t"])
        assert len(receiver.messages) == 1
        assert alpha.told.count(secret) == 1


async def test_what_comes_right_after_the_answer_is_sent(tmp_path):
    async with receiving() as receiver, daemon(tmp_path) as (_, clients):
        for number in range(5):
            await clients["alpha"].add(receiver, f"n{number}", on=["Submitted"])
            job = await clients["alpha"].ended()
            await receiver.until((number + 1) * (number + 2) // 2)
            assert receiver.jobs[-number - 1 :] == [job] * (number + 1)


async def test_nothing_is_lost_while_it_is_paused(tmp_path):
    async with receiving() as receiver, daemon(tmp_path) as (_, clients):
        alpha = clients["alpha"]
        await alpha.add(receiver)
        assert (await alpha.ask(200, "PATCH", f"{PATH}/n", json={"state": "paused"}))["state"] == "paused"
        missed = [await alpha.ended() for _ in range(3)]
        assert receiver.messages == []
        await alpha.ask(200, "PATCH", f"{PATH}/n", json={"state": "active", "url": f"{receiver.address}/new"})
        await receiver.until(3)
        assert sorted(receiver.jobs) == sorted(missed)
        assert {message.path for message in receiver.messages} == {"/new"}


async def test_a_new_secret_takes_over(tmp_path):
    async with receiving() as receiver, daemon(tmp_path) as (_, clients):
        alpha = clients["alpha"]
        first = (await alpha.add(receiver))["secret"]
        rotated = await alpha.ask(201, "POST", f"{PATH}/n/rotate")
        assert rotated["previous_end_time"] > rotated["creation_time"]
        await alpha.ended()
        (message,) = await receiver.until(1)
        assert message.verified(first) == message.verified(rotated["secret"])
        assert alpha.told.count(first) == alpha.told.count(rotated["secret"]) == 1


async def test_of_a_pair_of_keys_the_public_one_is_told(tmp_path):
    pytest.importorskip("cryptography")
    async with receiving() as receiver, daemon(tmp_path) as (_, clients):
        alpha = clients["alpha"]
        made = await alpha.add(receiver, kind="v1a")
        assert (made["kind"], made["secret"], made["public_key"][:5]) == ("v1a", None, "whpk_")
        await alpha.ended()
        (message,) = await receiver.until(1)
        assert verify(message.headers, message.body, [made["public_key"]]) == message.id
        rotated = await alpha.ask(201, "POST", f"{PATH}/n/rotate")
        assert (rotated["kind"], rotated["secret"]) == ("v1a", None)
        assert rotated["public_key"] != made["public_key"]
        assert "whsk_" not in alpha.told


async def test_a_secret_can_be_given(tmp_path):
    given = generate().text
    async with receiving() as receiver, daemon(tmp_path) as (_, clients):
        assert (await clients["alpha"].add(receiver, secret=given))["secret"] == given
        await clients["alpha"].ended()
        assert (await receiver.until(1))[0].verified(given)


async def test_it_is_tried_out(tmp_path):
    async with receiving() as receiver, daemon(tmp_path) as (_, clients):
        alpha = clients["alpha"]
        secret = (await alpha.add(receiver))["secret"]
        attempt = await alpha.ask(200, "POST", f"{PATH}/n/test")
        assert (attempt["taken"], attempt["status"], attempt["error"]) == (True, 204, "")
        assert receiver.messages[0].verified(secret)["type"] == "webhook.test"
        receiver.status = 500
        failed = await alpha.ask(200, "POST", f"{PATH}/n/test")
        assert (failed["taken"], failed["status"], failed["excerpt"]) == (False, 500, "canary-answer")
        assert (await alpha.ask(200, "GET", "/v1/attempts"))["items"] == []


async def test_a_receiver_that_is_gone_is_shown_as_such(tmp_path):
    async with receiving() as receiver, daemon(tmp_path) as (_, clients):
        alpha = clients["alpha"]
        receiver.status = 410
        await alpha.add(receiver)
        await alpha.ended()

        async def disabled():
            found = await alpha.ask(200, "GET", f"{PATH}/n")
            return found if found["state"] == "disabled" else None

        assert (await soon(disabled))["reason"] == "the receiver answered 410 Gone"


async def test_those_of_the_configuration_stand_beside_the_others(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", CONFIGURED)
    secrets = ({"env": "HOOK_SECRET"},)
    async with receiving() as receiver:
        given = WebhookSettings(name="configured", url=receiver.url, secrets=secrets, workspace="alpha")
        async with daemon(tmp_path, (given,)) as (_, clients):
            alpha = clients["alpha"]
            await alpha.add(receiver)
            listed = (await alpha.ask(200, "GET", PATH))["items"]
            found = [(each["name"], each["source"], each["creation_time"] is None) for each in listed]
            assert found == [("configured", "config", True), ("n", "api", False)]
            for method, path, body in (
                ("PATCH", f"{PATH}/configured", {"tag": ["t"]}),
                ("DELETE", f"{PATH}/configured", None),
                ("POST", f"{PATH}/configured/rotate", None),
                ("POST", PATH, {"name": "configured", "url": receiver.url}),
            ):
                problem = await alpha.ask(409, method, path, json=body)
                assert problem["code"] == ("WebhookExists" if path == PATH else "WebhookConfigured")
            await alpha.ask(200, "PATCH", f"{PATH}/configured", json={"state": "paused"})
            await alpha.ended()
            await receiver.until(1)
        async with daemon(tmp_path, (given,)) as (_, clients):
            alpha = clients["alpha"]
            assert (await alpha.ask(200, "GET", f"{PATH}/configured"))["state"] == "paused"
            await alpha.ask(200, "PATCH", f"{PATH}/configured", json={"state": "active"})
            assert (await receiver.until(2))[1].verified(CONFIGURED)
            assert CONFIGURED not in alpha.told


async def test_one_whose_url_is_no_longer_allowed_says_so(tmp_path):
    async with receiving() as receiver:
        async with daemon(tmp_path) as (_, clients):
            await clients["alpha"].add(receiver)
        async with daemon(tmp_path, allow=()) as (_, clients):
            found = await clients["alpha"].ask(200, "GET", f"{PATH}/n")
            assert found["state"] == "disabled"
            assert found["reason"].startswith("url leads to an address of this machine")
            job = await clients["alpha"].ended()
        async with daemon(tmp_path):
            await receiver.until(1)
        assert receiver.jobs == [job]


async def test_tenants_know_nothing_of_each_other(tmp_path):
    async with receiving() as receiver, daemon(tmp_path) as (_, clients):
        alpha, beta = clients["alpha"], clients["beta"]
        secret = (await alpha.add(receiver))["secret"]
        job = await alpha.ended()
        await beta.ended()
        await receiver.until(1)
        assert receiver.jobs == [job]
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"state": "paused"}),
            ("DELETE", "", None),
            ("POST", "/rotate", None),
            ("POST", "/test", None),
        ):
            assert (await beta.ask(404, method, f"{PATH}/n{path}", json=body))["code"] == "WebhookNotFound"
        for path in (PATH, "/v1/subscribers", "/v1/letters", "/v1/attempts", "/v1/attempts?subscriber=webhook/n"):
            assert (await beta.ask(200, "GET", path))["items"] == []
        await beta.add(receiver)
        assert (await alpha.ask(200, "GET", f"{PATH}/n"))["state"] == "active"
        for canary in (secret, "webhook/n", "alpha"):
            assert canary not in beta.told


WRONG = [
    ({}, "name"),
    ({"name": "n"}, "url"),
    ({"name": "..", "url": "https://example.org"}, "name"),
    ({"name": "a..b", "url": "https://example.org"}, "name"),
    ({"name": "a\n", "url": "https://example.org"}, "name"),
    ({"name": "x" * 129, "url": "https://example.org"}, "name"),
    ({"name": "n", "url": "http://169.254.169.254/latest"}, "url"),
    ({"name": "n", "url": "https://localhost/"}, "url"),
    ({"name": "n", "url": "ftp://example.org/"}, "url"),
    ({"name": "n", "url": "https://example.org", "on": []}, "on"),
    ({"name": "n", "url": "https://example.org", "on": ["Ended"]}, "on[0]"),
    ({"name": "n", "url": "https://example.org", "tag": [""]}, "tag[0]"),
    ({"name": "n", "url": "https://example.org", "payload": "xml"}, "payload"),
    ({"name": "n", "url": "https://example.org", "kind": "v2"}, "kind"),
    ({"name": "n", "url": "https://example.org", "secret": "canary-secret"}, "secret"),
    ({"name": "n", "url": "https://example.org", "state": "active"}, "state"),
    ({"name": "n", "url": "https://example.org", "source": "config"}, "source"),
]


async def test_what_is_wrong_with_a_webhook_is_named(tmp_path):
    async with daemon(tmp_path) as (_, clients):
        for body, field in WRONG:
            problem = await clients["alpha"].ask(422, "POST", PATH, json=body)
            assert (problem["code"], problem["field"]) == ("InvalidRequest", field), body
        assert "canary" not in clients["alpha"].told
        assert (await clients["alpha"].ask(200, "GET", PATH))["items"] == []


async def test_a_name_that_is_none_is_told_what_one_is(tmp_path):
    async with daemon(tmp_path) as (_, clients):
        for name in ("", "a b", "-a", "x" * 129):
            body = {"name": name, "url": "https://example.org"}
            problem = await clients["alpha"].ask(422, "POST", PATH, json=body)
            assert "name is 1 to 128 letters, digits" in problem["detail"]


async def test_a_workspace_has_so_many_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(register, "WEBHOOKS_MAX", 3)
    async with receiving() as receiver, daemon(tmp_path) as (_, clients):
        for name in ("c", "a", "b"):
            await clients["alpha"].add(receiver, name)
        again = {"name": "a", "url": receiver.url}
        assert (await clients["alpha"].ask(409, "POST", PATH, json=again))["code"] == "WebhookExists"
        more = {"name": "d", "url": receiver.url}
        assert (await clients["alpha"].ask(429, "POST", PATH, json=more))["code"] == "QuotaExceeded"
        await clients["beta"].add(receiver, "d")
        page = await clients["alpha"].ask(200, "GET", f"{PATH}?limit=2")
        rest = await clients["alpha"].ask(200, "GET", f"{PATH}?limit=2&cursor={page['next']}")
        assert [each["name"] for each in page["items"] + rest["items"]] == ["a", "b", "c"]
        assert rest["next"] is None


async def test_nothing_tells_a_secret(tmp_path, caplog):
    caplog.set_level("DEBUG")
    async with receiving() as receiver, daemon(tmp_path) as (running, clients):
        alpha = clients["alpha"]
        receiver.statuses.extend([500, 503, 410])
        secret = (await alpha.add(receiver))["secret"]
        alpha.told = ""
        await alpha.ended()
        await receiver.until(3)
        await alpha.ask(200, "POST", f"{PATH}/n/test")
        for path in ("/v1/subscribers", "/v1/letters", "/v1/attempts", f"{PATH}/n"):
            await alpha.ask(200, "GET", path)
        await alpha.ask(422, "PATCH", f"{PATH}/n", json={"url": "http://10.0.0.1/canary-path"})
        async with aiohttp.ClientSession() as http, http.get(f"{running.address}/metrics") as metrics:
            alpha.told += await metrics.text()
        told = alpha.told.replace(receiver.url, "") + caplog.text
        for canary in (secret, secret.removeprefix("whsec_"), "canary-path", "canary-query"):
            assert canary not in told
        for path in tmp_path.iterdir():
            if path.name.startswith("webhooks."):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
