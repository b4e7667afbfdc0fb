"""Requests that are part of a trace, through the application."""

import aiohttp

from kyanite.http.application import application
from kyanite.http.keys import Keys
from kyanite.runtime.trace import TRACEPARENT
from tests.http.azure.places import uploaded
from tests.http.places import WORKSPACE, client_of, service_in

ONE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


async def submit(service, client, session, job_id, headers):
    """Submit over the wire with these headers `traceparent`, of which there may be several."""
    address = await uploaded(service.workspace, client, job_id)
    body = {"name": "x", "providerId": "acme", "target": "acme.echo", "inputDataUri": address}
    named = [("traceparent", header) for header in headers]
    async with session.put(f"{WORKSPACE}/jobs/{job_id}", json=body, headers=named) as answer:
        assert answer.status == 201, await answer.text()


async def traces_of(service, job_id):
    job = await (await service.workspace.get_job(job_id)).wait()
    return {job.details.traceparent, *[event.traceparent for event in await job.story()]}


async def test_a_submit_hands_its_trace_to_the_job(tmp_path):
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        cases = {
            "one": ([ONE], ONE),
            "none": ([], None),
            "bad": ([ONE.upper()], None),
            "twice": ([ONE, OTHER], None),
            "later": ([f"42{ONE[2:]}-more"], ONE),
        }
        for job_id, (headers, expected) in cases.items():
            await submit(service, client, client, job_id, headers)
            assert TRACEPARENT.get() is None
            assert await traces_of(service, job_id) == {expected}, job_id


async def test_the_requests_of_one_connection_do_not_share_a_trace(tmp_path):
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(base_url=client.make_url("/"), connector=connector) as session:
            for job_id, headers in (("a", [ONE]), ("b", []), ("c", [OTHER])):
                await submit(service, client, session, job_id, headers)
        assert [await traces_of(service, job_id) for job_id in "abc"] == [{ONE}, {None}, {OTHER}]


async def test_a_cancel_hands_its_own_to_its_event(tmp_path):
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:

        @service.workspace.target("acme.held", slots=1)
        async def held(task):
            await task.wait_cancel_requested()

        job = await service.workspace.submit("acme.held", "x")
        async with client.delete(f"/v1.0{WORKSPACE}/jobs/{job.id}", headers={"traceparent": OTHER}) as answer:
            assert answer.status < 300, await answer.text()
        found = {type(event).__name__: event.traceparent for event in await job.story()}
        assert found["CancelRequested"] == OTHER
        assert found["Submitted"] is None
