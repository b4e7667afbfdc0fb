"""Which link opens what, over the wire."""

from datetime import timedelta

import pytest

from tests.http.gateway.places import ALL, HOUR, block_list, code_of, served

OPERATIONS = [
    ("GET", None, {"restype": "container"}, "r"),
    ("PUT", None, {"restype": "container"}, "cw"),
    ("GET", None, {"restype": "container", "comp": "list"}, "l"),
    ("GET", "b", {}, "r"),
    ("PUT", "new", {}, "cw"),
    ("PUT", "new", {"comp": "block", "blockid": "AAAA"}, "cw"),
    ("PUT", "new", {"comp": "blocklist"}, "cw"),
    ("GET", "b", {"comp": "blocklist"}, "r"),
    ("DELETE", "b", {}, "d"),
]
OK = {200, 201, 202, 409}
HEADERS = {"x-ms-blob-type": "BlockBlob"}


def content_of(method, query):
    if method != "PUT":
        return None
    return block_list() if query.get("comp") == "blocklist" else b"x"


@pytest.mark.parametrize(("method", "blob", "query", "needed"), OPERATIONS)
async def test_each_operation_takes_its_permission(tmp_path, method, blob, query, needed):
    async with served(tmp_path) as gateway:
        await gateway.workspace.blobs.put("default/c/b", b"x")
        sent = {"data": content_of(method, query), "headers": HEADERS}

        async def ask(**options):
            return await gateway.ask(method, "c", blob, **sent, **query, **options)

        for lacking in ("".join(letter for letter in ALL if letter not in needed), ""):
            assert code_of(await ask(permissions=lacking)) == (403, "AuthorizationPermissionMismatch")
        assert code_of(await ask(life=-HOUR)) == (403, "AuthenticationFailed")
        for url in (gateway.url("d", blob), gateway.url("c", "other", scope="blob")):
            async with gateway.session.request(method, gateway.url("c", blob).with_query({**query, **url.query})) as no:
                assert (no.status, no.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
        async with gateway.session.request(method, gateway.url("c", blob).with_query(query)) as answer:
            assert (answer.status, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
        for letter in needed:
            assert (await ask(permissions=letter))[0] in OK


async def test_a_link_to_a_blob_opens_that_blob_only(tmp_path):
    async with served(tmp_path) as gateway:
        await gateway.workspace.blobs.put("default/c/b", b"x")
        assert (await gateway.ask("GET", "c", "b", scope="blob"))[0] == 200
        signature = gateway.url("c", "b", scope="blob").raw_query_string
        for path in ("c/c", "c/c/bb", "d/d/b"):
            url = f"{gateway.address}/{path}?restype=container&{signature}"
            async with gateway.session.get(url) as answer:
                assert (answer.status, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")


async def test_a_link_ends_by_the_clock_of_the_workspace(tmp_path):
    async with served(tmp_path) as gateway:
        await gateway.workspace.blobs.put("default/c/b", b"x")
        assert (await gateway.ask("GET", "c", "b", life=timedelta(seconds=30)))[0] == 200
        answer = await gateway.ask("GET", "c", "b", life=timedelta(0))
        assert code_of(answer) == (403, "AuthenticationFailed")
        assert b"expired" in answer[2]


async def test_account_and_container_are_the_same(tmp_path):
    async with served(tmp_path) as gateway:
        for path in ("a/b", "a/b/c", "subscriptions/x/unknown"):
            async with gateway.session.get(f"{gateway.address}/{path}") as answer:
                assert answer.status == 404
                assert "x-ms-error-code" not in answer.headers  # no address of this edge


async def test_an_answer_repeats_nothing_that_it_should_not(tmp_path):
    async with served(tmp_path) as gateway:
        odd = {"x-ms-version": "2026-10-06; x", "x-ms-client-request-id": "ü"}
        _, headers, _ = await gateway.ask("GET", "c", "b", headers=odd)
        assert not {"x-ms-version", "x-ms-client-request-id"} & set(headers)
        sound = {"x-ms-version": "2019-02-02", "x-ms-client-request-id": "4f-1"}
        status, headers, _ = await gateway.ask("GET", "c", "b", headers=sound)
        assert (status, headers["x-ms-version"], headers["x-ms-client-request-id"]) == (404, "2019-02-02", "4f-1")


@pytest.mark.parametrize(
    ("blob", "query"),
    [
        ("b", {"comp": "copy"}),
        ("b", {"comp": "lease"}),
        ("b", {"comp": "appendblock"}),
        ("b", {"snapshot": "2020-01-01"}),
        ("b", {"versionid": "1"}),
        (None, {"restype": "container", "comp": "acl"}),
        (None, {"restype": "container", "comp": "undelete"}),
    ],
)
async def test_what_there_is_not_is_said(tmp_path, blob, query):
    async with served(tmp_path) as gateway:
        for method in ("GET", "PUT"):
            answer = await gateway.ask(method, "c", blob, **query)
            assert code_of(answer) == (400, "UnsupportedQueryParameter")
        assert code_of(await gateway.ask("GET", "c")) == (400, "MissingRequiredQueryParameter")
