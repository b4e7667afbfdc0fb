# ruff: noqa: T201  # what it prints is searched
"""A program that holds secrets everywhere it may and does everything it can: `python -m tests.fuzz.canary FOLDER`.

Its environment, files and providers hold canaries, made by `planted`; nothing that it writes may hold one.
"""

import base64
import json
import logging
import sys
from pathlib import Path
from urllib.parse import quote

import anyio

from tests.fuzz.canary_native import served_natively
from tests.fuzz.canary_outlets import NOTICES, VARIABLE, served_to_outlets, signing
from tests.fuzz.canary_requests import served

CANARIES = {
    place: f"CaNaRy{number}x{place.replace('_', '')}Zz9"
    for number, place in enumerate(
        (
            *("env_reference", "file_reference", "env_option", "nested", "listed", "url_password", "url_signature"),
            *(
                "api_key_variable",
                "credential",
                "store_password",
                "written_out",
                "parameter",
                "told_password",
                "told_sas",
            ),
            *("foreign_signature", "foreign_password", "header_token", "header_key", "forged_signature"),
            *("malformed_token", "endpoint_password", "client_key"),
            *("webhook_variable", "webhook_file", "webhook_path", "webhook_query", "webhook_password", "forged_notice"),
        )
    )
}
PROVIDER = """
import os

from kyanite.core.job import Target
from kyanite.errors import ProviderError
from kyanite.ports import Provider


class Canary(Provider):
    id = "canary"

    def __init__(self, *, api_key, token, password, url, account=None, keys=(), broken=False):
        self.held = api_key, token, password, url, account, keys
        if broken:
            raise ValueError(f"can not sign in with {token} at {url}")

    def targets(self):
        names = ("canary.echo", "canary.fail", "canary.fault", "canary.late")
        return [Target(id=name, provider_id=self.id) for name in names]

    async def run(self, task):
        task.log.info("running", api_key=self.held[0], url=self.held[3], options=repr(self.held))
        if task.details.target == "canary.fail":
            details = [f"at {self.held[3]}"]
            raise ProviderError("Refused", f"401 from {self.held[3]} for {self.held[0]}", details=details)
        if task.details.target == "canary.fault":
            raise ConnectionError(f"can not reach {self.held[3]} with {self.held[1]}")
        if task.callback_url:
            task.log.info("to be called back", at=task.callback_url)
        if task.details.target == "canary.late":
            if task.callback_url:
                with open(os.environ["CANARY_NOTICES"], "a") as notices:
                    notices.write(f"{task.callback_url}\\n")
            await task.wait_cancel_requested()
            return
        await task.write_output({"solutions": [], "said": "done"})
"""


def planted(folder):
    """Put canaries into files below the folder; return the environment that holds the others."""
    package = folder / "site" / "kyanite_canary-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: kyanite-canary\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[kyanite.providers]\ncanary = kyanite_canary:Canary\n")
    (folder / "site" / "kyanite_canary.py").write_text(PROVIDER)
    secret = folder / "secret"
    secret.write_text(CANARIES["file_reference"] + "\n")
    secret.chmod(0o600)
    url = f"https://user:{CANARIES['url_password']}@example.com/jobs?sv=1&sig={CANARIES['url_signature']}"
    options = f"""\
[log]
level = "DEBUG"
style = "json"
[providers.canary]
api_key = {{ env = "CANARY_KEY" }}
token = {{ file = "{secret}" }}
url = "{url}"
account.access_key = {{ env = "CANARY_NESTED" }}
keys = [{{ private_key = {{ env = "CANARY_LISTED" }} }}]
"""
    (folder / "kyanite.toml").write_text(options)
    (folder / "broken.toml").write_text(options + "broken = true\n")
    (folder / "written.toml").write_text(options + f'secret_access_key = "{CANARIES["written_out"]}"\n')
    (folder / "store.toml").write_text(f'store.url = "postgresql://me:{CANARIES["store_password"]}@localhost/jobs"\n')
    return {
        "CANARY_KEY": CANARIES["env_reference"],
        "CANARY_NESTED": CANARIES["nested"],
        "CANARY_LISTED": CANARIES["listed"],
        "KYANITE_PROVIDERS__CANARY__PASSWORD": CANARIES["env_option"],
        "KYANITE_API_KEY": CANARIES["api_key_variable"],
        VARIABLE: signing(CANARIES["webhook_variable"]),
        "CANARY_NOTICES": str(folder / NOTICES),
    }


def told(text: bytes):
    """Return the places whose canary stands in the text: as it is, or as URLs, HTTP and JSON write it."""
    found = []
    for place, canary in CANARIES.items():
        plain = canary.encode()
        spellings = {
            plain,
            base64.b64encode(plain).rstrip(b"="),
            quote(canary).encode(),
            plain.hex().encode(),
            plain[::-1],
        }
        if any(spelling in text for spelling in spellings):
            found.append(place)
    return found


