"""`/metrics`, as Prometheus reads it."""

import re
import time
from unittest.mock import Mock

import anyio
import anyio.lowlevel
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.web_urldispatcher import SystemRoute, UrlMappingMatchInfo
from prometheus_client.parser import text_string_to_metric_families

from kyanite import Workspace
from kyanite.core.events import FINAL_EVENTS
from kyanite.core.histogram import Histogram
from kyanite.core.job import Status
from kyanite.http import metrics
from kyanite.http.access import RULES
from kyanite.http.application import application
from kyanite.http.keys import Keys
from kyanite.http.metrics.catalogue import METRICS, Metric
from kyanite.http.metrics.lag import INTERVAL_S
from kyanite.http.metrics.requests import REQUESTS, UNMATCHED, Requests
from kyanite.http.metrics.text import plain, timed
from kyanite.http.scopes import Scope
from kyanite.http.service import Service, State
from kyanite.ports import Manner, Subscription
from tests.http.places import client_in, client_of, service_in, settings

BASE_UNITS = ("seconds", "bytes", "total", "info")
OTHER_UNITS = re.compile(r"(?:_|^)(?:ms|us|ns|milli|micro|minutes|hours|kb|mb|percent|gauge|counter|histogram)(?:_|$)")


async def scraped(client):
    """The families of a scrape, by name as the text has them: the parser takes `_total` off."""
    async with client.get("/metrics") as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return families_of(await answer.text())


def families_of(text):
    families = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name not in families, "told twice"
        families[name] = family
    return families


