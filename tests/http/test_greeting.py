"""What the daemon prints. That the lines work is proved with the clients themselves, in tests/acceptance."""

import ast

import pytest

from kyanite.http.greeting import Reach, greeting

HERE = Reach("http://127.0.0.1:8473", ["acme.echo", "acme.late"], keys_required=False, keys_made=False)
TLS = Reach("https://127.0.0.1:8473", ["acme.echo"], keys_required=False, keys_made=False, authority="/a b/ca.pem")
KEYS = Reach("https://127.0.0.1:8473", [], keys_required=True, keys_made=True, authority="/ca.pem")


def sections(reach):
    """The lines of each section, by its heading."""
    paragraphs = [paragraph.split("\n  ") for paragraph in greeting(reach).split("\n\n")]
    return {lines[0]: lines[1:] for lines in paragraphs}


def python_of(lines):
    return [line for line in lines if not line.startswith(("export ", "(", "# "))]


def test_where_and_what():
    found = sections(HERE)
    assert next(iter(found)) == "Kyanite listens on http://127.0.0.1:8473"
    assert found["Targets (2):"] == ["acme.echo, acme.late"]


@pytest.mark.parametrize("reach", [HERE, TLS, KEYS])
@pytest.mark.parametrize("heading", ["azure-quantum 0.27", "azure-quantum 3"])
def test_what_is_python_is_python(reach, heading):
    lines = next(lines for name, lines in sections(reach).items() if name.startswith(heading))
    assert ast.parse("\n".join(python_of(lines))).body


def test_without_keys():
    found = sections(HERE)
    assert any(heading.startswith("Keys: none is needed from this machine") for heading in found)
    old = next(lines for name, lines in found.items() if "0.27" in name)
    assert old[0] == "export AZURE_QUANTUM_BASEURL=http://127.0.0.1:8473/"
    assert old[-2] == '    credential="",'
    new = '    _quantum_endpoint="http://127.0.0.1:8473/", _workspace_kind="V2",'
    assert found["azure-quantum 3:"][-2] == new
    assert found["curl:"][0].startswith("curl http://127.0.0.1:8473/v1.0/subscriptions/")


def test_with_a_certificate_every_client_is_told_to_trust_it():
    found = sections(TLS)
    old = next(lines for name, lines in found.items() if "0.27" in name)
    assert "export REQUESTS_CA_BUNDLE='/a b/ca.pem' SSL_CERT_FILE='/a b/ca.pem'" in old
    assert "export REQUESTS_CA_BUNDLE='/a b/ca.pem'" in found["azure-quantum 3:"]
    assert any("arm_endpoint=" in line for line in found["azure-quantum 3:"])
    assert found["curl:"][0].startswith("curl --cacert '/a b/ca.pem' https://")


def test_with_keys_every_client_is_told_where_to_put_it():
    found = sections(KEYS)
    assert any(heading.startswith("Keys: every request needs one. ") for heading in found)
    old = next(lines for name, lines in found.items() if "0.27" in name)
    assert any("AZURE_QUANTUM_TOKEN_FILE=" in line for line in old)
    assert 'credential=""' not in "".join(old)
    assert 'AzureKeyCredential(os.environ["KYANITE_API_KEY"])' in "".join(found["azure-quantum 3:"])
    assert '-H "x-ms-quantum-api-key: $KYANITE_API_KEY"' in found["curl:"][0]


def test_what_does_not_work_is_said():
    plain = Reach("http://10.0.0.7:8473", [], keys_required=True, keys_made=False, everywhere=True)
    text = greeting(plain)
    assert "there is none yet: `kyanite key create` makes one" in text
    assert "unencrypted" in text
    assert "it sends keys over https only" in text
    assert "BASEURL" not in text
    assert "From another machine" in text
    assert "unencrypted" not in greeting(KEYS)


def test_keys_that_are_not_needed_but_checked():
    made = Reach("http://127.0.0.1:1", [], keys_required=False, keys_made=True)
    text = greeting(made)
    assert "One that is sent is checked" in text
    assert 'credential=""' in text
    assert 'AzureKeyCredential(os.environ["KYANITE_API_KEY"])' in text
    assert "-H" not in sections(made)["curl:"][0]