def commands(folder):
    """Every command line that meets a secret."""
    config, broken, written, store = (
        ["--config", str(folder / f"{name}.toml"), "-vv"] for name in ("kyanite", "broken", "written", "store")
    )
    problem = str(folder / "input.json")
    given = f"api_key={CANARIES['parameter']}"
    yield ["job", "submit", problem, "-t", "canary.echo", "--wait", "-p", given, *config]
    for target in ("canary.echo", "canary.fail", "canary.fault"):
        yield ["job", "submit", problem, "-t", target, "--wait", "-o", "json", "--job-id", target, *config]
    yield ["job", "submit", problem, "-t", "canary.late", "--job-id", "canary.late", *config]
    yield ["job", "cancel", "canary.late", "--reason", "no need", *config]
    for words in (
        ["job", "list"],
        ["job", "list", "-o", "json"],
        ["target", "list", "-o", "json"],
        ["check", "--blobs"],
    ):
        yield [*words, *config]
    for job_id in ("canary.echo", "canary.fail", "canary.fault", "canary.late"):
        yield ["job", "show", job_id, "-o", "json", *config]
        yield ["job", "story", job_id, *config]
        yield ["job", "plot", job_id, "-o", str(folder / "seen" / f"{job_id}.svg"), *config]
    for style in ("toml", "table", "json", "jsonl", "name"):
        yield ["config", "show", "-o", style, *config]
    yield ["config", "show", "--origin", *config]
    for settings in (config, broken, written, store):
        yield ["doctor", *settings]
        yield ["config", "show", *settings]
        yield ["job", "list", *settings]
        yield ["target", "list", *settings]
    for words in ([], ["job"], ["config"], ["job", "submit"], ["doctor"]):
        yield [*words, "--help"]


def blocking(folder):
    """What a script of the SDK does."""
    from kyanite.sync import Workspace

    class Credential:
        secret = CANARIES["credential"]

        def get_token(self, *scopes):
            return self.secret

    workspace = Workspace(
        subscription_id="s", resource_group="g", name="default", location="here", credential=Credential(),
        settings=folder / "kyanite.toml", data_dir=folder / "seen" / "blocking",
    )  # fmt: skip
    print(repr(workspace), workspace.credentials is not None, workspace.get_targets())
    for target in ("canary.echo", "canary.fail", "canary.fault"):
        job = workspace.submit(target, {"a": 1}, name=target)
        try:
            print(job.get_results())
        except RuntimeError as error:
            print(repr(error), str(error))
        job.refresh()
        print(repr(job), job._repr_html_(), job.details)
    workspace.close()


async def asynchronous(folder):
    """What a program does: listen to events, meet errors, draw."""
    from kyanite import KyaniteError, Workspace
    from kyanite.config import load

    settings = load(folder / "kyanite.toml")
    print(settings, repr(settings))
    heard = []
    async with Workspace.open(settings=folder / "kyanite.toml", data_dir=folder / "seen" / "async") as workspace:

        @workspace.on(name="canary")
        async def hear(event, details):
            heard.append((event, details))

        for target in ("canary.echo", "canary.fail", "canary.fault"):
            job = await (await workspace.submit(target, {"a": 1})).wait(20)
            print(repr(job), job._repr_html_(), str(await job.story()))
            async for update in job.updates():
                print(update)
        print(repr(workspace), workspace.targets())
    print(heard)
    for name in ("broken", "written", "store"):
        try:
            Workspace.open(settings=folder / f"{name}.toml")
        except KyaniteError as error:
            logging.getLogger("embedding").exception("not opened")
            print(repr(error))
    for uri in (
        f"https://me:{CANARIES['told_password']}@host/in?sig={CANARIES['told_sas']}",
        f"x?sig={CANARIES['told_sas']}",
    ):
        async with Workspace.open(settings=folder / "kyanite.toml", data_dir=folder / "seen" / "async") as workspace:
            try:
                await workspace.submit("canary.echo", input_data_uri=uri)
            except KyaniteError as error:
                print(repr(error))


def main(folder):
    """Do it all, and say in the end that it was done."""
    from kyanite.cli.main import main as kyanite
    from kyanite.logs import configure

    (folder / "input.json").write_text(json.dumps({"a": 1}))
    codes = [kyanite([*words, "--data-dir", str(folder / "seen" / "cli")]) for words in commands(folder)]
    logging.basicConfig(level=logging.DEBUG)
    configure("json", "DEBUG")
    blocking(folder)
    configure("console", "DEBUG")
    anyio.run(asynchronous, folder)
    anyio.run(served, folder, CANARIES)
    anyio.run(served_natively, folder, CANARIES)
    anyio.run(served_to_outlets, folder, CANARIES)
    print("\nDONE", *codes)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
