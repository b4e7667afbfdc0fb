# ruff: noqa: T201  # what it prints is searched
"""A daemon whose webhooks, hooks and callbacks hold secrets, and all that it tells of them.

Its receiver repeats what it is sent. Callback tokens, which the daemon makes, are written to a file beside what is
searched.
"""

import json

import aiohttp
from aiohttp import web

from kyanite import KyaniteError
from kyanite.config import resolve
from kyanite.errors import ConfigError
from kyanite.http.daemon import serving
from kyanite.outlets.webhooks.register import FILE, Register
from tests.outlets.webhooks.receiving import soon

MADE_BY_OUTLETS = "made-by-outlets.json"
VARIABLE = "CANARY_WEBHOOK"
NOTICES = "notices"
"""Where the provider writes the URLs that it was given: beside what is searched."""
PAGES = (
    *("/v1/openapi.json", "/v1/settings", "/v1/doctor", "/v1/check?blobs=true", "/v1/subscribers", "/v1/letters"),
    *("/v1/attempts?limit=200", "/v1/events?after=0&follow=false", "/v1/webhooks/configured", "/v1/jobs", "/metrics"),
)


def signing(canary):
    """A secret to sign with, in which the canary can be read."""
    return f"whsec_{canary:A<36}"


def written(folder, receiver):
    """Write a configuration with a webhook of its own, and a hook that shows its environment."""
    path = folder / "outlets.toml"
    path.write_text(
        (folder / "kyanite.toml").read_text()
        + f"""\
[server]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1:9"
[delivery]
plain_http = true
allow = ["127.0.0.1"]
delays_s = [0.05]
[[webhooks]]
name = "configured"
url = "{receiver}/configured"
secrets = [{{ env = "{VARIABLE}" }}]
[[hooks]]
run = ["env"]
"""
    )
    return path


async def repeated(request):
    """Answer with all that was sent."""
    status = 404 if "404" in request.path else 200
    return web.Response(status=status, text=f"{request.path_qs} {dict(request.headers)} {await request.text()}")


def odd_requests(canary):
    """Requests in which a secret stands where it is refused: method, path, body."""
    url = f"https://me:{canary['webhook_password']}@hooks.example/{canary['webhook_path']}"
    for bad in (url, f"http://10.0.0.1/{canary['webhook_path']}", f"https://hooks.example:1/{canary['webhook_path']}"):
        yield "POST", "/v1/webhooks", {"name": "odd", "url": bad}
        yield "PATCH", "/v1/webhooks/file", {"url": bad}
    given = {"name": "odd", "url": "https://hooks.example/"}
    for secret in (canary["webhook_file"], f"whsec_{canary['webhook_file']}", f"whsk_{canary['webhook_file']}"):
        yield "POST", "/v1/webhooks", {**given, "secret": secret}
    yield "POST", "/v1/webhooks", {**given, "secret": signing(canary["webhook_file"]), "unknown": 1}
    yield "POST", "/v1/webhooks", {**given, "secrets": [signing(canary["webhook_file"])]}
    yield "POST", "/v1/webhooks/configured/rotate", {}
    yield "PATCH", "/v1/webhooks/configured", {"url": f"https://hooks.example/{canary['webhook_path']}"}
    yield "POST", f"/v1/callbacks/kyc_{canary['forged_notice']}", {}
    yield "GET", f"/v1/callbacks/kyc_{canary['forged_notice']}", None


async def served_to_outlets(folder, canary):
    """Have events sent, run and refused, and print what is told of it."""
    app = web.Application()
    app.router.add_post("/{rest:.*}", repeated)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        settings = resolve(written(folder, f"http://127.0.0.1:{port}")).settings
        print(settings, settings.webhooks)
        async with (
            serving(settings, data_dir=folder / "seen" / "outlets") as running,
            aiohttp.ClientSession(running.address) as client,
        ):
            await told(folder, client, canary, port)
            print(
                repr(running.service.webhooks.register.all()), running.service.webhooks.register.get("default", "file")
            )
    finally:
        await runner.cleanup()
    damaged(folder, canary)


async def told(folder, client, canary, port):
    """Add webhooks, let jobs end, call back, and print all pages and refusals."""
    path = f"{canary['webhook_path']}?key={canary['webhook_query']}"
    for name, url in (
        ("file", f"http://127.0.0.1:{port}/404/{path}"),
        ("dead", f"http://127.0.0.1:9/{path}"),
        ("fine", f"http://127.0.0.1:{port}/{path}"),
    ):
        body = {"name": name, "url": url, "secret": signing(canary["webhook_file"])}
        async with client.post("/v1/webhooks", json=body) as answer:
            assert answer.status == 201, await answer.text()  # who adds one is shown what it was
    for target in ("canary.echo", "canary.fail", "canary.late"):
        async with client.post("/v1/jobs", json={"target": target, "input": 1, "job_id": target}) as answer:
            assert answer.status == 201
    urls = await soon(lambda: noticed(folder))
    for url in urls:
        async with client.post(f"/v1/callbacks/{url.rpartition('/')[2]}") as answer:
            print(answer.status, await answer.text())
    async with client.post("/v1/jobs/canary.late/cancel", json={}) as answer:
        print(answer.status, await answer.text())
    await soon(lambda: settled(client))
    for name in ("file", "dead", "fine", "configured"):
        async with client.post(f"/v1/webhooks/{name}/test") as answer:
            print(answer.status, await answer.text())
    for page in PAGES:
        async with client.get(page) as answer:
            assert answer.status == 200, await answer.text()
            text = await answer.text()
            print(page, text if "webhooks" not in page else text.replace("/404/", ""))
    for method, where, body in odd_requests(canary):
        async with client.request(method, where, json=body) as answer:
            assert answer.status >= 400, (method, where)
            print(answer.status, await answer.text())
    (folder / MADE_BY_OUTLETS).write_text(json.dumps([url.rpartition("/")[2] for url in urls]))


def noticed(folder):
    """The URLs that executions were given, once there is one."""
    path = folder / NOTICES
    return path.read_text().split() if path.exists() else []


async def settled(client):
    """Whether every webhook and hook has taken the ends of the jobs, or given them up."""
    async with client.get("/v1/subscribers") as answer:
        found = (await answer.json())["items"]
    async with client.get("/v1/counts?by=status") as answer:
        counts = (await answer.json())["counts"]
    ended = sum(counts.get(status, 0) for status in ("Succeeded", "Failed", "Cancelled"))
    return ended == 3 and len(found) == 5 and not any(each["waiting"] or each["behind"] for each in found)


def damaged(folder, canary):
    """Print what is told of a file whose secret is none."""
    place = folder / "damaged"
    place.mkdir()
    for text in (f"whsec_{canary['webhook_file']}!", canary["webhook_file"], f"whsk_{canary['webhook_file']}"):
        webhook = {
            "name": "a",
            "workspace": "w",
            "url": f"https://h/{canary['webhook_path']}",
            "secrets": [{"text": text}],
        }
        for content in (
            json.dumps({"webhooks": [webhook]}),
            json.dumps({"webhooks": [webhook]})[:-1],
            f"{text}{webhook}",
        ):
            (place / FILE).write_text(content)
            try:
                Register(place).all()
            except ConfigError as error:
                print(repr(error), error)
            else:
                raise KyaniteError("a file that is none was read")
