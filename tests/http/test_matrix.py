"""The matrix of who may do what: every operation, asked by everybody who might want to, in one daemon."""

import re
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import aiohttp
from msgspec.structs import replace
from yarl import URL

from kyanite.config import DeliverySettings
from kyanite.core.letters import Letter
from kyanite.http.application import application
from kyanite.http.daemon import serving
from kyanite.http.native import care
from kyanite.http.native.operation import EXAMPLES
from kyanite.http.scopes import Scope
from kyanite.outlets.webhooks.definition import KeptSecret, Webhook, WebhookNotFound
from kyanite.outlets.webhooks.secret import generate
from kyanite.ports import Cursor, Settlement
from kyanite.runtime.subscriptions import cursor_name
from tests.http import matrix
from tests.http.matrix import ANYBODY, LEAST, STANDING
from tests.http.places import settings

KEY = "x-ms-quantum-api-key"
CHOSEN = {"Kyanite-Workspace": "alpha"}
SECRET = "the secret of alpha"
REFUSED = {401: "Unauthorized", 403: "Forbidden"}


class Client(NamedTuple):
    """Somebody who asks: what is sent along, what that may do, and where. Without a scope, it is nobody's key."""

    headers: dict
    scope: Scope | None = None
    keys_required: bool = True
    elsewhere: bool = False
    """Whether it is one of the workspace beta."""
    crosses: bool = False
    """Whether it asks for a workspace that is not its own."""

    def expected(self, least):
        """The status that it is refused with, `None` if it is not."""
        if least == ANYBODY:
            return None
        if self.scope is None:
            return 401
        return 403 if self.crosses or self.scope < least else None


def clients(running):
    """Everybody, by what they are called in a failure."""
    keys = running.keys

    def made(scope, workspace="alpha"):
        return keys.create("", scope, workspace)[1]

    gone, revoked = keys.create("", Scope.ADMIN, "alpha")
    keys.revoke(gone.id)
    admin = made(Scope.ADMIN)
    foreign = made(Scope.ADMIN, "beta")
    wrong = admin[:-1] + ("0" if admin[-1] != "0" else "1")
    return {
        "no key": Client({}),
        "no key on loopback": Client(CHOSEN, Scope.OPERATE, keys_required=False),
        "a malformed key": Client({"Authorization": "Bearer kya__"}),
        "another scheme": Client({"Authorization": "Basic Og=="}),
        "a wrong key": Client({KEY: wrong}),
        "a wrong key on loopback": Client({"Authorization": f"Bearer {wrong}"}, keys_required=False),
        "a revoked key": Client({KEY: revoked}),
        "a key of another workspace": Client({KEY: foreign}, Scope.ADMIN, elsewhere=True),
        "a key of another that asks for this": Client({KEY: foreign, **CHOSEN}, Scope.ADMIN, crosses=True),
        "a key of this that asks for another": Client(
            {KEY: admin, "Kyanite-Workspace": "beta"}, Scope.ADMIN, crosses=True
        ),
        "read": Client({KEY: made(Scope.READ)}, Scope.READ),
        "submit": Client({"Authorization": f"Bearer {made(Scope.SUBMIT)}"}, Scope.SUBMIT),
        "admin": Client({KEY: admin}, Scope.ADMIN),
        "operate": Client({KEY: made(Scope.OPERATE), **CHOSEN}, Scope.OPERATE),
        "the door's key": Client({KEY: running.service.state.door_key, **CHOSEN}, Scope.OPERATE),
    }


