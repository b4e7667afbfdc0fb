# ruff: noqa: T201  # what it prints is searched
"""A daemon, and clients that send it secrets in every place where a request can hold one, wherever they belong or not.

What the daemon makes itself, keys and signatures, is written to a file beside what is searched.
"""

import asyncio
import json
import re

import aiohttp

from kyanite.config import resolve
from kyanite.http.daemon import serving
from tests.http.places import WORKSPACE

MADE = "made.json"
BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}
REFUSED_MIN = 20


def targets(canary):
    """Addresses elsewhere, and ours with what does not belong there."""
    signed = f"sv=2024-01-01&sr=c&sp=rw&sig={canary['foreign_signature']}"
    yield f"https://account.blob.core.windows.net/c/inputData?{signed}"
    yield f"https://user:{canary['foreign_password']}@localhost/c/c/inputData?{signed}"
    yield f"file:///c/{canary['foreign_signature']}"
    yield f"not an address ?sig={canary['foreign_signature']}"


def odd_requests(canary, link):
    """Requests in which a secret stands where it is refused: method, path, body, headers."""
    token = {"Authorization": f"Bearer {canary['header_token']}"}
    key = {"x-ms-quantum-api-key": canary["header_key"], "Cookie": f"key={canary['header_key']}"}
    forged = re.sub(r"sig=[^&]+", f"sig={canary['forged_signature']}", link)
    yield from (("GET", f"{WORKSPACE}/jobs", None, headers) for headers in (token, key, {**token, **key}))
    yield "PUT", f"{WORKSPACE}/jobs/j", {"target": "canary.echo"}, token
    for number, url in enumerate(targets(canary)):
        body = {"target": "canary.echo", "inputDataUri": url}
        yield "PUT", f"{WORKSPACE}/jobs/foreign-{number}", body, {}
        yield "PUT", f"{WORKSPACE}/jobs/foreign-{number}", {**body, "inputDataUri": link, "containerUri": url}, {}
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        yield method, forged, {"a": 1}, BLOCK_BLOB
        yield method, f"{forged}&comp=block&blockid=x", {"a": 1}, {}
        yield method, f"{forged}&comp=list", None, {}
    yield "PUT", f"{link}&sig={canary['forged_signature']}", {"a": 1}, BLOCK_BLOB
    yield "GET", f"{WORKSPACE}/jobs?filter=x&api-key={canary['header_key']}", None, {}
    yield "GET", f"{WORKSPACE}/jobs?token=x&sig={canary['forged_signature']}", None, {}


def malformed(canary):
    """What is no HTTP, with a secret in it."""
    for name, text in (("Authorization", canary["malformed_token"]), ("x-ms-quantum-api-key", canary["header_key"])):
        for line in (f"{name} : {text}", f"{name}: {text}\0", f"{name}: {text * 500}", f"{name}{text}"):
            yield f"GET /healthz HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n"
    yield f"GET /c/c/b?sig={canary['forged_signature']}\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield f"BREW {canary['malformed_token']}\r\n\r\n"


async def served(folder, canary):
    """Send it all; print what is refused, and what of the answers is no link."""
    made, refused = [], 0
    settings = resolve(folder / "kyanite.toml", flags={"server.listen": "127.0.0.1:0"}).settings
    async with (
        serving(settings, data_dir=folder / "seen" / "http") as running,
        aiohttp.ClientSession(running.address) as client,
    ):
        print(repr(running.service), repr(running.keys))
        async with client.post(f"{WORKSPACE}/storage/sasUri", json={"containerName": "job-j"}) as answer:
            container = (await answer.json())["sasUri"]
        link = container.removeprefix(running.address).replace("?", "/inputData?")
        await jobs(client, running.address + link)
        made += re.findall(r"sig=([^&]+)", container)
        _, text = running.keys.create("canary")
        made.append(text.rpartition("_")[2])
        for method, path, body, headers in odd_requests(canary, link):
            async with client.request(method, path, json=body, headers=headers) as answer:
                if answer.status >= 400:
                    refused += 1
                    print(answer.status, await answer.text())
        async with client.get(f"{WORKSPACE}/jobs", headers={"Authorization": f"Bearer {text}"}) as answer:
            print(answer.status, [job["status"] for job in (await answer.json())["value"]])
        host, _, port = running.address.removeprefix("http://").rpartition(":")
        for lines in malformed(canary):
            print(await _sent(host, port, lines.encode()))
            refused += 1
    assert refused > REFUSED_MIN
    (folder / MADE).write_text(json.dumps(made))


async def jobs(client, url):
    """Upload an input by a signed link, submit jobs with it, and look at them until they have ended."""
    async with client.put(url, json={"a": 1}, headers=BLOCK_BLOB) as answer:
        assert answer.status == 201, await answer.text()
    for target in ("canary.echo", "canary.fail", "canary.fault"):
        path = f"{WORKSPACE}/jobs/{target.replace('.', '-')}"
        async with client.put(path, json={"target": target, "inputDataUri": url, "name": target}) as answer:
            assert answer.status == 201, await answer.text()
        async with asyncio.timeout(20):
            status = ""
            while status not in {"Succeeded", "Failed"}:
                async with client.get(path) as answer:
                    job = await answer.json()
                status = job["status"]
        print(status, job["errorData"])


async def _sent(host, port, content):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(content)
    received = await reader.read()
    writer.close()
    return received
