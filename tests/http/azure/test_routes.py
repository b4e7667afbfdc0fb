import pytest
from aiohttp import web

from kyanite.errors import BlobCorrupt
from kyanite.http.access import rule
from kyanite.http.azure.routes import add_to
from kyanite.http.scopes import Scope
from tests.http.azure.places import NEW, OLD, asked, offering, serving, submitted


@pytest.mark.parametrize(
    "path",
    [
        NEW,
        OLD,
        NEW.lower(),
        NEW.replace("workspaces", "Workspaces").replace("resourceGroups", "resourcegroups"),
        OLD.replace("Microsoft.Quantum", "MICROSOFT.QUANTUM"),
        f"{NEW[:-1]}Some%20other%20name",
    ],
)
async def test_a_workspace_may_be_spelt_in_any_case_and_called_anything(path):
    async with offering() as workspace, serving(workspace) as client:
        await submitted(workspace, client, "a")
        status, answer = await asked(client, "GET", f"{path}/jobs/a")
        assert (status, answer["id"]) == (200, "a")


@pytest.mark.parametrize("name", ["x" * 261, "a%00b", "a%0Ab", "%E2%80%A8"])
async def test_a_workspace_has_a_short_and_printable_name(name):
    async with offering() as workspace, serving(workspace) as client:
        status, answer = await asked(client, "GET", f"{NEW[:-1]}{name}/jobs")
        assert (status, answer["error"]["code"]) == (400, "InvalidRequest")


async def test_other_paths_and_methods_are_said_to_be_so():
    async with offering() as workspace, serving(workspace) as client:
        status, answer = await asked(client, "GET", f"{NEW}/jobsites")
        assert (status, answer["error"]["code"]) == (404, "NotFound")
        status, answer = await asked(client, "POST", f"{NEW}/jobs")
        assert (status, answer["error"]["code"]) == (405, "MethodNotAllowed")


async def test_delete_means_cancel_only_under_the_old_path():
    async with offering(drive=False) as workspace, serving(workspace) as client:
        await submitted(workspace, client, "a")
        assert (await asked(client, "DELETE", f"{NEW}/jobs/a"))[0] == 409
        assert (await asked(client, "DELETE", f"{OLD}/jobs/a"))[0] == 204
        assert (await workspace.get_job("a")).details.status == "Cancelled"
        assert (await asked(client, "DELETE", f"{NEW}/jobs/a"))[0] == 204


async def test_what_no_client_could_do_better_is_not_told_to_it(monkeypatch):
    async def get_job(job_id):
        raise BlobCorrupt("a secret place")

    async with offering() as workspace, serving(workspace) as client:
        monkeypatch.setattr(workspace, "get_job", get_job)
        status, answer = await asked(client, "GET", f"{NEW}/jobs/a")
        assert (status, answer["error"]["code"]) == (500, "InternalServerError")
        assert "secret" not in answer["error"]["message"]


def test_each_route_asks_for_the_scope_that_it_needs():
    app = web.Application()
    add_to(app)
    needed = {}
    for route in app.router.routes():
        canonical = route.resource.canonical
        old = canonical.startswith("/v1.0/")
        operation = f"{route.method} {canonical.partition('{workspace}')[2] or 'discovery'}"
        needed.setdefault((operation, old), set()).add(rule(route.method, canonical)[0])
    assert all(len(scopes) == 1 for scopes in needed.values())  # however the workspace is spelt
    scopes = {key: scope for key, (scope,) in needed.items()}
    assert scopes["DELETE /jobs/{id}", True] is Scope.SUBMIT
    assert scopes["DELETE /jobs/{id}", False] is Scope.ADMIN
    for operation in ("PUT /jobs/{id}", "PATCH /jobs/{id}", "POST /jobs/{id}:cancel", "POST /sessions/{id}:close"):
        assert scopes[operation, True] is scopes[operation, False] is Scope.SUBMIT
    assert scopes["POST /storage/sasUri", False] is scopes["POST discovery", False] is Scope.READ
    assert {scope for (operation, _), scope in scopes.items() if operation.startswith("GET")} == {Scope.READ}