class World:
    """A daemon of the workspaces alpha, which is asked for, and beta; only what is asked for changes anything."""

    def __init__(self, running, http):
        self.running, self.http = running, http
        self.number = 0
        self.wrong = []
        self.cells = 0

    async def prepare(self):
        """Have things in both, none of the same name but for one blob; nothing in them goes on by itself."""
        first = self.running.service.workspace

        @first.target("acme.echo", slots=1)
        async def held(task):
            await task.wait_cancel_requested()

        @first.target("acme.quick")
        async def quick(task):
            await task.write_output(await task.read_input())

        await first.submit("acme.echo", 1)  # and all others on it wait
        for name in ("alpha", "beta"):
            workspace = await self.running.service.tenant(name)
            things = {parameter: thing.replace("alpha", name) for parameter, thing in STANDING.items()}
            label = SECRET.replace("alpha", name)
            job = await workspace.submit("acme.quick", {"of": name}, job_id=things["job_id"], name=label, tags=[label])
            await job.wait(10)
            await job.upload_attachment(things["name"], b"beside")
            await workspace.open_session("acme.echo", session_id=things["session_id"], name=label)
            await workspace.upload(b"content", container=things["container"], name=things["name"])
            await workspace.upload(b"input", container="everybody", name="input")
            await self.add_webhook(name, things["webhook"], tag=(label,))
        self.alpha = await self.running.service.tenant("alpha")
        self.key = self.running.keys.create(SECRET, Scope.READ, "alpha")[0]
        async with self.ask("PUT", f"/v1/cursors/{STANDING['name']}", self.admin, {"position": 1}) as answer:
            assert answer.status == 200

    @property
    def admin(self):
        return {KEY: self.running.service.state.door_key, **CHOSEN}

    def ask(self, method, path, headers, body=None):
        """A request, to be entered."""
        if callable(body):
            body = body(self.running.address)
        sent = {} if body is None else {"data": body} if isinstance(body, bytes) else {"json": body}
        if path.startswith("/alpha-things") and method == "PUT":
            headers = {**headers, "x-ms-blob-type": "BlockBlob"}
        return self.http.request(method, URL(self.running.address + path, encoded=True), headers=headers, **sent)

    def new(self):
        self.number += 1
        return f"new-{self.number}"

    async def waiting(self):
        return (await self.alpha.submit("acme.echo", 1)).id

    async def ended(self):
        job = await self.alpha.submit("acme.echo", 1)
        await job.cancel()
        return job.id

    async def add_webhook(self, workspace, name, **fields):
        """A webhook at which nobody listens, for what does not happen."""
        secrets = (KeptSecret(generate().text),)
        made = Webhook(
            name=name, workspace=workspace, url="http://127.0.0.1:9/", secrets=secrets, on=("Resumed",), **fields
        )
        await self.running.service.webhooks.changed(lambda: self.running.service.webhooks.register.add(made))
        return name

    async def undo(self):
        """Have no webhook of the name in the example, and a dead letter of the subscriber in that of a replay."""
        with suppress(WebhookNotFound):
            self.running.service.webhooks.register.remove("alpha", EXAMPLES["webhook"])
        name, now = cursor_name("alpha", "example"), self.alpha.now()
        letter = Letter(
            subscriber=name, position=1, workspace="alpha", job_id="a", version=1, attempts=1, first_time=now
        )
        store = self.alpha.host.storage.store
        await store.settle(Settlement(cursors=(Cursor(name, 1, now),), letters=(letter,)))

    async def things(self, asked, *, afresh=True):
        """What a request is about: if need be, something that it can still do this to."""
        things = {**STANDING, "key_id": self.key.id}
        if afresh and asked.changes:
            match asked.name:
                case "changeJob" | "cancelJob" | "PATCH jobs/{id}" | "POST jobs/{id}:cancel" | "DELETE v1.0 jobs/{id}":
                    things["job_id"] = await self.waiting()
                case "deleteJob" | "DELETE jobs/{id}":
                    things["job_id"] = await self.ended()
                case "putInput" | "PUT jobs/{id}":
                    things["job_id"] = self.new()
                case "PUT sessions/{id}":
                    things["session_id"] = self.new()
                case "closeSession" | "POST sessions/{id}:close":
                    things["session_id"] = (await self.alpha.open_session("acme.echo")).id
                case "revokeKey":
                    things["key_id"] = self.running.keys.create("", Scope.READ, "alpha")[0].id
                case "changeWebhook" | "removeWebhook" | "rotateWebhook":
                    things["webhook"] = await self.add_webhook("alpha", self.new())
                case _:
                    await self.undo()
                    things["name"] = self.new()
        return things

    async def seen(self):
        """All that alpha has, and whatever could be changed of it."""
        details = [job.details async for job in self.alpha.list_jobs()]
        keys = [key for key in self.running.keys.all() if key.workspace == "alpha"]
        cursors = await self.alpha.host.storage.store.cursors()
        letters = await self.alpha.host.storage.store.letters(cursor_name("alpha", "example"))
        staged = self.running.keys.folder.glob("staging/*/*/*")
        return (
            sorted((row.id, row.status, row.name, row.tags, row.priority) for row in details),
            [session async for session in self.alpha.list_sessions()],
            [blob.key for blob in await self.alpha.blobs.page("alpha/", limit=10_000)],
            [(key.id, key.revocation_time) for key in keys],
            {name: known.position for name, known in cursors.items() if _is_clients(name)},
            [letter.dead for letter in letters],
            self.running.service.webhooks.register.all("alpha"),
            sorted(str(path) for path in staged),
        )

    def check(self, holds, *cell):
        self.cells += 1
        if not holds:
            self.wrong.append(cell)


