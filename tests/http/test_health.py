from aiohttp import web

from kyanite import Workspace
from kyanite.http import health
from kyanite.http.service import SERVICE, Service, State
from tests.http.places import client_in, client_of, settings


async def test_it_answers_and_is_ready(tmp_path):
    async with client_in(tmp_path, keys_required=True) as client:
        async with client.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok")
        async with client.get("/readyz", headers={"Host": "10.1.2.3"}) as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ready"})
        async with client.head("/readyz") as answer:
            assert answer.status == 200


async def test_while_it_drains_it_answers_and_is_not_ready(tmp_path):
    async with client_in(tmp_path, draining=True) as client:
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        async with client.get("/readyz") as answer:
            assert answer.status == 503
            assert "about to end" in (await answer.json())["error"]["message"]


async def test_without_a_workspace_it_is_not_ready(tmp_path):
    chosen = settings(tmp_path)
    app = web.Application()
    app[SERVICE] = Service(Workspace.open(chosen), chosen, None, State())
    health.add_routes(app)
    async with client_of(app) as client, client.get("/readyz") as answer:
        assert answer.status == 503
        assert "not open" in (await answer.json())["error"]["message"]
