from io import BytesIO

import anyio
import pytest

from kyanite.http.scopes import Scope
from tests.http.azure.places import ANNEALING, NEW, OLD, asked, offering, serving, submitted, uploaded
from tests.runtime.places import executing, settings

PATHS = pytest.mark.parametrize("path", [OLD, NEW])


@PATHS
async def test_a_job_is_submitted_and_looked_at(path):
    async with offering() as workspace, serving(workspace) as client:
        fields = {
            "containerUri": f"http://{client.host}:{client.port}/job-a/job-a?sig=secret",
            "inputDataFormat": "microsoft.qio.v2",
            "inputParams": {"params": {"seed": 7}},
            "providerId": "Microsoft",
            "target": ANNEALING,
            "metadata": {"m": "1"},
            "outputDataFormat": "microsoft.qio-results.v2",
            "unheard": {"of": []},
        }
        status, answer = await submitted(workspace, client, "a", path, **fields)
        assert status == 201
        kept = {name: value for name, value in fields.items() if name not in {"containerUri", "unheard"}}
        assert kept.items() <= answer.items()
        assert (answer["id"], answer["name"], answer["jobType"]) == ("a", "job a", "Optimization")

        job = await (await workspace.get_job("a")).wait()
        assert await job.get_results() == {}
        status, answer = await asked(client, "GET", f"{path}/jobs/a")
        assert (status, answer["status"], answer["errorData"]) == (200, "Succeeded", None)
        assert "sig=secret" not in repr(job.details)


@PATHS
async def test_links_lead_to_container_input_and_output(path):
    async with offering() as workspace, serving(workspace) as client:
        _, answer = await submitted(workspace, client, "a", path)
        root = f"http://{client.host}:{client.port}/job-a/job-a"
        for name, place in (("containerUri", ""), ("inputDataUri", "/inputData"), ("outputDataUri", "/rawOutputData")):
            address, _, query = answer[name].partition("?")
            assert address == root + place
            assert "se=2" in query
            assert "sig=" in query


@PATHS
async def test_the_same_job_again_is_the_job_that_exists(path):
    async with offering() as workspace, serving(workspace) as client:
        url = await uploaded(workspace, client, "a")
        body = {"name": "n", "target": "acme.echo", "inputDataUri": f"{url}?sv=1&sig=abc"}
        first, one = await asked(client, "PUT", f"{path}/jobs/a", json=body)
        await (await workspace.get_job("a")).wait()
        second, two = await asked(client, "PUT", f"{path}/jobs/a", json=body)
        third, other = await asked(client, "PUT", f"{path}/jobs/a", json=body | {"inputParams": {"shots": 1}})
        assert (first, second, third) == (201, 200, 409)
        assert (one["status"], two["status"]) == ("Waiting", "Succeeded")
        assert other["error"]["code"] == "IdConflict"


async def test_an_input_may_lie_in_a_container_of_its_own():
    async with offering() as workspace, serving(workspace) as client:
        url = await uploaded(workspace, client, "a", b"[1]", container="qio-problems")
        status, answer = await asked(client, "PUT", f"{OLD}/jobs/a", json={"target": "acme.echo", "inputDataUri": url})
        assert status == 201
        assert answer["name"] == "acme.echo"
        assert answer["inputDataUri"].startswith(f"{url}?")
        assert await (await workspace.get_job("a")).get_results() == [1]


async def test_a_job_submitted_without_the_daemon_is_shown_as_well():
    async with offering() as workspace, serving(workspace) as client:
        uri = await workspace.upload(b"1", container="no container of a link", name="über")
        job = await workspace.submit("acme.echo", input_data_uri=uri)
        status, answer = await asked(client, "GET", f"{NEW}/jobs/{job.id}")
        assert (status, answer["inputDataUri"]) == (200, uri)


async def test_a_target_is_found_in_any_case_of_letters():
    async with offering() as workspace, serving(workspace) as client:
        _, answer = await submitted(workspace, client, "a", OLD, target="Acme.FAILS", providerId="ACME")
        assert (answer["target"], answer["providerId"]) == ("acme.fails", "ACME")


async def test_a_failed_job_says_why():
    async with offering() as workspace, serving(workspace) as client:
        await submitted(workspace, client, "a", OLD, target="acme.fails")
        await (await workspace.get_job("a")).wait()
        _, answer = await asked(client, "GET", f"{OLD}/jobs/a")
        assert answer["status"] == "Failed"
        assert answer["errorData"]["code"] == "ProviderFault"
        assert "broken" in answer["errorData"]["message"]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"target": "microsoft.simulatedanealing.cpu"}, "UnknownTarget", "did you mean 'microsoft.simulatedannealing"),
        ({"target": None}, "InvalidRequest", "target is missing"),
        ({"inputDataUri": None}, "InvalidRequest", "inputDataUri is missing"),
        ({"inputDataUri": "https://mine.blob.core.windows.net/c/b?sig=1"}, "InvalidRequest", "no other is configured"),
        (
            {"containerUri": "https://mine.blob.core.windows.net/c?sig=1"},
            "InvalidRequest",
            "containerUri is not in this",
        ),
        ({"inputDataUri": "not an address"}, "InvalidRequest", "inputDataUri is not in this"),
        ({"providerId": "ionq"}, "InvalidRequest", "provider_id"),
        ({"tags": [1]}, "InvalidRequest", "tags[0]"),
        ({"name": "x" * 600}, "InvalidRequest", "name has 600 characters"),
        ({"sessionId": "none"}, "SessionNotFound", "none"),
    ],
)
async def test_what_can_not_be_submitted(change, code, said):
    async with offering() as workspace, serving(workspace) as client:
        status, answer = await submitted(workspace, client, "a", **change)
        assert status == (404 if code == "SessionNotFound" else 400)
        assert answer["error"]["code"] == code
        assert said in answer["error"]["message"]
        assert "sig=1" not in answer["error"]["message"]
        assert await asked(client, "GET", f"{NEW}/jobs/a") == (
            404,
            {"error": {"code": "JobNotFound", "message": "No such job: a"}},
        )


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"target": 1}'])
async def test_a_body_that_is_none(body):
    async with offering() as workspace, serving(workspace) as client:
        status, answer = await asked(client, "PUT", f"{NEW}/jobs/a", data=body)
        assert (status, answer["error"]["code"]) == (400, "InvalidRequest")


