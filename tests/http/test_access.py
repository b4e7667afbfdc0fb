"""Who may do what: by key, by where the request comes from, and by route."""

from types import SimpleNamespace

import pytest
from aiohttp import web

from kyanite.config import Settings
from kyanite.http.access import OPEN, RULES, guarded, is_loopback, rule
from kyanite.http.application import answered, application
from kyanite.http.keys import Keys
from kyanite.http.scopes import Scope
from kyanite.http.service import ACCESS, Service, State
from tests.http.places import WORKSPACE, client_of, service_in

JOB = f"{WORKSPACE}/jobs/one"
ROUTES = f"{WORKSPACE}/jobs/{{id}}"


def stand(**state):
    """A service that has a state and a name."""
    return Service(SimpleNamespace(name="default"), Settings(), None, State(**state))


def guarded_app(folder, **state):
    """An application of one route with a key, which says what the client may do, and one without."""

    async def granted(request):
        return web.Response(text=request[ACCESS].name)

    async def free(request):
        return web.Response(text="free")

    app = web.Application(middlewares=[answered, guarded(stand(**state), Keys(folder))])
    app.router.add_route("*", ROUTES, granted)
    app.router.add_route("*", f"/v1.0{ROUTES}", granted)
    app[RULES] = {}
    app[OPEN] = frozenset([app.router.add_get("/free", free).resource])
    return app


async def asked(client, method="GET", path=JOB, **headers):
    """The status of an answer, and what it says."""
    async with client.request(method, path, headers=headers) as answer:
        if answer.status < 400:
            return answer.status, await answer.text()
        error = (await answer.json())["error"]
        assert error["message"]
        assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)
        return answer.status, error["code"]


def key_headers(text):
    return {"x-ms-quantum-api-key": text}, {"Authorization": f"Bearer {text}"}, {"authorization": f"bearer  {text} "}


async def test_on_this_machine_no_key_is_needed(tmp_path):
    async with client_of(guarded_app(tmp_path)) as client:
        assert await asked(client) == (200, "OPERATE")
        for headers in key_headers("any"):  # the clients must send one
            assert await asked(client, "DELETE", **headers) == (200, "OPERATE")


async def test_one_that_is_sent_is_checked_once_there_was_any(tmp_path):
    keys = Keys(tmp_path)
    async with client_of(guarded_app(tmp_path)) as client:
        made, text = keys.create(scope=Scope.READ)
        assert await asked(client) == (200, "OPERATE")
        for right, wrong in zip(key_headers(text), key_headers("any"), strict=True):
            assert await asked(client, **right) == (200, "READ")
            assert await asked(client, **wrong) == (401, "Unauthorized")
        assert await asked(client, Authorization="Basic a2V5") == (401, "Unauthorized")
        keys.revoke(made.id)
        assert await asked(client, Authorization=f"Bearer {text}") == (401, "Unauthorized")
        assert await asked(client, Authorization="Bearer any") == (401, "Unauthorized")


async def test_where_keys_are_required_each_request_has_one(tmp_path):
    keys = Keys(tmp_path)
    async with client_of(guarded_app(tmp_path, keys_required=True)) as client:
        assert await asked(client) == (401, "Unauthorized")
        assert await asked(client, Authorization="Bearer any") == (401, "Unauthorized")
        for scope in Scope:
            _, text = keys.create(scope=scope)
            for headers in key_headers(text):
                assert await asked(client, Host="quantum.example.com", **headers) == (200, scope.name)
        assert await asked(client, path="/nothing/here") == (401, "Unauthorized")
        assert await asked(client, path="/free") == (200, "free")


async def test_what_is_not_there_is_told_to_those_with_a_key(tmp_path):
    _, text = Keys(tmp_path).create(scope=Scope.READ)
    async with client_of(guarded_app(tmp_path, keys_required=True)) as client:
        assert await asked(client, "PUT", "/nothing/here", Authorization=f"Bearer {text}") == (404, "NotFound")
        assert await asked(client, "PUT", "/free", Authorization=f"Bearer {text}") == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("method", "prefix", "least"),
    [
        ("GET", "", Scope.READ),
        ("HEAD", "", Scope.READ),
        ("PUT", "", Scope.SUBMIT),
        ("PATCH", "", Scope.SUBMIT),
        ("POST", "", Scope.SUBMIT),
        ("DELETE", "", Scope.ADMIN),  # removes
        ("DELETE", "/v1.0", Scope.SUBMIT),  # cancels
        ("PUT", "/v1.0", Scope.SUBMIT),
        ("OPTIONS", "", Scope.ADMIN),
    ],
)
async def test_a_scope_includes_those_before_it(tmp_path, method, prefix, least):
    async with client_of(guarded_app(tmp_path, keys_required=True)) as client:
        for scope in Scope:
            _, text = Keys(tmp_path).create(scope=scope)
            async with client.request(method, prefix + JOB, headers={"Authorization": f"Bearer {text}"}) as answer:
                assert answer.status == (200 if scope >= least else 403)
                if answer.status == 403:
                    assert least.name.lower() in (await answer.json())["error"]["message"]