def _is_clients(name):
    """Whether a cursor is one of the workspace alpha that only its clients move."""
    return name.startswith(cursor_name("alpha", "")) and not name.startswith(cursor_name("alpha", "webhook/"))


@asynccontextmanager
async def world(folder):
    """A daemon with things in it."""
    chosen = settings(folder, keys_required=True)
    delivery = DeliverySettings(plain_http=True, allow=("127.0.0.1",), timeout_s=1.0)
    chosen = replace(chosen, limits=replace(chosen.limits, shutdown_grace_s=0.01), delivery=delivery)
    async with serving(chosen) as running, aiohttp.ClientSession() as http:
        made = World(running, http)
        await made.prepare()
        yield made


def normalised(text, things):
    """An answer without the names that were asked for, times, and what is made of either."""
    for parameter in sorted(things, key=lambda each: -len(things[each])):
        text = text.replace(things[parameter], f"<{parameter}>")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.%A-F]+Z", "<time>", text)
    return re.sub(r"sig=[\w-]+|[0-9a-f]{64}", "<digest>", text)


async def told(world, asked, headers, things, path=None):
    """Status and what tells one answer from another."""
    async with world.ask(asked.method, path or asked.filled(**things), headers, asked.body) as answer:
        harmless = answer.headers.get("X-Content-Type-Options") == "nosniff" and "Cache-Control" in answer.headers
        shared = [name for name in answer.headers if name.lower().startswith("access-control-")]
        world.check(harmless and not shared, asked.method, asked.path, "headers", dict(answer.headers))
        if asked.streams and answer.status == 200:
            answer.close()
            return answer.status, {}, ""
        kept = {name: answer.headers.get(name) for name in ("Content-Type", "Location", "x-ms-error-code", "Allow")}
        return answer.status, kept, await answer.text()


def the_same(one, other, things, others):
    """Whether answers differ in nothing but what was asked for."""
    return normalised(str(one), things) == normalised(str(other), others)


async def asked_by(world, asked, name, client):
    """Ask once as this client, and see what comes of it."""
    least = LEAST[asked.name]
    world.running.service.state.keys_required = client.keys_required
    things = await world.things(asked, afresh=not client.elsewhere)
    before = await world.seen() if asked.changes else None
    answer = await told(world, asked, client.headers, things)
    status, expected = answer[0], client.expected(least)
    cell = (asked.method, asked.path, name)
    if expected is not None:
        code = REFUSED[expected] if asked.method != "HEAD" else ""
        world.check((status, code in answer[2]) == (expected, True), *cell, answer)
    else:
        world.check(status not in REFUSED and status < 500, *cell, answer)
    if before is not None:
        effective = expected is None and not client.elsewhere
        world.check((await world.seen() != before) is effective, *cell, "effect", answer)
    world.check(SECRET not in str(answer) or (expected is None and not client.elsewhere), *cell, answer)
    if client.elsewhere and expected is None and asked.parameters:
        unknown = {parameter: f"un{value}" for parameter, value in things.items()}
        other = await told(world, asked, client.headers, unknown)
        world.check(the_same(answer, other, things, unknown), *cell, answer, other)


