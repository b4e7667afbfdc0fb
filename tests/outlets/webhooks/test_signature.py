"""Signatures are those of Standard Webhooks 1.0.0: known answers, the published library, and no changed bit."""

import hmac
import subprocess
import sys
import time
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import CallerError, ConfigError, InvalidRequest
from kyanite.outlets.webhooks import Unverified, verify
from kyanite.outlets.webhooks.secret import Secret, generate, parse
from kyanite.outlets.webhooks.signature import headers

NOW_S = 1_767_225_600
SECRET = Secret("v1", bytes(range(32)))
OTHER = Secret("v1", bytes(range(1, 33)))
BODY = b'{"type":"job.succeeded","data":{}}'
LONG = f"whsec_{b64encode(bytes(range(64))).decode()}"
SHORT = f"whsec_{b64encode(bytes(range(24))).decode()}"
KEY = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
PUBLIC = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
NAMED = '{"name":"Jörg ☃"}'.encode()

# Made with OpenSSL: `openssl dgst -sha256 -mac HMAC` and `openssl pkeyutl -sign -rawin`.
KNOWN = [
    (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        b'{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (LONG, "msg_0001", NOW_S, NAMED, "v1,KJmQSPCwaVHkARG8A5io9dCr+K8TonM172+FTu0YuRc="),
    (SHORT, "msg_0001", NOW_S, NAMED, "v1,PfRGmT4KJoou0694feUh0HoiswokB6E8bJofUoEOHwc="),
    (
        KEY,
        "msg_0001",
        NOW_S,
        NAMED,
        "v1a,EI5JcDh9ubNwn78IC/yOxcKzOWSMA18tkd7JmJ8w8vZNLbVraErpycWE+lo6lLTkaB4w0DBIfi8tpqSNlbSyCA==",
    ),
]


def needs(text):
    if not text.startswith("whsec_"):
        pytest.importorskip("cryptography")


def refused(given, body, *secrets, now_s=NOW_S):
    try:
        verify(given, body, secrets, now_s)
    except Unverified:
        return True
    return False


@pytest.mark.parametrize(("text", "message_id", "timestamp_s", "body", "signature"), KNOWN)
def test_known_answers(text, message_id, timestamp_s, body, signature):
    needs(text)
    made = headers(message_id, timestamp_s + 0.9, body, [parse(text)])
    assert made == {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature,
    }
    assert verify(made, body, [text], timestamp_s) == message_id
    if text == KEY:
        assert verify(made, body, [PUBLIC], timestamp_s) == message_id


@given(st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True), st.text(), st.binary(min_size=24, max_size=64))
def test_the_published_library_agrees(message_id, text, key):
    published = pytest.importorskip("standardwebhooks")
    secret, body, now_s = Secret("v1", key), text.encode(), time.time()
    made = headers(message_id, now_s, body, [secret])
    theirs = published.Webhook(secret.text)
    assert theirs.sign(message_id, datetime.fromtimestamp(now_s, UTC), text) == made["webhook-signature"]
    theirs.verify(body, made, json_parse=False)
    with pytest.raises(published.WebhookVerificationError):
        theirs.verify(body + b"x", made, json_parse=False)
    signed = {**made, "webhook-signature": theirs.sign(message_id, datetime.fromtimestamp(now_s, UTC), text)}
    assert verify(signed, body, [secret.text]) == message_id


@given(st.binary(max_size=200), st.binary(min_size=24, max_size=64))
def test_a_signature_is_an_hmac(body, key):
    made = headers("msg_1", NOW_S, body, [Secret("v1", key)])
    expected = b64encode(hmac.new(key, b"msg_1.1767225600." + body, "sha256").digest()).decode()
    assert made["webhook-signature"] == f"v1,{expected}"


def flipped(raw):
    for at in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        yield bytes(changed)


@pytest.mark.parametrize("kind", ["v1", "v1a"])
def test_every_changed_bit_is_noticed(kind):
    needs("whsk_" if kind == "v1a" else "whsec_")
    secret = generate(kind)
    made = headers("msg_5f3a", NOW_S, BODY, [secret])
    assert not refused(made, BODY, secret)
    assert all(refused(made, body, secret) for body in flipped(BODY))
    for name in made:
        raw = made[name].encode()
        for changed in flipped(raw):
            text = changed.decode("latin-1")
            assert refused({**made, name: text}, BODY, secret, now_s=NOW_S), (name, text)
            if name == "webhook-timestamp" and text.isascii() and text.isdigit():
                assert refused({**made, name: text}, BODY, secret, now_s=int(text))  # not only for its time


@given(st.data())
def test_any_changed_bit_of_any_message_is_noticed(data):
    body = data.draw(st.binary(min_size=1, max_size=300))
    made = headers("msg_" + data.draw(st.text("abc123_-", min_size=1, max_size=30)), NOW_S, body, [SECRET])
    raw = {"id": made["webhook-id"].encode(), "timestamp": made["webhook-timestamp"].encode(), "body": body}
    part = data.draw(st.sampled_from(sorted(raw)))
    changed = bytearray(raw[part])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    if part == "body":
        assert refused(made, bytes(changed), SECRET)
    else:
        assert refused({**made, f"webhook-{part}": changed.decode("latin-1")}, body, SECRET)