def values(family, name=None):
    """Samples as a mapping from the label values, in the order of their names, to the value."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for sample in family.samples
        if name is None or sample.name == name
    }


async def test_every_metric_is_there_with_help_type_and_a_proper_name(tmp_path):
    async with client_in(tmp_path) as client:
        families = await scraped(client)
    assert {name for name in families if name.startswith("kyanite_")} == {metric.name for metric in METRICS}
    for metric in METRICS:
        family = families[metric.name]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
    for name, family in families.items():
        assert re.fullmatch(r"(kyanite|process)_[a-z0-9_]+", name)
        assert family.documentation.strip()
        assert (family.type == "counter") == name.endswith("_total")
        assert family.type != "histogram" or name.endswith(("_seconds", "_bytes"))
        assert not OTHER_UNITS.search(name.removesuffix("_total"))
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"} <= set(families)


async def test_it_is_for_operators(tmp_path):
    keys = Keys(tmp_path)
    async with client_in(tmp_path, keys_required=True) as client:
        async with client.get("/metrics") as answer:
            assert answer.status == 401
        for scope, status in ((Scope.READ, 403), (Scope.ADMIN, 403), (Scope.OPERATE, 200)):
            _, text = keys.create(scope=scope)
            for method in ("GET", "HEAD"):
                headers = {"Authorization": f"Bearer {text}"}
                async with client.request(method, "/metrics", headers=headers) as answer:
                    assert answer.status == status, scope


async def test_it_tells_where_jobs_stand(tmp_path):
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        workspace = service.workspace

        @workspace.target("acme.held", slots=1)
        async def held(task):
            await task.wait_cancel_requested()

        for _ in range(3):
            await (await workspace.submit("acme.echo", "x")).wait()
        other = await workspace.beside("other")
        await (await other.submit("acme.echo", "x")).wait()
        jobs = [await workspace.submit("acme.held", "x") for _ in range(3)]
        async for event in jobs[0].updates():
            if type(event).__name__ == "Began":
                break
        families = await scraped(client)
        assert values(families["kyanite_jobs"]) == {
            ("Waiting", "acme.echo", "default"): 0,
            ("Executing", "acme.echo", "default"): 0,
            ("Waiting", "acme.held", "default"): 2,
            ("Executing", "acme.held", "default"): 1,
            ("Waiting", "acme.echo", "other"): 0,
            ("Executing", "acme.echo", "other"): 0,
        }
        assert values(families["kyanite_jobs_submitted_total"])["acme.held", "default"] == 3
        ended = values(families["kyanite_jobs_ended_total"])
        assert ended["Succeeded", "acme.echo", "default"] == 3
        assert ended["Succeeded", "acme.echo", "other"] == 1
        assert {labels[0] for labels in ended} == {status.value for status in Status if status.final}
        for name in ("kyanite_job_wait_seconds", "kyanite_job_run_seconds"):
            assert values(families[name], f"{name}_count")["acme.echo",] == 4
        assert values(families["kyanite_queue_depth"])["acme.held", "default"] == 2
        assert values(families["kyanite_queue_oldest_age_seconds"])["acme.held", "default"] > 0
        assert values(families["kyanite_slots_busy"])["acme.held",] == values(families["kyanite_slots"])["acme.held",]
        assert values(families["kyanite_provider_reading"])["microsoft", "workers"] == 0
        head = [event.position async for event in other.events()][-1]
        assert values(families["kyanite_events_total"])[()] >= head
        assert 0 < values(families["kyanite_commit_seconds"], "kyanite_commit_seconds_count")[()] <= 20
        assert values(families["kyanite_disk_free_bytes"])[()] > 0
        assert not any(job.id in str(families) for job in jobs)


async def test_requests_are_counted_by_route_and_never_by_path(tmp_path):
    async with client_in(tmp_path) as client:
        for path in ("/healthz", "/healthz", "/no/such/path-1", "/no/such/path-2?secret=1"):
            async with client.get(path) as answer:
                await answer.read()
        for method in ("PROPFIND", "POST"):
            async with client.request(method, "/healthz") as answer:
                assert answer.status == 405
        async with client.get("/metrics") as answer:
            text = await answer.text()
    families = families_of(text)
    counts = values(families["kyanite_http_requests_total"])
    assert counts["GET", "/healthz", "200"] == 2
    assert counts["GET", UNMATCHED, "404"] == 2
    assert counts["OTHER", UNMATCHED, "405"] == 1
    assert counts["POST", UNMATCHED, "405"] == 1
    latencies = values(families["kyanite_http_request_seconds"], "kyanite_http_request_seconds_count")
    assert latencies["GET", "/healthz"] == 2
    assert values(families["kyanite_http_requests_in_progress"]) == {
        ("/healthz",): 0,
        (UNMATCHED,): 0,
        ("/metrics",): 1,
    }
    assert "path-1" not in text
    assert "secret" not in text


async def test_streams_are_counted_in_their_workspace(tmp_path):
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        feed = service.workspace.host.engine.feed
        await service.workspace.beside("other")
        with feed.reading(Mock(), "other"), feed.reading(Mock(), "other", "j"):
            assert values((await scraped(client))["kyanite_event_streams"]) == {("default",): 0, ("other",): 2}
        assert values((await scraped(client))["kyanite_event_streams"]) == {("default",): 0, ("other",): 0}


async def test_streams_have_no_latency():
    release, app = anyio.Event(), web.Application(middlewares=[metrics.measured])
    app[REQUESTS] = requests = Requests()

    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b": open\n\n")
        await release.wait()
        return response

    app.router.add_get("/v1/events", stream)
    app.router.add_get("/v1/jobs/{id}/events", stream)
    async with client_of(app) as client, client.get("/v1/events") as one, client.get("/v1/jobs/j/events") as other:
        await one.content.readline()
        await other.content.readline()
        assert (requests.open["/v1/events"], requests.open["/v1/jobs/{id}/events"]) == (1, 1)
        release.set()
        await one.read()
        await other.read()
    assert requests.answered == {("/v1/events", "GET", "200"): 1, ("/v1/jobs/{id}/events", "GET", "200"): 1}
    assert requests.seconds == {}


async def test_what_nobody_waits_for_any_more_counts_as_aborted():
    app = web.Application(middlewares=[metrics.measured])
    app[REQUESTS] = requests = Requests()
    asked = anyio.Event()

    async def patient(request):
        asked.set()
        while request.transport is not None:  # nothing tells of it
            await anyio.lowlevel.checkpoint()
        return web.Response(status=400)

    app.router.add_get("/patient", patient)
    async with client_of(app) as client:
        with anyio.fail_after(10):
            async with await anyio.connect_tcp(client.host, client.port) as connection:
                await connection.send(b"GET /patient HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await asked.wait()
            while not requests.answered:
                await anyio.lowlevel.checkpoint()
    assert requests.answered == {("/patient", "GET", "aborted"): 1}
    assert requests.open["/patient"] == 0


async def test_what_ends_without_an_answer_counts_as_aborted():
    app = web.Application()
    app[REQUESTS] = requests = Requests()

    async def broken(request):
        raise web.GracefulExit

    request = make_mocked_request("GET", "/", app=app)
    request._match_info = UrlMappingMatchInfo({}, SystemRoute(web.HTTPNotFound()))
    request._match_info.add_app(app)
    with pytest.raises(web.GracefulExit):
        await metrics.measured(request, broken)
    assert requests.answered == {(UNMATCHED, "GET", "aborted"): 1}
    assert requests.open[UNMATCHED] == 0


async def test_a_busy_event_loop_is_seen(tmp_path):
    async with client_in(tmp_path) as client:
        lag = client.app[metrics.METERS].lag.histogram
        time.sleep(INTERVAL_S + 0.15)  # noqa: ASYNC251  # this is what is measured
        with anyio.fail_after(5):
            while not lag.count:
                await anyio.lowlevel.checkpoint()
        assert lag.sum_s >= 0.1
        family = (await scraped(client))["kyanite_event_loop_lag_seconds"]
        buckets = {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}
        assert buckets["0.05"] < buckets["+Inf"]
    ended = lag.count
    await anyio.sleep(2 * INTERVAL_S)
    assert lag.count == ended  # with the application, the timer is gone


async def test_a_scrape_asks_the_store_nothing(tmp_path, monkeypatch):
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        await (await service.workspace.submit("acme.echo", "x")).wait()
        store = service.workspace.host.storage.store
        for name in ("get", "page", "count", "events", "head", "workspaces"):
            monkeypatch.setattr(store, name, None)
        families = families_of("".join(client.app[metrics.METERS]._parts()))  # in one go: nobody else runs meanwhile
        monkeypatch.undo()
        assert values(families["kyanite_jobs_submitted_total"]) == {("acme.echo", "default"): 1}


async def test_a_scrape_of_many_tenants_is_quick_and_lets_others_go_on(tmp_path):
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        census = service.workspace.host.engine.census
        for tenant in range(20):
            for target in range(13):
                census._standing((f"tenant-{tenant}", f"acme.target-{target}"))
        exposition = client.app[metrics.METERS]
        turns = 0

        async def others():
            nonlocal turns
            while True:
                turns += 1
                await anyio.lowlevel.checkpoint()

        start_s = time.process_time()
        async with anyio.create_task_group() as group:
            group.start_soon(others)
            text = await exposition.text()
            group.cancel_scope.cancel()
        assert time.process_time() - start_s < 0.5  # 10 ms where nothing else runs
        assert turns >= len(METRICS)
        assert len(text.splitlines()) > 3_000


def test_text_is_what_the_library_reads():
    odd = 'a "quoted" \\ back\nline'
    metric = Metric("kyanite_odd_total", "counter", ("name", "other"), "Odd names.")
    families = families_of(plain(metric, [((odd, "b"), 3), (("", "ü"), 0.5)]))
    assert values(families["kyanite_odd_total"]) == {(odd, "b"): 3.0, ("", "ü"): 0.5}
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.5, 2.0):
        histogram.observe(seconds)
    labelled = Metric("kyanite_odd_seconds", "histogram", ("name",), "Odd times.")
    (family,) = text_string_to_metric_families(timed(labelled, [((odd,), histogram)]))
    samples = {(sample.name.rpartition("_")[2], sample.labels.get("le")): sample.value for sample in family.samples}
    assert samples == {
        ("bucket", "0.1"): 1,
        ("bucket", "1.0"): 2,
        ("bucket", "+Inf"): 3,
        ("sum", None): 2.55,
        ("count", None): 3,
    }
    assert {sample.labels["name"] for sample in family.samples} == {odd}
    (bare,) = text_string_to_metric_families(timed(labelled._replace(labels=()), [((), histogram)]))
    assert [sample.labels for sample in bare.samples] == [{"le": "0.1"}, {"le": "1.0"}, {"le": "+Inf"}, {}, {}]


async def test_where_no_workspace_is_open_there_is_nothing_to_show(tmp_path):
    chosen = settings(tmp_path)
    app = web.Application()
    app[RULES] = {}
    metrics.add_routes(app, Service(Workspace.open(chosen), chosen, None, State()))
    async with client_of(app) as client, client.get("/metrics") as answer:
        assert answer.status == 500


async def test_what_became_of_deliveries_is_counted(tmp_path):
    async with service_in(tmp_path) as service, client_of(application(service, Keys(tmp_path))) as client:
        workspace, calls = service.workspace, []
        told = Manner(delays_s=(0.001,), by_job=True)

        async def take(event, details):
            calls.append(details.name)
            if details.name == "poison" or len(calls) == 1:
                raise OSError("not now")

        workspace.subscribe(Subscription(FINAL_EVENTS, take, workspace.name, "billing", manner=told))
        for name in ("first", "poison"):
            await (await workspace.submit("acme.echo", b"x", name=name)).wait()
        with anyio.fail_after(10):
            waiting = lambda: workspace.deliveries.letters("billing", dead=False)
            while len(calls) < 4 or [each async for each in waiting()]:  # noqa: ASYNC110  # nobody tells
                await anyio.sleep(0.005)
        async with client.get("/metrics") as answer:
            families = families_of(await answer.text())
    counted = {key[0]: value for key, value in values(families["kyanite_deliveries_total"]).items()}
    assert counted == {"taken": 1, "failed": 2, "dead": 1}
    assert values(families["kyanite_subscriber_behind"]) == {("billing", "default"): 0}
    assert values(families["kyanite_subscriber_waiting"]) == {("billing", "default"): 0}