async def test_everybody_may_do_what_they_may_and_nothing_else(tmp_path, monkeypatch):
    async def all_well(resolved, tell):
        del resolved
        await tell({"part": "all"})

    monkeypatch.setattr(care, "_diagnose", all_well)  # which looks over the machine for seconds
    async with world(tmp_path) as stand:
        app = application(stand.running.service, stand.running.keys)
        everything = [*matrix.native(), *matrix.routed(app)]
        everybody = clients(stand.running)
        for asked in everything:
            for name, client in everybody.items():
                await asked_by(stand, asked, name, client)
        assert stand.wrong == []
        assert stand.cells >= 2 * len(everything) * len(everybody)


def signed(link, asked, things):
    """The address of a request with the signature of a link to its container."""
    return f"{asked.filled(**things)}&{link.partition('?')[2]}"


async def link_for(world, client):
    """A link to the container of `STANDING`, as this client gets it; `None` if it gets none."""
    path = matrix.WORKSPACE.replace("{", "").replace("}", "") + "/storage/sasUri"
    async with world.ask("POST", path, client.headers, {"containerName": STANDING["container"]}) as answer:
        return (await answer.json())["sasUri"] if answer.status == 200 else None


async def linked_by(world, asked, name, client):
    """Ask the gateway as this client: with its key alone, and with the link that it gets."""
    world.running.service.state.keys_required = client.keys_required
    link, cell = await link_for(world, client), (asked.method, asked.path, name)
    world.check((link is not None) is (client.expected(Scope.READ) is None), *cell, "link")
    things = await world.things(asked, afresh=not client.elsewhere)
    before = await world.seen()
    bare = await told(world, asked, client.headers, things)
    world.check(bare[0] == 403, *cell, "no link", bare)
    if link is None:
        world.check(await world.seen() == before, *cell, "effect")
        return
    answer = await told(world, asked, {}, things, signed(link, asked, things))
    allowed = client.scope >= LEAST[asked.name]
    world.check((answer[0] not in REFUSED and answer[0] < 500) is allowed, *cell, answer)
    effective = asked.changes and allowed and not client.elsewhere
    world.check((await world.seen() != before) is effective, *cell, "effect", answer)
    if client.elsewhere:
        await _foreign(world, asked, cell, link, answer, things)


async def _foreign(world, asked, cell, link, answer, things):
    """What a link of another workspace finds is what it finds where there is nothing; it opens no other place."""
    before = await world.seen()
    unknown = {**things, "name": "unheard-of"}
    other = await told(world, asked, {}, unknown, signed(link, asked, unknown))
    world.check(the_same(answer, other, things, unknown), *cell, answer, other)
    for changed in (link.replace("ws=beta", "ws=alpha"), link.replace("&ws=beta", ""), f"{link}0"):
        refused = await told(world, asked, {}, things, signed(changed, asked, things))
        world.check(refused[0] == 403, *cell, changed, refused)
    world.check(await world.seen() == before, *cell, "effect")


async def test_a_link_opens_what_its_owner_may_and_nothing_else(tmp_path):
    async with world(tmp_path) as stand:
        for asked in matrix.linked():
            for name, client in clients(stand.running).items():
                await linked_by(stand, asked, name, client)
        assert stand.wrong == []


async def test_every_operation_has_a_row_and_every_row_an_operation(tmp_path):
    async with world(tmp_path) as stand:
        app = application(stand.running.service, stand.running.keys)
        everything = [*matrix.native(), *matrix.routed(app), *matrix.linked()]
        assert {asked.name for asked in everything} == LEAST.keys()
        routes, free = matrix.routes_of(app)
        gateway = {path for method, path in routes if method == "*"}
        assert {(asked.method, asked.path) for asked in everything if "{container}?" not in asked.path} >= {
            (method, path) for method, path in routes if path not in gateway
        }
        assert gateway == {"/{container}/{same}", "/{container}/{same}/{blob}"}
        assert free - gateway == {asked.path for asked in everything if LEAST[asked.name] == ANYBODY}
