"""What every answer says to browsers and caches: to keep nothing, to guess nothing, and to share nothing."""

from tests.http.limited import JOBS, job, limited
from tests.http.places import WORKSPACE

PREFLIGHT = {"Origin": "https://example.com", "Access-Control-Request-Method": "PUT"}


def shared(headers):
    return [name for name in headers if name.lower().startswith("access-control-")]


async def test_nothing_that_a_job_has_is_kept_on_the_way(tmp_path):
    async with limited(tmp_path) as client:
        url, query = await client.link("job-j")
        asked = [
            ("POST", JOBS, {"json": job(job_id="j")}),
            *(("GET", path, {}) for path in (JOBS, f"{JOBS}/j", f"{JOBS}/j/input", f"{JOBS}/j/story", "/metrics")),
            *(("GET", f"{WORKSPACE}/{path}", {}) for path in ("jobs", "jobs/j", "providerStatus")),
            ("GET", f"{url}/input?{query}", {}),
            ("GET", f"{JOBS}/j", {"headers": {"If-None-Match": '"1"'}}),
            *(("GET", path, {}) for path in ("/healthz", "/nothing", "/v1/nothing", f"{JOBS}/none")),
            *(("GET", f"{JOBS}/j", {"headers": {"Host": "example.com"}}), ("PUT", JOBS, {})),
        ]
        for method, path, options in asked:
            _, headers, _ = await client.ask(method, path, **options)
            assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store"), path
        for path in ("/v1/docs", "/v1/openapi.json"):  # which are everybody's
            assert (await client.ask("GET", path))[1]["Cache-Control"] == "no-cache"


async def test_no_page_from_elsewhere_is_let_in(tmp_path):
    async with limited(tmp_path) as client:
        url, query = await client.link("c")
        key = client.running.keys.create()[1]
        for path in ("/healthz", "/v1", JOBS, "/v1/docs", "/v1/events", f"{WORKSPACE}/jobs", f"{url}/b?{query}"):
            for method, asker in (("OPTIONS", client), ("GET", client), ("GET", client.beside(key=key))):
                async with asker.request(method, path, headers=PREFLIGHT) as answer:
                    assert shared(answer.headers) == []
                    assert answer.status in {200, 403, 404, 405}
                    assert method == "GET" or answer.status in {403, 405}