async def test_a_body_that_is_too_long():
    async with offering() as workspace, serving(workspace) as client:
        status, answer = await asked(client, "PUT", f"{NEW}/jobs/a", data=BytesIO(b" " * (5 << 20)))
        assert (status, answer["error"]["code"]) == (413, "RequestBodyTooLarge")


async def test_a_full_queue_says_when_to_come_back():
    async with offering(settings=settings(waiting_max=1), drive=False) as workspace, serving(workspace) as client:
        assert (await submitted(workspace, client, "a"))[0] == 201
        url = await uploaded(workspace, client, "b")
        body = {"target": "acme.echo", "inputDataUri": url}
        async with client.put(f"{NEW}/jobs/b", json=body) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "5")
            assert (await response.json())["error"]["code"] == "QueueFull"


# Cancelling, changing, removing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), [("DELETE", f"{OLD}/jobs/a"), ("POST", f"{NEW}/jobs/a:cancel")])
async def test_an_executing_job_is_cancelled_in_the_words_of_each_client(method, path):
    async with offering() as workspace, serving(workspace) as client:
        await submitted(workspace, client, "a", target="acme.holds")
        with anyio.fail_after(5):
            await executing(await workspace.get_job("a"))
        for _again in range(2):
            status, answer = await asked(client, method, path)
            assert (status, answer and answer["status"]) == ((204, None) if method == "DELETE" else (200, "Cancelled"))
        _, answer = await asked(client, "GET", f"{OLD}/jobs/a")
        assert answer["status"] == "Cancelled"
        assert answer["cancellationTime"].endswith("Z")


async def test_a_job_is_removed_once_it_has_ended():
    async with offering() as workspace, serving(workspace) as client:
        await submitted(workspace, client, "a", target="acme.holds")
        status, answer = await asked(client, "DELETE", f"{NEW}/jobs/a")
        assert (status, answer["error"]["code"]) == (409, "JobNotEnded")
        await workspace.cancel_job("a")
        assert await asked(client, "DELETE", f"{NEW}/jobs/a") == (204, None)
        assert (await asked(client, "GET", f"{NEW}/jobs/a"))[0] == 404
        assert await workspace.blobs.page("default/job-a/") == []


async def test_a_job_whose_input_another_job_has_stays():
    async with offering() as workspace, serving(workspace) as client:
        await submitted(workspace, client, "a")
        await (await workspace.get_job("a")).wait()
        url = f"http://{client.host}:{client.port}/job-a/job-a/inputData"
        await asked(client, "PUT", f"{NEW}/jobs/b", json={"target": "acme.echo", "inputDataUri": url})
        status, answer = await asked(client, "DELETE", f"{NEW}/jobs/a")
        assert (status, answer["error"]["code"]) == (409, "JobInUse")


async def test_labels_are_changed_in_the_words_of_each_client():
    async with offering(drive=False) as workspace, serving(workspace) as client:
        await submitted(workspace, client, "a", tags=["old"])
        merge = {"Content-Type": "application/merge-patch+json"}
        patch = b'{"name": "renamed", "priority": "High", "tags": ["a", "b"]}'
        assert await asked(client, "PATCH", f"{NEW}/jobs/a", data=patch, headers=merge) == (
            200,
            {"id": "a", "name": "renamed", "priority": "High", "tags": ["a", "b"]},
        )
        assert (await workspace.get_job("a")).details.priority == 10
        status, answer = await asked(
            client, "PATCH", f"{OLD}/jobs/a", json=[{"op": "replace", "path": "/name", "value": "again"}]
        )
        assert (status, answer["name"], answer["tags"], answer["status"]) == (200, "again", ["a", "b"], "Waiting")


async def test_the_priority_of_an_ended_job_can_not_be_changed_but_its_name_can():
    async with offering() as workspace, serving(workspace) as client:
        await submitted(workspace, client, "a")
        await (await workspace.get_job("a")).wait()
        status, answer = await asked(client, "PATCH", f"{NEW}/jobs/a", json={"priority": "High"})
        assert (status, answer["error"]["code"]) == (400, "InvalidRequest")
        status, answer = await asked(client, "PATCH", f"{NEW}/jobs/a", json={"name": "n", "priority": "Standard"})
        assert (status, answer["name"]) == (200, "n")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/a"),
        ("DELETE", "/jobs/a"),
        ("PATCH", "/jobs/a"),
        ("POST", "/jobs/a:cancel"),
        ("GET", "/jobs/%C3%A9"),
    ],
)
async def test_a_job_that_is_none(method, path):
    async with offering() as workspace, serving(workspace) as client:
        for base in (OLD, NEW):
            status, answer = await asked(client, method, base + path)
            assert (status, answer["error"]["code"]) == (404, "JobNotFound")


async def test_a_reader_is_given_links_to_read_by():
    async with offering() as workspace, serving(workspace, Scope.READ) as reader:
        await workspace.submit("acme.echo", b"1", job_id="a")
        _, answer = await asked(reader, "GET", f"{NEW}/jobs/a")
        assert "sp=rl&" in answer["containerUri"]
        assert "sp=r&" in answer["outputDataUri"]
