"""Several workspaces in one daemon: a key opens one, and nothing of the others shows through it."""

from contextlib import asynccontextmanager

import aiohttp
import pytest
from msgspec.structs import replace
from yarl import URL

from kyanite import Workspace
from kyanite.config import WorkspaceSettings
from kyanite.http.daemon import serving
from kyanite.http.keys import Keys
from kyanite.http.scopes import Scope
from tests.http.places import WORKSPACE, settings

PROVIDERS = WORKSPACE.rpartition("/")[0]


class Tenant:
    """What a client that holds a key of one workspace sees of the daemon."""

    def __init__(self, http, address, key=None, path=WORKSPACE):
        self.http, self.address, self.key, self.path = http, address, key, path

    async def ask(self, method, path, **options):
        headers = {} if self.key is None else {"x-ms-quantum-api-key": self.key}
        headers |= options.pop("headers", {})
        url = URL(path if "://" in path else f"{self.address}{path}", encoded=True)
        async with self.http.request(method, url, headers=headers, **options) as answer:
            is_json = answer.content_type.endswith("json")
            return answer.status, await (answer.json() if is_json else answer.read())

    async def link(self, container, blob=None):
        body = {"containerName": container, "blobName": blob}
        status, answer = await self.ask("POST", f"{self.path}/storage/sasUri", json=body)
        assert status == 200, answer
        return answer["sasUri"]

    async def submit(self, job_id, content):
        url = await self.link(f"job-{job_id}", "inputData")
        status, _ = await self.ask("PUT", url, data=content, headers={"x-ms-blob-type": "BlockBlob"})
        assert status == 201
        body = {"id": job_id, "name": job_id, "target": "acme.echo", "inputDataUri": url.partition("?")[0]}
        body |= {"providerId": "acme", "containerUri": url.rpartition("/")[0]}
        return await self.ask("PUT", f"{self.path}/jobs/{job_id}", json=body)

    async def jobs(self):
        status, answer = await self.ask("GET", f"{self.path}/jobs")
        assert status == 200, answer
        return [job["id"] for job in answer["value"]]


@asynccontextmanager
async def daemon(folder, **workspaces):
    chosen = replace(settings(folder, keys_required=True), workspaces=workspaces)
    keys = Keys(folder)
    made = {
        name: keys.create(name, Scope.OPERATE if name == "operator" else Scope.ADMIN, workspace=name)[1]
        for name in ("alpha", "beta", "operator")
    }
    async with serving(chosen) as running, aiohttp.ClientSession() as http:

        @running.service.workspace.target("acme.echo")
        async def echo(task):
            await task.write_output(await task.read_input())

        yield running, {name: Tenant(http, running.address, key) for name, key in made.items()}


async def test_the_same_id_in_two_workspaces_is_two_jobs(tmp_path):
    async with daemon(tmp_path) as (running, tenants):
        alpha, beta = tenants["alpha"], tenants["beta"]
        for tenant, content in ((alpha, b"of alpha"), (beta, b"of beta")):
            status, _ = await tenant.submit("same", content)
            assert status == 201
            opened = await running.service.tenant("alpha" if tenant is alpha else "beta")
            await (await opened.get_job("same")).wait(10)
            _, job = await tenant.ask("GET", f"{WORKSPACE}/jobs/same")
            assert await tenant.ask("GET", job["outputDataUri"]) == (200, content)
            assert await tenant.ask("GET", job["inputDataUri"]) == (200, content)
        assert (await alpha.jobs(), await beta.jobs()) == (["same"], ["same"])
        assert [job.id async for job in running.service.workspace.list_jobs()] == []


async def test_jobs_of_another_answer_as_unknown_ones_do(tmp_path):
    async with daemon(tmp_path) as (_, tenants):
        await tenants["alpha"].submit("mine", b"x")
        session = {"providerId": "acme", "target": "acme.echo"}
        assert (await tenants["alpha"].ask("PUT", f"{WORKSPACE}/sessions/mine", json=session))[0] == 201
        beta = tenants["beta"]
        asked = [
            ("GET", "jobs/{}"),
            ("DELETE", "jobs/{}"),
            ("PATCH", "jobs/{}"),
            ("POST", "jobs/{}:cancel"),
            ("GET", "sessions/{}"),
            ("POST", "sessions/{}:close"),
            ("GET", "sessions/{}/jobs"),
        ]
        for method, path in asked:
            body = {"json": {"name": "other"}} if method == "PATCH" else {}
            foreign = await beta.ask(method, f"{WORKSPACE}/{path.format('mine')}", **body)
            unknown = await beta.ask(method, f"{WORKSPACE}/{path.format('none')}", **body)
            assert foreign[0] == unknown[0] == 404, path
            assert str(foreign[1]).replace("mine", "none") == str(unknown[1]), path


