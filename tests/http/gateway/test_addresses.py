from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from kyanite.blobs.keys import is_safe
from kyanite.config import ServerSettings
from kyanite.errors import InvalidRequest
from kyanite.http import gateway
from kyanite.http.gateway.signing import Signer
from kyanite.http.service import WORKSPACE, Service, State
from tests.runtime.places import SETTINGS, in_memory

SERVICE = Service(in_memory(), SETTINGS, Signer(bytes(32)), State())
HOUR = timedelta(hours=1)


def request(host="127.0.0.1:8473", listening=("127.0.0.1", 8473)):
    made = make_mocked_request("PUT", "/", {"Host": host})
    made[WORKSPACE] = SERVICE.workspace
    made.transport.get_extra_info.side_effect = lambda name, default=None: {"sockname": listening}.get(name, default)
    return made


@pytest.mark.parametrize(
    ("container", "blob", "path"),
    [
        ("job-1", "inputData", "/job-1/job-1/inputData"),
        ("job-a.b", None, "/job-a.b/job-a.b"),
        ("c", "a/ü b%41?#", "/c/c/a/%C3%BC%20b%2541%3F%23"),
    ],
)
def test_addresses_are_of_the_shape_that_both_clients_read(container, blob, path):
    url = urlsplit(gateway.signed_url(SERVICE, request(), container, blob, permissions="r", life=HOUR))
    assert (url.scheme, url.netloc, url.path) == ("http", "127.0.0.1:8473", path)
    names = f"{container}/{blob}" if blob else container
    assert (
        SERVICE.signer.check(names, url.query, workspace="default", now=SERVICE.workspace.now(), permission="r").blob
        == blob
    )


@pytest.mark.parametrize("container", ["", "a/b", "..", "a..b", ".a", "a ", "ü", "a%41", "x" * 256])
def test_names_that_no_container_can_have(container):
    with pytest.raises(InvalidRequest, match="container"):
        gateway.signed_url(SERVICE, request(), container, None, permissions="r", life=HOUR)


@pytest.mark.parametrize("blob", ["", "a//b", "../b", "b.", "b\n"])
def test_names_that_no_blob_can_have(blob):
    with pytest.raises(InvalidRequest, match="key"):
        gateway.signed_url(SERVICE, request(), "c", blob, permissions="r", life=HOUR)


@given(st.text(max_size=50))
@example("a/ü b%41?#")
def test_a_key_comes_back_from_its_address(name):
    if not is_safe(f"default/c/{name}"):
        return
    url = gateway.signed_url(SERVICE, request(), "c", name, permissions="r", life=HOUR)
    assert gateway.key_in(request(), url) == f"default/c/{name}"
    assert gateway.key_in(request(), url.partition("?")[0]) == f"default/c/{name}"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8473/c/c/b",
        "http://localhost:8473/c/c/b",
        "http://LOCALHOST:8473/c/c/b?sv=1&sig=x#fragment",
        "http://[::1]:8473/c/c/b",
        "http://127.0.0.2:8473/c/c/b",
        "https://localhost:8473/c/c/b",
    ],
)
def test_our_own_addresses(url):
    assert gateway.key_in(request(), url) == "default/c/b"


def test_the_name_that_the_client_calls_us_by_is_ours():
    url = "https://quantum.example/c/c/b"
    assert gateway.key_in(request("quantum.example:443"), url) == "default/c/b"
    assert gateway.key_in(request("quantum.example:444"), url) is None
    assert gateway.key_in(request("quantum.example", None), "http://quantum.example/c/c/b") == "default/c/b"


def test_the_public_address_is_ours_whatever_a_proxy_made_of_it(monkeypatch):
    public = replace(SETTINGS, server=ServerSettings(public_url="https://jobs.example.org"))
    monkeypatch.setattr(SERVICE.workspace, "settings", public)
    assert gateway.key_in(request(), "https://jobs.example.org/c/c/b") == "default/c/b"
    assert gateway.key_in(request(), "https://jobs.example.org:444/c/c/b") is None
    assert gateway.key_in(request(), "https://other.example.org/c/c/b") is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "kyanite:///default/c/b",
        "file:///c/c/b",
        "//127.0.0.1:8473/c/c/b",
        "http://127.0.0.1/c/c/b",
        "http://127.0.0.1:8474/c/c/b",
        "http://127.0.0.1:99999/c/c/b",
        "http://user@127.0.0.1:8473/c/c/b",
        "http://127.0.0.1.example:8473/c/c/b",
        "http://example:8473/c/c/b",
        "http://[::1/c/c/b",
        "http://127.0.0.1:8473/c/c",
        "http://127.0.0.1:8473/c/c/",
        "http://127.0.0.1:8473/a/c/b",
        "http://127.0.0.1:8473/c/c/../../x",
        "http://127.0.0.1:8473/c/c/%2e%2e/%2e%2e/x",
        "http://127.0.0.1:8473/c/c/%FF",
        "http://127.0.0.1:8473/%63/%63/b",
        "http://127.0.0.1:8473/a%2Fc/a%2Fc/b",
        "http://127.0.0.1:8473/c/c/" + "x" * 9_000,
    ],
)
def test_addresses_of_others_and_of_nothing(url):
    assert gateway.key_in(request(), url) is None


@given(st.text() | st.text(max_size=40).map(lambda name: f"http://127.0.0.1:8473/c/c/{quote(name, errors='replace')}"))
def test_any_text_names_a_safe_key_or_none(url):
    key = gateway.key_in(request(), url)
    assert key is None or (is_safe(key) and key.startswith("default/"))
