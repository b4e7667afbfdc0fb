"""Webhooks at work, over a store in a folder and a receiver on loopback."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from standardwebhooks import WebhookVerificationError

from kyanite import Workspace
from kyanite.config import LimitSettings, Settings
from kyanite.errors import ConfigError, StoreUnavailable, WorkspaceClosed
from kyanite.outlets.webhooks import outlet as module
from kyanite.outlets.webhooks.definition import KeptSecret, Webhook, WebhookNotFound
from kyanite.outlets.webhooks.outlet import Webhooks, webhooks_of
from kyanite.outlets.webhooks.register import FILE, Register
from kyanite.outlets.webhooks.secret import generate
from kyanite.runtime.trace import TRACEPARENT
from tests.outlets.webhooks.receiving import LOOPBACK, receiving, soon

SECRET, OTHER = generate().text, generate().text


def settings(folder, **delivery):
    return Settings(
        data_dir=str(folder),
        limits=LimitSettings(cores=4, memory_bytes=1 << 30, shutdown_grace_s=5.0),
        delivery=replace(LOOPBACK, **delivery),
    )


def webhook(receiver, name="n", **fields):
    given = {"workspace": "default", "url": receiver.url, "secrets": (KeptSecret(SECRET),)}
    return Webhook(name=name, creation_time=datetime.now(UTC), **(given | fields))


class Place:
    """An open workspace whose webhooks are delivered."""

    def __init__(self, workspace, webhooks):
        self.workspace, self.webhooks, self.register = workspace, webhooks, webhooks.register

    async def add(self, webhook):
        return await self.webhooks.changed(lambda: self.register.add(webhook))

    async def change(self, name="n", **changes):
        return await self.webhooks.changed(lambda: self.register.change("default", name, **changes))

    async def ended(self, workspace=None, **fields):
        """The id of a job that has ended."""
        job = await (workspace or self.workspace).submit("acme.echo", 1, **fields)
        return (await job.wait(10)).id

    async def letters(self, name="webhook/n", **fields):
        return [letter async for letter in self.workspace.deliveries.letters(name, **fields)]

    async def attempts(self, name="webhook/n"):
        return [attempt async for attempt in self.workspace.deliveries.attempts(name)]

    async def standing(self, name="webhook/n"):
        found = await self.workspace.deliveries.subscribers()
        return next((standing for standing in found if standing.name == name), None)


@asynccontextmanager
async def place(folder, register=None, **delivery):
    """A workspace with webhooks, and a target that echoes."""
    workspace = Workspace.open(settings(folder, **delivery), providers=[])
    if register is not None:
        workspace.host.outlets[:] = [Webhooks(workspace.settings, register(workspace.settings))]
    webhooks = webhooks_of(workspace.host)

    @workspace.target("acme.echo")
    async def echo(task):
        await task.write_output(await task.read_input())

    async with workspace:
        yield Place(workspace, webhooks)


async def test_the_end_of_a_job_is_told_and_signed(tmp_path):
    async with receiving() as receiver, place(tmp_path) as here:
        await here.add(webhook(receiver))
        job = await here.ended(name="told")
        (message,) = await receiver.until(1)
        said = message.verified(SECRET)
        assert (said["type"], said["data"]["job"]["id"], said["data"]["job"]["name"]) == ("job.succeeded", job, "told")
        assert message.headers["content-type"] == "application/json"
        assert message.headers["user-agent"].startswith("kyanite/")
        assert message.path == "/hook/canary-path?key=canary-query"
        (attempt,) = await soon(here.attempts)
        assert (attempt.taken, attempt.status, attempt.job_id, attempt.number) == (True, 204, job, 1)
        assert await here.letters() == []


async def test_the_trace_of_an_event_goes_along(tmp_path):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with receiving() as receiver, place(tmp_path) as here:
        await here.add(webhook(receiver, on=("Submitted", "Succeeded"), payload="cloudevents"))
        token = TRACEPARENT.set(trace)
        await here.ended()
        TRACEPARENT.reset(token)
        submitted, succeeded = await receiver.until(2)
        assert submitted.headers["traceparent"] == succeeded.headers["traceparent"] == trace
        assert submitted.headers["content-type"] == "application/cloudevents+json"


async def test_only_what_is_asked_for_is_sent(tmp_path):
    async with receiving() as receiver, place(tmp_path) as here:
        await here.add(webhook(receiver, tag=("wanted",), name_prefix="a"))
        await here.ended(name="a1")
        await here.ended(name="b", tags=["wanted"])
        wanted = await here.ended(name="a2", tags=["wanted"])
        await receiver.until(1)
        await here.change(tag=(), name_prefix="b")
        changed = await here.ended(name="b2")
        await receiver.until(2)
        assert receiver.jobs == [wanted, changed]


async def test_a_new_one_begins_at_the_present(tmp_path):
    async with receiving() as receiver, place(tmp_path) as here:
        await here.ended()
        await here.add(webhook(receiver))
        job = await here.ended()
        await receiver.until(1)
        assert receiver.jobs == [job]


async def test_where_a_new_one_begins_is_stored_when_it_is_added(tmp_path):
    async with receiving() as receiver, place(tmp_path) as here:
        await here.ended()
        store = here.workspace.host.storage.store
        await here.add(webhook(receiver))
        assert (await store.cursors())["default/webhook/n"].position == await store.head() == 3


async def test_a_failure_is_repeated_under_the_same_id(tmp_path):
    async with receiving() as receiver, place(tmp_path) as here:
        receiver.statuses.extend([500, 302, 503])
        await here.add(webhook(receiver))
        await here.ended()
        messages = await receiver.until(4)
        assert len({message.id for message in messages}) == 1
        assert [attempt.status for attempt in await soon(lambda: _all(here, 4))] == [204, 503, 302, 500]
        assert await here.letters() == []


async def _all(here, count):
    attempts = await here.attempts()
    return attempts if len(attempts) == count else []


async def test_nothing_is_lost_while_it_is_paused(tmp_path):
    async with receiving() as receiver, place(tmp_path) as here:
        await here.add(webhook(receiver))
        first = await here.ended()
        await receiver.until(1)
        await here.change(state="paused")
        missed = [await here.ended() for _ in range(3)]
        assert receiver.jobs == [first]
        assert (await here.standing()).running is False
        await here.change(state="active")
        await receiver.until(4)
        assert sorted(receiver.jobs[1:]) == sorted(missed)


async def test_what_waits_to_be_repeated_outlives_a_pause(tmp_path):
    async with receiving() as receiver, place(tmp_path, delays_s=(0.2,) * 5) as here:
        receiver.status = 500
        await here.add(webhook(receiver))
        job = await here.ended()
        await receiver.until(1)
        await here.change(state="paused")
        (letter,) = await here.letters()
        assert (letter.job_id, letter.attempts, letter.dead) == (job, 1, False)
        receiver.status = 204
        await here.change(state="active")
        await receiver.until(2)
        assert receiver.jobs == [job, job]


async def test_both_secrets_verify_while_one_takes_over(tmp_path):
    async with receiving() as receiver, place(tmp_path, secret_life_s=3_600.0) as here:
        await here.add(webhook(receiver))
        await here.webhooks.changed(lambda: here.register.rotate("default", "n", OTHER, datetime.now(UTC)))
        await here.ended()
        (message,) = await receiver.until(1)
        assert message.verified(SECRET) == message.verified(OTHER)
        assert len(message.headers["webhook-signature"].split(" ")) == 2


async def test_a_secret_whose_time_is_over_signs_no_more(tmp_path):
    async with receiving() as receiver, place(tmp_path, secret_life_s=0.0) as here:
        await here.add(webhook(receiver))
        await here.webhooks.changed(lambda: here.register.rotate("default", "n", OTHER, datetime.now(UTC)))
        await here.ended()
        (message,) = await receiver.until(1)
        assert message.verified(OTHER)
        assert len(message.headers["webhook-signature"].split(" ")) == 1


async def test_a_receiver_that_is_gone_is_left_alone(tmp_path, caplog):
    async with receiving() as receiver, place(tmp_path) as here:
        receiver.status = 410
        await here.add(webhook(receiver))
        job = await here.ended()
        found = await soon(lambda: _disabled(here.register))
        assert found.reason == "the receiver answered 410 Gone"
        await soon(lambda: _halted(here))
        count = len(receiver.messages)
        await here.ended()
        receiver.status = 204
        await here.change(state="active")
        await receiver.until(count + 2)
        assert job in receiver.jobs[count:]
        lines = [record.getMessage() for record in caplog.records if "webhook disabled" in record.getMessage()]
        assert len(lines) == 1
        assert receiver.address in lines[0]


async def test_several_posts_to_one_that_is_gone_are_one_line(tmp_path, caplog):
    async with receiving() as receiver, place(tmp_path, delays_s=(3_600.0,)) as here:
        receiver.status = 410
        receiver.held.clear()
        await here.add(webhook(receiver))
        for _ in range(4):
            await here.ended()
        await receiver.until(4)
        receiver.held.set()
        await soon(lambda: _halted(here))
        assert [letter.attempts for letter in await here.letters()] == [1] * 4
        assert sum("webhook disabled" in record.getMessage() for record in caplog.records) == 1


async def test_one_that_is_disabled_is_sent_nothing_though_its_delivery_has_not_ended_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 3_600.0)
    async with receiving() as receiver, place(tmp_path, delays_s=(3_600.0,)) as here:
        await here.add(webhook(receiver))
        Register(tmp_path, LOOPBACK).disable("default", "n", receiver.url, module.GONE)
        await here.ended()
        (attempt,) = await soon(here.attempts)
        assert (attempt.taken, attempt.status) == (False, None)
        assert "the webhook is disabled: the receiver answered 410 Gone" in attempt.error
        assert receiver.messages == []


async def _halted(here):
    standing = await here.standing()
    return standing is not None and not standing.running


def _disabled(register):
    found = register.get("default", "n")
    return found if found.state == "disabled" else None


async def test_of_one_that_is_removed_nothing_is_kept(tmp_path):
    async with receiving() as receiver, place(tmp_path, delays_s=(3_600.0,)) as here:
        receiver.status = 500
        await here.add(webhook(receiver))
        await here.ended()
        await soon(here.letters)
        await here.webhooks.changed(lambda: here.register.remove("default", "n"))
        assert (await here.letters(), await here.attempts(), await here.standing()) == ([], [], None)
        assert here.register.removed() == ()
        receiver.status = 204
        await here.ended()
        await here.add(webhook(receiver))
        job = await here.ended()
        await receiver.until(2)
        assert receiver.jobs[1:] == [job]


async def test_of_one_that_is_removed_while_it_begins_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 3_600.0)
    removing = []

    class Raced(Register):
        def all(self, workspace=None):
            found = super().all(workspace)
            while removing:
                Register(tmp_path, LOOPBACK).remove("default", removing.pop())
            return found

    def raced(settings):
        return Raced(settings.data_dir, settings.delivery)

    async with receiving() as receiver, place(tmp_path, raced) as here:
        removing.append("n")
        await here.webhooks.changed(lambda: Register(tmp_path, LOOPBACK).add(webhook(receiver)))
        assert removing == []
        await here.webhooks.changed(lambda: None)
        assert here.register.removed() == ()
        assert await here.standing() is None


async def test_what_could_not_be_forgotten_is_at_the_next_look(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    async with receiving() as receiver, place(tmp_path) as here:
        await here.add(webhook(receiver))
        store = here.workspace.host.storage.store
        settle, failures = store.settle, []

        async def unavailable(settlement):
            if settlement.forgotten and len(failures) < 3:
                failures.append(settlement)
                raise StoreUnavailable("for a moment")
            await settle(settlement)

        monkeypatch.setattr(store, "settle", unavailable)
        await here.webhooks.changed(lambda: here.register.remove("default", "n"))
        await soon(lambda: not here.register.removed())
        assert (len(failures), await here.standing()) == (3, None)
        assert len([line for line in caplog.messages if "not served as they should be" in line]) == 1


async def test_it_goes_on_after_a_restart(tmp_path):
    async with receiving() as receiver:
        async with place(tmp_path) as here:
            receiver.status = 500
            await here.add(webhook(receiver))
            first = await here.ended()
            await soon(here.letters)
        unattended = Workspace.open(settings(tmp_path), providers=[])
        unattended.host.outlets.clear()

        @unattended.target("acme.echo")
        async def echo(task):
            return 1

        receiver.messages.clear()
        async with unattended:
            second = (await (await unattended.submit("acme.echo", 1)).wait(10)).id
        assert receiver.messages == []
        receiver.status = 204
        async with place(tmp_path):
            await receiver.until(2)
        assert sorted(receiver.jobs) == sorted([first, second])


async def test_a_workspace_can_be_opened_again(tmp_path):
    async with receiving() as receiver, place(tmp_path) as here:
        await here.add(webhook(receiver))
        first = await here.ended()
        await receiver.until(1)
        await here.workspace.__aexit__(None, None, None)
        assert here.webhooks._served == {}
        async with here.workspace:
            second = await here.ended()
            await receiver.until(2)
        await here.workspace.__aenter__()
        assert receiver.jobs == [first, second]


async def test_what_ends_last_is_told_while_the_workspace_closes(tmp_path):
    async with receiving() as receiver:
        async with place(tmp_path) as here:
            await here.add(webhook(receiver))
            job = await here.ended()
        assert receiver.jobs == [job]


async def test_posts_under_way_end_before_it_does(tmp_path):
    async with receiving() as receiver:
        async with place(tmp_path) as here:
            receiver.held.clear()
            await here.add(webhook(receiver))
            await here.ended()
            await receiver.until(1)
            asyncio.get_running_loop().call_later(0.2, receiver.held.set)
        async with Workspace.open(settings(tmp_path), providers=[]) as again:
            attempts = [attempt async for attempt in again.deliveries.attempts("webhook/n")]
        assert [attempt.status for attempt in attempts] == [204]


async def test_what_another_process_changes_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    async with receiving() as receiver, place(tmp_path) as here:
        other = Register(tmp_path, LOOPBACK)
        other.add(webhook(receiver))
        await soon(here.standing)
        job = await here.ended()
        await receiver.until(1)
        other.change("default", "n", state="paused")
        await soon(lambda: _halted(here))
        other.remove("default", "n")
        await soon(lambda: not other.removed())
        assert await here.standing() is None
        assert receiver.jobs == [job]


async def test_those_of_the_configuration_stand_beside_the_others(tmp_path):
    async with receiving() as receiver:
        given = webhook(receiver, "configured", source="config", secrets=(KeptSecret(OTHER),))

        def register(chosen):
            return Register(chosen.data_dir, chosen.delivery, [given])

        async with place(tmp_path, register) as here:
            await here.add(webhook(receiver))
            await here.ended()
            messages = await receiver.until(2)
            signed = [message for message in messages for secret in (SECRET, OTHER) if _is_by(message, secret)]
            assert len(signed) == 2
            await here.change("configured", state="paused")
            await here.ended()
            assert (await receiver.until(3))[2].verified(SECRET)
        async with place(tmp_path, register) as here:
            assert here.register.get("default", "configured").state == "paused"
            await here.change("configured", state="active")
            assert (await receiver.until(4))[3].verified(OTHER)


def _is_by(message, secret):
    try:
        return bool(message.verified(secret))
    except WebhookVerificationError:
        return False


async def test_workspaces_have_their_own(tmp_path):
    async with receiving() as receiver, place(tmp_path) as here:
        await here.add(webhook(receiver, workspace="alpha", url=f"{receiver.address}/alpha"))
        await here.add(webhook(receiver, workspace="beta", url=f"{receiver.address}/beta"))
        alpha, beta = [await here.workspace.beside(name) for name in ("alpha", "beta")]
        await here.ended()
        first, second = await here.ended(alpha), await here.ended(beta)
        await receiver.until(2)
        assert {(message.path, message.job) for message in receiver.messages} == {("/alpha", first), ("/beta", second)}


async def test_a_test_tells_what_came_of_it_and_changes_nothing(tmp_path):
    async with receiving() as receiver, place(tmp_path) as here:
        await here.add(webhook(receiver))
        attempt = await here.webhooks.test("default", "n")
        assert (attempt.taken, attempt.status, attempt.subscriber) == (True, 204, "default/webhook/n")
        (message,) = receiver.messages
        assert message.verified(SECRET)["type"] == "webhook.test"
        receiver.status = 410
        failed = await here.webhooks.test("default", "n")
        assert (failed.taken, failed.status, failed.excerpt) == (False, 410, "canary-answer")
        assert here.register.get("default", "n").state == "active"
        assert (await here.attempts(), await here.letters()) == ([], [])
        with pytest.raises(WebhookNotFound):
            await here.webhooks.test("default", "none")


async def test_nothing_is_sent_by_what_does_not_run(tmp_path):
    async with receiving() as receiver:
        webhooks = Webhooks(settings(tmp_path))
        await webhooks.changed(lambda: webhooks.register.add(webhook(receiver)))
        with pytest.raises(WorkspaceClosed):
            await webhooks.test("default", "n")
        assert receiver.messages == []


async def test_a_damaged_file_is_told_and_what_waits_is_sent_once_it_is_mended(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    async with receiving() as receiver, place(tmp_path) as here:
        await here.add(webhook(receiver))
        good = (tmp_path / FILE).read_bytes()
        (tmp_path / FILE).write_bytes(b"{")
        await soon(lambda: [line for line in caplog.messages if "webhooks not served" in line])
        with pytest.raises(ConfigError):
            here.register.all()
        job = await here.ended()
        (tmp_path / FILE).write_bytes(good)
        await receiver.until(1)
        assert receiver.jobs == [job]


async def test_no_secret_and_no_path_is_logged(tmp_path, caplog):
    caplog.set_level("DEBUG")
    async with receiving() as receiver, place(tmp_path) as here:
        receiver.statuses.extend([500, 410])
        await here.add(webhook(receiver))
        await here.ended()
        await soon(lambda: _disabled(here.register))
        attempts = await here.attempts()
        letters = await here.letters()
    told = caplog.text + repr(attempts) + repr(letters)
    assert "webhook disabled" in told
    for canary in (SECRET, SECRET.removeprefix("whsec_"), "canary-path", "canary-query"):
        assert canary not in told