async def test_a_link_opens_the_workspace_that_it_was_made_in(tmp_path):
    async with daemon(tmp_path) as (_, tenants):
        alpha, beta = tenants["alpha"], tenants["beta"]
        url = await alpha.link("shared", "x")
        assert (await alpha.ask("PUT", url, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}))[0] == 201
        assert await beta.ask("GET", url) == (200, b"x")  # whoever holds the link may
        assert (await beta.ask("GET", await beta.link("shared", "x")))[0] == 404
        for other in ("beta", "default", "", "alpha%2F..", "nobody"):
            assert (await beta.ask("GET", url.replace("ws=alpha", f"ws={other}")))[0] == 403, other
        assert (await beta.ask("GET", url.replace("&ws=alpha", "")))[0] == 403
        doubled = await beta.ask("GET", f"{url}&ws=beta")
        assert doubled[0] in {200, 403}
        assert doubled == (200, b"x") or doubled[0] == 403


async def test_an_input_of_another_workspace_is_not_taken(tmp_path):
    async with daemon(tmp_path) as (_, tenants):
        alpha, beta = tenants["alpha"], tenants["beta"]
        await alpha.submit("mine", b"secret")
        url = await alpha.link("job-mine", "inputData")
        body = {"id": "theirs", "target": "acme.echo", "inputDataUri": url, "containerUri": url.rpartition("/")[0]}
        status, answer = await beta.ask("PUT", f"{WORKSPACE}/jobs/theirs", json=body)
        assert (status, answer["error"]["code"]) == (400, "InvalidRequest")


async def test_a_key_names_its_workspace_and_no_other(tmp_path):
    async with daemon(tmp_path, gamma=WorkspaceSettings()) as (_, tenants):
        alpha = tenants["alpha"]
        await alpha.submit("mine", b"x")
        for path in ("alpha", "beta", "gamma", "never-heard-of"):  # scripts name their own
            assert (await alpha.ask("GET", f"{PROVIDERS}/{path}/jobs/mine"))[0] == 200, path
        for name in ("beta", "gamma", "never-heard-of", "default"):
            assert (await alpha.ask("GET", f"{WORKSPACE}/jobs", headers={"Kyanite-Workspace": name}))[0] == 403, name
        assert (await alpha.ask("GET", f"{WORKSPACE}/jobs", headers={"Kyanite-Workspace": "alpha"}))[0] == 200


async def test_an_operator_chooses(tmp_path):
    async with daemon(tmp_path, gamma=WorkspaceSettings()) as (_, tenants):
        await tenants["alpha"].submit("mine", b"x")
        operator = tenants["operator"]
        assert await operator.jobs() == []
        status, answer = await operator.ask("GET", f"{WORKSPACE}/jobs", headers={"Kyanite-Workspace": "alpha"})
        assert (status, [job["id"] for job in answer["value"]]) == (200, ["mine"])
        for known in ("alpha", "gamma"):
            operator.path = f"{PROVIDERS}/{known}"
            assert await operator.jobs() == (["mine"] if known == "alpha" else [])
        status, answer = await operator.ask("GET", f"{WORKSPACE}/jobs", headers={"Kyanite-Workspace": "../x"})
        assert (status, answer["error"]["code"]) == (400, "InvalidRequest")


async def test_what_waits_in_any_workspace_goes_on_after_a_restart(tmp_path):
    async with Workspace.open(settings(tmp_path), drive=False, providers=[]) as first:
        other = await first.beside("delta")
        job = await other.submit("microsoft.simulatedannealing.cpu", {"bad": "input"})
    async with serving(settings(tmp_path)) as running:
        assert "delta" in running.service.state.tenants
        ended = await (await (await running.service.tenant("delta")).get_job(job.id)).wait(30)
        assert ended.details.error_data is not None


@pytest.mark.parametrize("names", [3])
async def test_open_workspaces_are_counted(tmp_path, monkeypatch, names):
    monkeypatch.setattr("kyanite.http.service.TENANTS_MAX", names)
    async with serving(settings(tmp_path)) as running, aiohttp.ClientSession() as http:
        anybody = Tenant(http, running.address)
        statuses = []
        for number in range(names + 1):
            headers = {"Kyanite-Workspace": f"w{number}"}
            statuses.append((await anybody.ask("GET", f"{WORKSPACE}/jobs", headers=headers))[0])
        assert statuses == [200] * names + [429]