OWN_HOSTS = ("localhost", "localhost:80", "LOCALHOST.", "127.0.0.1:8473", "127.1.2.3", "[::1]:8473", "a.localhost:1")
OTHER_HOSTS = ("example.com", "127.0.0.1.example.com", "10.0.0.1", "0.0.0.0", "[::2]", "localhost.example.com", "", "[")


async def test_other_names_of_this_machine_take_a_key(tmp_path):
    """A page whose name leads here after a moment (DNS rebinding) has its own name in `Host`."""
    async with client_of(guarded_app(tmp_path)) as client:
        for host in OWN_HOSTS:
            assert await asked(client, Host=host) == (200, "OPERATE"), host
        for host in OTHER_HOSTS:
            assert await asked(client, Host=host) == (403, "Forbidden"), host
            assert await asked(client, Host=host, Authorization="Bearer any") == (403, "Forbidden"), host
        _, text = Keys(tmp_path).create()
        assert await asked(client, Host="example.com", Authorization=f"Bearer {text}") == (200, "SUBMIT")


async def test_pages_from_elsewhere_take_a_key(tmp_path):
    async with client_of(guarded_app(tmp_path)) as client:
        own = f"http://127.0.0.1:{client.port}"
        assert await asked(client, "PUT", Origin=own) == (200, "OPERATE")
        for origin in ("https://example.com", "null", "", "http://127.0.0.1", f"https://127.0.0.1:{client.port}"):
            assert await asked(client, "PUT", Origin=origin) == (403, "Forbidden"), origin
        _, text = Keys(tmp_path).create()
        assert await asked(client, Origin="https://example.com", Authorization=f"Bearer {text}") == (200, "SUBMIT")


async def test_when_it_is_about_to_end_new_work_is_refused(tmp_path):
    async with client_of(guarded_app(tmp_path, draining=True)) as client:
        async with client.put(JOB) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (503, "ServiceUnavailable")
            assert int(answer.headers["Retry-After"]) > 0
        for method in ("GET", "PATCH", "POST", "DELETE"):
            assert (await asked(client, method))[0] == 200


async def test_a_file_of_keys_that_is_none_opens_nothing(tmp_path):
    (tmp_path / "keys.json").write_text("{")
    async with client_of(guarded_app(tmp_path, keys_required=True)) as client:
        assert await asked(client, Authorization="Bearer any") == (500, "InternalServerError")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.1", "::1", "[::1]", "x.localhost"])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "::ffff:8.8.8.8", "localhost.com", "xlocalhost", "192.168.0.1"])
def test_not_loopback(host):
    assert not is_loopback(host)


async def test_every_route_of_the_azure_edge_asks_for_what_it_should(tmp_path):
    """Nothing that changes something is open to `read`, nor is removing to `submit`."""
    needed = {scope: set() for scope in Scope}
    work = set()
    async with service_in(tmp_path) as service:
        app = application(service, Keys(tmp_path))
        own = {*app[RULES], *(("HEAD", path) for _, path in app[RULES])}
        for route in app.router.routes():
            if route.resource not in app[OPEN] and (route.method, route.resource.canonical) not in own:
                scope, takes_work, _ = rule(route.method, route.resource.canonical)
                name = shortened(route.method, route.resource.canonical)
                needed[scope].add(name)
                work |= {name} if takes_work else set()
    changing = {name for name in needed[Scope.READ] if not name.startswith(("GET ", "HEAD "))}
    assert changing == {"POST storage/sasUri", "POST resources"}
    assert needed[Scope.SUBMIT] == {
        *("PUT jobs/{id}", "PATCH jobs/{id}", "POST jobs/{id}:cancel", "DELETE /v1.0 jobs/{id}"),
        *("PUT sessions/{id}", "POST sessions/{id}:close"),
    }
    assert needed[Scope.ADMIN] == {"DELETE jobs/{id}"}
    assert work == {"PUT jobs/{id}", "PUT sessions/{id}"}


def shortened(method, canonical):
    """A route by what tells it from others, such as `PUT jobs/{id}`."""
    old = "/v1.0 " if method == "DELETE" and canonical.startswith("/v1.0") else ""
    last = canonical.rpartition("{workspace}/")[2].rpartition("Microsoft.ResourceGraph/")[2]
    return f"{method} {old}{last}"
