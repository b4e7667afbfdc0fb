"""Certificates: those that are set, and those that are made for this machine."""

import shutil
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from kyanite.config import TlsSettings
from kyanite.errors import ConfigError
from kyanite.http import tls

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """What is made for this machine, today."""
    pytest.importorskip("cryptography")
    return tls.development(tmp_path_factory.mktemp("tls"))


def settings(certificate="", key=""):
    return TlsSettings(certificate=str(certificate), key=str(key))


def shake_hands(server, client, name):
    """Let the two speak TLS in memory, as far as the handshake; return the client's side."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(back, there, server_hostname=name),
        server.wrap_bio(there, back, server_side=True),
    ]
    waiting = list(ends)
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
    return ends[0]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_strict_clients_trust_what_is_made(made, name):
    client = ssl.create_default_context(cafile=made.authority)
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    spoken = shake_hands(tls.context(settings(made.certificate)), client, name)
    assert spoken.version() in {"TLSv1.2", "TLSv1.3"}
    assert ("DNS", "localhost") in spoken.getpeercert()["subjectAltName"]


def test_it_is_for_no_other_name_and_trusted_by_nobody_else(made):
    server = tls.context(settings(made.certificate))
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(server, ssl.create_default_context(cafile=made.authority), "example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self-signed"):
        shake_hands(server, ssl.create_default_context(), "localhost")


def test_files_are_private_and_the_authority_keeps_no_key(made):
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "PRIVATE" not in made.authority.read_text()
    assert "PRIVATE KEY" in made.certificate.read_text()
    assert sorted(path.name for path in made.authority.parent.iterdir()) == ["ca.pem", "localhost.pem"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_agrees(made):
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-CAfile",
        made.authority,
        made.certificate,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_is_made_once_and_anew_before_it_ends(tmp_path):
    pytest.importorskip("cryptography")
    first = [path.read_bytes() for path in tls.development(tmp_path, NOW)]
    soon, late = tls.LIFE - tls.RENEWAL - timedelta(hours=1), tls.LIFE - tls.RENEWAL + timedelta(hours=1)
    assert [path.read_bytes() for path in tls.development(tmp_path, NOW + soon)] == first
    second = [path.read_bytes() for path in tls.development(tmp_path, NOW + late)]
    assert not set(second) & set(first)
    assert [path.read_bytes() for path in tls.development(tmp_path, NOW + late)] == second


@pytest.mark.parametrize("spoilt", ["ca.pem", "localhost.pem"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate", "another's"])
def test_what_does_not_fit_is_made_anew(tmp_path, made, spoilt, content):
    paths = tls.development(tmp_path)
    path = tmp_path / spoilt
    if content is None:
        path.unlink()
    else:
        path.write_bytes((made.authority.parent / spoilt).read_bytes() if content == "another's" else content)
    assert tls.development(tmp_path) == paths
    client = ssl.create_default_context(cafile=paths.authority)
    assert shake_hands(tls.context(settings(paths.certificate)), client, "localhost").version()


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigError, match=r"pip install 'kyanite\[tls\]'"):
        tls.development(tmp_path / "tls")
    assert not (tmp_path / "tls").exists()


def test_no_certificate_is_no_tls():
    assert tls.context(TlsSettings()) is None


def test_files_that_can_not_be_used_are_named(tmp_path):
    (tmp_path / "text.pem").write_text("no certificate")
    for problem, what in (
        (settings(key="key.pem"), "server.tls.key is set, and server.tls.certificate is not"),
        (settings(tmp_path / "missing.pem"), "missing.pem: No such file"),
        (settings(tmp_path / "text.pem", tmp_path / "gone.pem"), "gone.pem: No such file"),
        (settings(tmp_path / "text.pem"), "text.pem can not be used"),
    ):
        with pytest.raises(ConfigError, match=what):
            tls.context(problem)


def test_a_key_with_a_password_is_refused_without_asking(tmp_path, made):
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key(made.certificate.read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (tmp_path / "key.pem").write_bytes(locked)
    with pytest.raises(ConfigError, match=r"key\.pem can not be used"):
        tls.context(settings(made.certificate, tmp_path / "key.pem"))
