"""Whatever is asked, the answer is the client's fault in the blob service's words, or what was asked for."""

from datetime import UTC, datetime
from urllib.parse import quote, unquote

from hypothesis import given
from hypothesis import strategies as st

from kyanite.http.gateway.listing import asked_listing
from kyanite.http.gateway.properties import check_supported, stated
from kyanite.http.gateway.ranges import asked_range, check_conditions
from kyanite.ports import Blob
from tests.http.gateway.places import attempt, code_of, served

BLOB = Blob(key="w/c/b", size=100, sha256="ab" * 32, created=datetime(2026, 1, 1, 1, 1, 1, 5, tzinfo=UTC))
NUMBER = st.integers(0, 120).map(str) | st.sampled_from(["", "-1", "9" * 19, "9" * 30, "٣", "1.0", " 1 "])
RANGE = st.builds("{}{}-{}".format, st.sampled_from(["bytes=", "bytes = ", "Bytes=", "x="]), NUMBER, NUMBER) | st.text()
TAG = st.sampled_from(['"' + "ab" * 32 + '"', '"x"', "*", "W/", ",", " "]) | st.text()
DATE = (
    st.sampled_from(["Thu, 01 Jan 2026 01:01:01 GMT", "Thu, 01 Jan 99999 00:00:00 +9999", "0", "1 1 1 1 1"]) | st.text()
)
CONDITIONS = {name: st.lists(TAG).map("".join) for name in ("If-Match", "If-None-Match")} | dict.fromkeys(
    ("If-Modified-Since", "If-Unmodified-Since"), DATE
)


@given(st.fixed_dictionaries({}, optional={"x-ms-range": RANGE, "Range": RANGE, "If-Range": TAG | DATE}))
def test_a_range_lies_within_the_blob_or_is_refused(headers):
    asked, fault = attempt(asked_range, headers, BLOB)
    assert fault is None or fault.status in {400, 416}
    assert asked is None or 0 <= asked[0] < asked[1] <= BLOB.size


@given(st.fixed_dictionaries({}, optional=CONDITIONS))
def test_conditions_are_met_or_not(headers):
    _, fault = attempt(check_conditions, headers, BLOB)
    assert fault is None or fault.status in {304, 412}


NAMES = st.sampled_from(["prefix", "marker", "maxresults", "delimiter", "include", "comp"])


@given(st.dictionaries(NAMES, st.text() | NUMBER))
def test_a_listing_is_understood_or_refused(query):
    asked, fault = attempt(asked_listing, query)
    assert asked.limit >= 1 if fault is None else fault.code == "InvalidQueryParameterValue"


HEADERS = st.sampled_from(
    ["x-ms-meta-a", "X-MS-META-A", "x-ms-meta-", "x-ms-lease-id", "Content-Type", "x-ms-blob-content-type"]
)


@given(st.dictionaries(HEADERS | st.text(max_size=20), st.text()))
def test_what_is_stated_is_understood_or_refused(headers):
    for reading in (check_supported, stated):
        _, fault = attempt(reading, headers)
        assert fault is None or fault.status == 400


PATH = st.lists(
    st.sampled_from(
        [
            "c",
            "job-1",
            "inputData",
            "rawOutputData",
            "/",
            "..",
            ".",
            "%",
            "%2e",
            "%2F",
            "%00",
            "%FF",
            "%C3%BC",
            "\\",
            " ",
        ]
    )
    | st.text(max_size=5).map(lambda text: quote(text, errors="replace")),
    max_size=8,
).map("".join)
QUERY = st.lists(
    st.sampled_from(
        [
            *(
                "comp=list",
                "comp=block",
                "comp=blocklist",
                "comp=copy",
                "restype=container",
                "blockid=AAAA",
                "blockid=x",
            ),
            *(
                "prefix=%FF",
                "marker=x",
                "maxresults=0",
                "maxresults=2",
                "delimiter=/",
                "snapshot=1",
                "%",
                "=",
                "&",
                "+",
            ),
        ]
    ),
    max_size=4,
).map("&".join)


async def test_over_the_wire_nothing_is_worse_than_a_clients_fault(tmp_path):
    async with served(tmp_path) as gateway:
        await gateway.put("c", "b", b"abc")
        asked = drawn(st.tuples(st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "POST", "OPTIONS"]), PATH, QUERY))
        for method, path, query in asked:
            container = path.partition("/")[0]
            signed = gateway.url(unquote(container, errors="replace") or "c").raw_query_string
            url = gateway.url("c").build(
                scheme="http", authority=gateway.url("c").authority, path=f"/{container}/{path}".replace(" ", "%20"),
                query_string=f"{query}&{signed}", encoded=True,
            )  # fmt: skip
            headers = {"x-ms-blob-type": "BlockBlob", "x-ms-range": "bytes=0-5"}
            data = b"<BlockList/>" if method == "PUT" else None
            async with gateway.session.request(method, url, data=data, headers=headers) as answer:
                body = await answer.read()
                assert answer.status < 500
                if answer.status >= 400 and method != "HEAD" and "xml" in answer.content_type:
                    assert code_of((answer.status, answer.headers, body))
        assert (await gateway.ask("GET", "c", "b"))[0] in {200, 404}
        keys = [blob.key for blob in await gateway.workspace.blobs.page("")]
        assert all(key.startswith("default/") for key in keys)


def drawn(strategy, count=300):
    """Examples, drawn before the loop that can not be entered anew for each."""
    found = []

    @given(strategy)
    def draw(example):
        found.append(example)

    while len(found) < count:
        draw()
    return found[:count]
