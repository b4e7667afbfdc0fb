from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from kyanite.http.gateway import Signer
from kyanite.http.scopes import Scope
from tests.http.azure.places import NEW, OLD, asked, offering, serving

SIGNER = Signer(b"secret" * 8)


async def linked(client, path=NEW, **body):
    status, answer = await asked(client, "POST", f"{path}/storage/sasUri", json=body)
    assert status == 200, answer
    return urlsplit(answer["sasUri"])


@pytest.mark.parametrize("path", [OLD, NEW])
async def test_a_link_to_a_container_opens_all_in_it(path):
    async with offering() as workspace, serving(workspace) as client:
        url = await linked(client, path, containerName="job-a")
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"http://{client.host}:{client.port}/job-a/job-a"
        for permission in "racwl":
            grant = SIGNER.check(
                "job-a/inputData", url.query, workspace="default", now=workspace.now(), permission=permission
            )
            assert (grant.container, grant.blob) == ("job-a", None)
        life = timedelta(seconds=workspace.settings.server.link_life_s)
        assert abs(grant.expires - workspace.now() - life) < timedelta(minutes=1)
        assert await workspace.blobs.page() == []


async def test_a_link_to_a_blob_opens_that_alone():
    async with offering() as workspace, serving(workspace) as client:
        url = await linked(client, containerName="qio-problems", blobName="problem 1/é")
        assert url.path == "/qio-problems/qio-problems/problem%201/%C3%A9"
        assert parse_qs(url.query)["sp"] == ["racw"]
        grant = SIGNER.check(
            "qio-problems/problem 1/é", url.query, workspace="default", now=workspace.now(), permission="r"
        )
        assert grant.blob == "problem 1/é"


async def test_who_may_read_is_given_links_to_read_by():
    async with offering() as workspace, serving(workspace, Scope.READ) as client:
        assert parse_qs((await linked(client, containerName="job-a")).query)["sp"] == ["rl"]
        assert parse_qs((await linked(client, containerName="job-a", blobName="b")).query)["sp"] == ["r"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"containerName": 1},
        {"containerName": ""},
        {"containerName": ".."},
        {"containerName": "a/b"},
        {"containerName": "a\\b"},
        {"containerName": "a?b"},
        {"containerName": "x" * 300},
        {"containerName": "job-a", "blobName": "../job-b/inputData"},
        {"containerName": "job-a", "blobName": "a//b"},
        {"containerName": "job-a", "blobName": "a\u0000"},
        {"containerName": "job-a", "blobName": "x" * 2000},
    ],
)
async def test_names_that_no_blob_can_have_are_refused(body):
    async with offering() as workspace, serving(workspace) as client:
        status, answer = await asked(client, "POST", f"{NEW}/storage/sasUri", json=body)
        assert (status, answer["error"]["code"]) == (400, "InvalidRequest")