def test_while_a_secret_is_replaced_either_verifies():
    end = datetime.fromtimestamp(NOW_S + 60, UTC)
    ending = Secret("v1", bytes(range(32)), end)
    both = headers("msg_1", NOW_S, BODY, [OTHER, ending])
    assert both["webhook-signature"].count(" ") == 1
    assert not refused(both, BODY, OTHER)
    assert not refused(both, BODY, SECRET)
    assert not refused(both, BODY, OTHER, SECRET)
    assert refused(both, BODY, Secret("v1", bytes(32)))
    later = headers("msg_1", NOW_S + 60, BODY, [OTHER, ending])
    assert " " not in later["webhook-signature"]
    assert refused(later, BODY, SECRET, now_s=NOW_S + 60)
    assert not refused(later, BODY, OTHER, now_s=NOW_S + 60)
    with pytest.raises(ConfigError, match="live"):
        headers("msg_1", NOW_S + 60, BODY, [ending])
    with pytest.raises(ConfigError, match="live"):
        headers("msg_1", NOW_S, BODY, [])


def test_both_schemes_sign_together():
    pytest.importorskip("cryptography")
    made = headers("msg_1", NOW_S, BODY, [SECRET, parse(KEY)])
    first, second = made["webhook-signature"].split(" ")
    assert (first[:3], second[:4]) == ("v1,", "v1a,")
    for text in (SECRET.text, KEY, PUBLIC):
        assert verify(made, BODY, [text], NOW_S) == "msg_1"
    crossed = {**made, "webhook-signature": f"v1a,{first[3:]} v1,{second[4:]}"}
    assert refused(crossed, BODY, SECRET.text, KEY)


@pytest.mark.parametrize(("late_s", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_a_message_has_its_time(late_s, good):
    made = headers("msg_1", NOW_S, BODY, [SECRET])
    assert refused(made, BODY, SECRET, now_s=NOW_S + late_s) is not good
    assert verify(made, BODY, [SECRET], NOW_S + late_s, tolerance_s=1_000) == "msg_1"


def test_the_present_is_the_time_unless_another_is_given():
    with pytest.raises(Unverified, match="long ago"):
        verify(headers("msg_1", NOW_S - 1e9, BODY, [SECRET]), BODY, [SECRET])
    with pytest.raises(Unverified, match="ahead of time"):
        verify(headers("msg_1", time.time() + 1e6, BODY, [SECRET]), BODY, [SECRET])
    assert verify(headers("msg_1", time.time(), BODY, [SECRET]), BODY, [SECRET]) == "msg_1"


def test_names_of_headers_have_no_case_and_one_value():
    made = headers("msg_1", NOW_S, BODY, [SECRET])
    assert verify({name.title(): value for name, value in made.items()}, BODY, [SECRET], NOW_S) == "msg_1"
    assert refused({**made, "Webhook-Id": "msg_2"}, BODY, SECRET)
    for missing in made:
        assert refused({name: value for name, value in made.items() if name != missing}, BODY, SECRET)


@pytest.mark.parametrize(
    "signature",
    ["", "v1", "v1,", "v2,AAAA", ",", "v1,\udc80", "v1, ", "v1a,", "v1a,AAAA", "v1a," + "=" * 88, " " * 50],
)
def test_what_is_no_signature_is_refused(signature):
    pytest.importorskip("cryptography")
    made = {**headers("msg_1", NOW_S, BODY, [SECRET]), "webhook-signature": signature}
    assert refused(made, BODY, SECRET, KEY)


def test_a_good_signature_counts_among_bad_ones_but_not_among_very_many():
    made = headers("msg_1", NOW_S, BODY, [SECRET])
    good = made["webhook-signature"]
    assert not refused({**made, "webhook-signature": f"v9,x v1,AAAA {good}"}, BODY, SECRET)
    assert refused({**made, "webhook-signature": "v1,AAAA " * 16 + good}, BODY, SECRET)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\n", "é", "x" * 257])
def test_an_id_leaves_no_doubt_where_it_ends(message_id):
    with pytest.raises(ValueError, match="full stop"):
        headers(message_id, NOW_S, BODY, [SECRET])
    assert refused({**headers("m", NOW_S, BODY, [SECRET]), "webhook-id": message_id}, BODY, SECRET)


@pytest.mark.parametrize("timestamp", ["", "now", "1767225600.0", " 1767225600", "+1767225600", "-1", "9" * 13, "١٢٣"])
def test_a_time_is_whole_seconds(timestamp):
    assert refused({**headers("m", NOW_S, BODY, [SECRET]), "webhook-timestamp": timestamp}, BODY, SECRET)


def test_who_verifies_loads_little():
    code = "import sys; from kyanite.outlets.webhooks import verify; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "kyanite.outlets.webhooks.signature" in ran.stdout.split()
    assert not {"aiohttp", "cryptography", "numpy", "yarl"} & {*ran.stdout.split()}


def test_who_verifies_needs_secrets_that_are_some():
    made = headers("msg_1", NOW_S, BODY, [SECRET])
    assert refused(made, BODY)
    with pytest.raises(InvalidRequest, match="secret"):
        verify(made, BODY, ["secret"], NOW_S)
    assert issubclass(Unverified, CallerError)
