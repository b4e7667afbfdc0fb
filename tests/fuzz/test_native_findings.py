"""What fuzzing the native API, its client and the daemon's surroundings has found, each by the smallest input."""

import time

import pytest

from kyanite.client import answers, jobs, problems
from kyanite.client.endpoint import endpoint_of
from kyanite.client.frames import Frame, Frames
from kyanite.client.streams import place_of, updates_in
from kyanite.errors import ConfigError, InfrastructureError
from kyanite.http.door import FILE, door_in
from kyanite.http.notify import from_environment
from tests.http.native.places import asked, refused, served, submitted

NESTED = b"[" * 100_000


@pytest.mark.parametrize("query", ["by=null", "by=NULL"])
async def test_the_text_null_is_no_choice(query):
    async with served() as (_, client):
        problem = await refused(client, 422, "InvalidRequest", "GET", f"/v1/counts?{query}")
        assert problem["field"] == "by"
        assert (await asked(client, "GET", "/v1/jobs?tag=null"))[0] == 200  # any text is a tag


async def test_a_header_that_can_not_be_kept_is_refused_whatever_is_there():
    async with served() as (_, client):
        for _ in range(2):
            for name in ("Content-Type", "Content-Encoding"):
                headers = {name: "x" * 256}
                problem = await refused(
                    client, 422, "InvalidRequest", "PUT", "/v1/blobs/c/n", data=b"x", headers=headers
                )
                assert problem["field"] == name.lower().replace("-", "_")
            assert (await asked(client, "PUT", "/v1/blobs/c/n", data=b"x"))[0] in {200, 201}


async def test_a_key_of_a_request_is_looked_at_beside_an_id_too():
    async with served() as (_, client):
        await submitted(client, job_id="j", headers={"Idempotency-Key": "sound"})
        body = {"target": "acme.echo", "input": 1, "job_id": "j"}
        problem = await refused(
            client, 422, "InvalidRequest", "POST", "/v1/jobs", json=body, headers={"Idempotency-Key": "a b"}
        )
        assert problem["field"] == "Idempotency-Key"


async def test_a_long_name_is_not_repeated_at_length():
    async with served() as (_, client):
        for name in ("n" * 5_000, "x`" * 2_500):
            body = {"target": "acme.echo", name: 1}
            problem = await refused(client, 422, "InvalidRequest", "POST", "/v1/jobs", json=body)
            assert len(problem["detail"]) < 500
            assert problem["field"] == f"{name[:200]}..."
            problem = await refused(client, 422, "InvalidRequest", "GET", "/v1/jobs", params=[(name[:1_500], "1")] * 2)
            assert len(problem["detail"]) < 500
        problem = await refused(client, 422, "InvalidRequest", "GET", "/v1/jobs", params={"order": "o" * 5_000})
        assert (len(problem["detail"]) < 500, problem["field"]) == (True, "order")


@pytest.mark.parametrize("body", [b'{"code":"\xff"}', b'{"code":"x","more":' + NESTED, b"", b"<html>"])
def test_an_answer_that_is_no_problem_is_none(body):
    assert problems.problem_in(body) is None
    assert type(problems.error_of(400, {}, body)) is InfrastructureError


@pytest.mark.parametrize(
    "body", [b'{"id":"\xff"}', b'{"input_params":{"a":' + NESTED, b"", b"<html>", b"{}", b"1" * 9_000]
)
def test_an_answer_that_no_daemon_gives_is_told_as_that(body):
    with pytest.raises(InfrastructureError, match="no Kyanite daemon") as told:
        answers.read(body, jobs._details)
    assert len(str(told.value)) < 500


@pytest.mark.parametrize(
    "data",
    [b'{"type":"Began","job_id":"\xff"}', b'{"type":"Began","more":' + NESTED, b'{"type":"%s"}' % (b"x" * 5_000)],
)
def test_an_event_that_can_not_be_read_is_told_as_that(data):
    with pytest.raises(InfrastructureError, match="can not be read") as told:
        updates_in([Frame("Began", data, "7")])
    assert len(str(told.value)) < 500


def test_a_position_of_thousands_of_digits_is_none():
    with pytest.raises(InfrastructureError, match="no position"):
        place_of(Frame("Began", b"", "9" * 5_000))


def test_an_event_that_comes_byte_by_byte_is_read_in_time_that_its_length_says():
    began_s = time.thread_time()
    frames = Frames()
    assert not any(frames.feed(piece) for piece in (b"data: ", *[b"x"] * 200_000))
    assert time.thread_time() - began_s < 2.0  # a minute, were all of it looked through for each byte
    assert frames.feed(b"\n\n") == [Frame("message", b"x" * 200_000)]


@pytest.mark.parametrize("content", [b'{"address":"\xff"}', b'{"address":"a","more":' + NESTED, b"", b"\0"])
def test_a_file_that_is_no_door_leads_nowhere(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    assert door_in(tmp_path, "a") is None


@pytest.mark.parametrize("digits", ["9" * 400, "9" * 5_000, "0", "-1", "1e6", ""])
def test_a_watchdog_without_a_time_is_none(digits):
    assert from_environment({"NOTIFY_SOCKET": "/run/nowhere", "WATCHDOG_USEC": digits}).watchdog_s is None


def test_an_address_that_is_none_is_not_logged_at_length(caplog):
    from_environment({"NOTIFY_SOCKET": "x" * 100_000})
    assert "can not be told" in caplog.text
    assert len(caplog.text) < 1_000


@pytest.mark.parametrize(
    "address", ["http://jobs .example.org", "http://host/ /", "ht\ntp://host", "http://h\u2028h", "http://"]
)
def test_blanks_are_in_no_address(address):
    with pytest.raises(ConfigError):
        endpoint_of(address)
