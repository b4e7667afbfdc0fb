"""What the daemon says when it is up: where it is, what it can do, and what each kind of client has to be told.

What the clients want is theirs: see the page on the daemon. The old one is `azure-quantum` 0.27, the last with the
optimization classes; the new one is 3.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
WORKSPACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/local/providers/Microsoft.Quantum/workspaces/local"
PLACE = f'subscription_id="{SUBSCRIPTION}", resource_group="local", name="local"'
KEY_VARIABLE = "KYANITE_API_KEY"
FAR_FUTURE_S = 4_102_444_800
"""When the tokens expire that carry a key: the end of this century. The clients must be told a time."""
COLUMNS = 100


@dataclass(frozen=True)
class Reach:
    """What there is to say about reaching a daemon."""

    address: str
    targets: Sequence[str]
    keys_required: bool
    keys_made: bool
    """Whether a key was ever made: from then on, a key that is sent must be one of them."""
    authority: str | None = None
    """The certificate to trust, where one was made."""
    everywhere: bool = False
    """Whether it listens at each address of this machine."""

    @property
    def encrypted(self) -> bool:
        """Whether this is reached by https."""
        return self.address.startswith("https:")


def greeting(reach: Reach) -> str:
    """Return what people are told: lines that can be copied into a shell or a script."""
    sections = [
        [f"Kyanite listens on {reach.address}"],
        [
            f"Targets ({len(reach.targets)}):",
            *textwrap.wrap(", ".join(reach.targets), COLUMNS - 2, break_on_hyphens=False),
        ],
        list(_access(reach)),
        ["azure-quantum 0.27 (the one with azure.quantum.optimization):", *_old(reach)],
        ["azure-quantum 3:", *_new(reach)],
        ["curl:", *_curl(reach)],
        ["Ctrl-C, or SIGTERM, ends it once executing jobs have ended; a second one lets go of them at once."],
    ]
    return "\n\n".join("\n  ".join(section) for section in sections)


def _access(reach: Reach) -> Iterator[str]:
    if reach.keys_required:
        none = "" if reach.keys_made else ", and there is none yet: `kyanite key create` makes one"
        yield f"Keys: every request needs one{none}. In the lines below, {KEY_VARIABLE} holds it."
        if not reach.encrypted:
            yield "Without TLS, keys and data cross the network unencrypted: see [server.tls] in the settings."
    elif reach.keys_made:
        yield "Keys: none is needed from this machine, and whoever sends none may do all. One that is sent is checked."
        yield f"In the lines below, {KEY_VARIABLE} holds one."
    else:
        yield "Keys: none is needed from this machine, and everybody on it may do all. `kyanite key create` makes one."
    if reach.everywhere:
        yield "From another machine, put the name of this one in place of the host in the lines below."


def _old(reach: Reach) -> Iterator[str]:
    if reach.keys_required and not reach.encrypted:
        yield "# can not be used: it sends keys over https only, so give the daemon a certificate"
        return
    yield f"export AZURE_QUANTUM_BASEURL={reach.address}/"
    if reach.authority:
        yield f"export REQUESTS_CA_BUNDLE={quote(reach.authority)} SSL_CERT_FILE={quote(reach.authority)}"
    if reach.keys_required:
        # Where this client looks for a token; with the tenant set, it asks nobody for it.
        token = '{"access_token": "%s", "expires_on": ' + f"{FAR_FUTURE_S}000" + "}"
        yield f"""(umask 077; printf '{token}' "${KEY_VARIABLE}" > token.json)"""
        yield f"export AZURE_TENANT_ID={SUBSCRIPTION} AZURE_QUANTUM_TOKEN_FILE=$PWD/token.json"
    yield "# then, in Python:"
    if reach.keys_required:
        # The one of azure.quantum.aio can not read that file: it takes a credential in the script.
        yield "from azure.quantum import Workspace"
        yield from _workspace()
    else:
        yield "from azure.quantum import Workspace  # or from azure.quantum.aio"
        yield from _workspace('credential="",')


def _new(reach: Reach) -> Iterator[str]:
    if reach.authority:
        yield f"export REQUESTS_CA_BUNDLE={quote(reach.authority)}"
        yield "# then, in Python:"
    needs_key = reach.keys_required or reach.keys_made
    if needs_key:
        yield "import os"
    yield "from azure.core.credentials import AzureKeyCredential"
    yield "from azure.quantum import Workspace"
    key = f'os.environ["{KEY_VARIABLE}"]' if needs_key else '"any"'
    yield from _workspace(
        f"credential=AzureKeyCredential({key}),",
        # Told no kind, it takes the first one, and then hides the targets that it has no class for.
        f'_quantum_endpoint="{reach.address}/", _workspace_kind="V2",',
    )
    if reach.encrypted:
        yield "# or with a token that is the key, and no word about the endpoint:"
        yield "from azure.core.credentials import AccessToken"
        yield "class Token:"
        yield "    def get_token(self, *scopes, **options):"
        yield f"        return AccessToken({key}, {FAR_FUTURE_S})"
        yield from _workspace(f'credential=Token(), arm_endpoint="{reach.address}/",', located=False)


def _workspace(*more: str, located: bool = True) -> Iterator[str]:
    location = ', location="eastus"' if located else ""
    yield "workspace = Workspace("
    yield f"    {PLACE}{location},"
    for line in more:
        yield f"    {line}"
    yield ")"


def _curl(reach: Reach) -> Iterator[str]:
    trust = f"--cacert {quote(reach.authority)} " if reach.authority else ""
    key = f'-H "x-ms-quantum-api-key: ${KEY_VARIABLE}" ' if reach.keys_required else ""
    yield f"curl {trust}{key}{reach.address}/v1.0{WORKSPACE}/jobs"
