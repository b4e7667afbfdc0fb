"""What is logged: as JSON or for people, with the job's id and target, and never a secret."""

import io
import json
import logging

import pytest

from kyanite import logs
from tests.runtime.places import in_memory


@pytest.fixture
def lines():
    """Log into a buffer as JSON; put everything back afterwards."""
    library = logging.getLogger("kyanite")
    kept = (library.handlers[:], library.level, library.propagate)
    stream = io.StringIO()
    logs.configure("json", "DEBUG", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    library.handlers[:], library.propagate = kept[0], kept[2]
    library.setLevel(kept[1])


async def test_lines_name_the_job_and_its_target(lines):
    async with in_memory() as workspace:

        @workspace.target("acme.talkative")
        async def talkative(task):
            task.log.info("from the task", step=1)
            logs.logger().warning("from elsewhere", step=2)
            return b"x"

        job = await (await workspace.submit("acme.talkative", b"x")).wait()
        logs.logger().info("outside")
    inside = [line for line in lines() if "step" in line]
    assert [(line["event"], line["level"]) for line in inside] == [
        ("from the task", "info"),
        ("from elsewhere", "warning"),
    ]
    assert all(line["job_id"] == job.id and line["target"] == "acme.talkative" for line in inside)
    assert all(line["timestamp"].endswith("Z") for line in inside)
    (outside,) = [line for line in lines() if line["event"] == "outside"]
    assert "job_id" not in outside


async def test_a_fault_is_logged_with_its_trace(lines):
    async with in_memory() as workspace:

        @workspace.target("acme.broken")
        async def broken(task):
            raise ZeroDivisionError("by design")

        await (await workspace.submit("acme.broken", b"x")).wait()
    (fault,) = [line for line in lines() if line["event"] == "provider fault"]
    assert "ZeroDivisionError" in fault["error"]
    assert "in broken" in fault["trace"]


def test_secrets_are_hidden_and_signed_addresses_cut(lines):
    logs.logger().info(
        "connecting",
        api_key="k-123",
        Authorization="Bearer k-123",
        sas_token="k-123",
        url="https://host/container/blob?sig=k-123&se=2026",
    )
    (line,) = lines()
    assert "k-123" not in json.dumps(line)
    assert line["url"] == "https://host/container/blob"


def test_for_people_it_is_one_line(lines):
    stream = io.StringIO()
    logs.configure("console", "INFO", stream)
    logs.logger().debug("not shown")
    logs.logger().info("shown", answer=42)
    text = stream.getvalue()
    assert "shown" in text
    assert "answer=42" in text
    assert "not shown" not in text
    assert text.count("\n") == 1


def test_an_embedding_program_hears_what_it_asks_for(caplog):
    with caplog.at_level(logging.INFO, logger="kyanite"):
        logs.logger().info("through logging")
    assert [record.name for record in caplog.records] == ["kyanite"]
