import pytest
from aiohttp.test_utils import make_mocked_request

from kyanite.config import ServerSettings, Settings
from kyanite.http.service import Service, State

SERVICE = Service(None, Settings(), None, State(listening="http://127.0.0.1:8473"))


@pytest.mark.parametrize("host", ["localhost:8473", "quantum.example.com", "[::1]:80", "10.0.0.7", "a-b_c.d:65535"])
def test_links_begin_with_what_the_client_wrote(host):
    assert SERVICE.address(make_mocked_request("GET", "/", {"Host": host})) == f"http://{host}"


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "user@host", "a:b:c", "{host}", "a\u00e4", "x" * 254, "host:123456"]
)
def test_and_where_that_is_no_host_with_where_we_listen(host):
    assert SERVICE.address(make_mocked_request("GET", "/", {"Host": host})) == "http://127.0.0.1:8473"
    assert SERVICE.address(make_mocked_request("GET", "/")) == "http://127.0.0.1:8473"


@pytest.mark.parametrize("host", ["localhost:8473", "a b", "evil.example"])
def test_where_the_public_address_is_known_links_begin_with_that(host):
    settings = Settings(server=ServerSettings(public_url="https://jobs.example.org"))
    service = Service(None, settings, None, State(listening="http://127.0.0.1:8473"))
    assert service.address(make_mocked_request("GET", "/", {"Host": host})) == "https://jobs.example.org"
