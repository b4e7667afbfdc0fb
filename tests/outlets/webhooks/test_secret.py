"""Secrets are read in their standard form only, are made at random, and show themselves to nobody."""

import sys
from base64 import b64encode
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import ConfigError, InvalidRequest
from kyanite.logs import without_secrets
from kyanite.outlets.webhooks.secret import PublicKey, Secret, generate, parse, parse_key

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
SIGNATURE = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)
"""RFC 8032, section 7.1, test 1: the signature of nothing."""


def base64(raw):
    return b64encode(raw).decode()


@given(st.binary(min_size=24, max_size=64))
def test_a_shared_secret_reads_back(key):
    text = f"whsec_{base64(key)}"
    assert parse(text).text == text
    assert parse(text.rstrip("=")).text == text  # padding adds nothing
    assert parse(text).kind == "v1"
    assert parse(text).public_key is None


@pytest.mark.parametrize("length", [0, 1, 23, 65, 96])
def test_a_shared_secret_has_a_length(length):
    with pytest.raises(InvalidRequest, match="secret"):
        parse(f"whsec_{base64(bytes(length))}")


def test_an_ed25519_key_is_that_of_the_rfc():
    pytest.importorskip("cryptography")
    secret = parse(f"whsk_{base64(SEED)}")
    assert secret.kind == "v1a"
    assert secret.public_key.text == f"whpk_{base64(PUBLIC)}"
    assert secret.signature(b"") == b64encode(SIGNATURE)
    assert secret.verifies(b"", b64encode(SIGNATURE))
    assert not secret.verifies(b"x", b64encode(SIGNATURE))
    assert parse(f"whsk_{base64(SEED + PUBLIC)}").text == secret.text == f"whsk_{base64(SEED)}"
    with pytest.raises(InvalidRequest, match="not that of the private"):
        parse(f"whsk_{base64(SEED + SEED)}")


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65])
def test_an_ed25519_key_has_a_length(length):
    for prefix in ("whsk_", "whpk_"):
        with pytest.raises(InvalidRequest, match="secret"):
            parse_key(f"{prefix}{base64(bytes(length))}")


def test_a_public_key_verifies_one_spelling_only():
    pytest.importorskip("cryptography")
    key = parse_key(f"whpk_{base64(PUBLIC)}")
    assert isinstance(key, PublicKey)
    assert base64(PUBLIC) in repr(key)
    good = b64encode(SIGNATURE)
    assert key.verifies(b"", good)
    for bad in (good[:-3] + b"x==", good.rstrip(b"="), good + b"=", good[:40], b"", b"\xff", b"=" * 88):
        assert not key.verifies(b"", bad)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec",
        base64(bytes(32)),
        f"WHSEC_{base64(bytes(32))}",
        f"whpk_{base64(bytes(32))}",
        f"whsec_{base64(bytes(32))}\n",
        f" whsec_{base64(bytes(32))}",
        f"whsec_ {base64(bytes(32))}",
        "whsec_" + "-_" * 20,
        "whsec_" + "A" * 41,
        "whsec_" + "é" * 40,
        "whsec_" + "A" * 4_000,
        "whsec_====",
    ],
)
def test_what_is_no_secret_is_refused_and_not_repeated(text):
    with pytest.raises(InvalidRequest) as refused:
        parse(text)
    assert refused.value.field == "secret"
    assert len(text) < 12 or text[6:] not in str(refused.value)


@pytest.mark.parametrize("kind", ["v1", "v1a"])
def test_a_new_secret_is_random_and_reads_back(kind):
    if kind == "v1a":
        pytest.importorskip("cryptography")
    made = {generate(kind).text for _ in range(50)}
    assert len(made) == 50
    for text in made:
        assert (parse(text).text, parse(text).kind) == (text, kind)


@pytest.mark.parametrize("kind", ["v1", "v1a"])
def test_a_secret_shows_itself_to_nobody(kind):
    if kind == "v1a":
        pytest.importorskip("cryptography")
    secret = generate(kind)
    bare = secret.text.partition("_")[2]
    for shown in (repr(secret), str(secret), f"{secret!r:>80}", str([secret])):
        assert bare not in shown
        assert kind in shown
    assert without_secrets(f"signing with {secret.text}.") == "signing with <hidden>."
    with pytest.raises(TypeError):
        msgspec.json.encode(secret)
    with pytest.raises(TypeError):
        vars(secret)


def test_a_secret_signs_until_its_end():
    end = datetime(2026, 1, 2, tzinfo=UTC)
    secret = Secret("v1", bytes(32), end)
    assert secret.is_live(end.timestamp() - 0.001)
    assert not secret.is_live(end.timestamp())
    assert Secret("v1", bytes(32)).is_live(4e9)
    assert parse(secret.text, end).end_time == end


def test_without_cryptography_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    for make in (
        lambda: generate("v1a"),
        lambda: parse(f"whsk_{base64(SEED)}"),
        lambda: parse_key(f"whpk_{base64(PUBLIC)}"),
    ):
        with pytest.raises(ConfigError, match=r"kyanite\[webhooks\]"):
            make()
    assert generate("v1").kind == "v1"
