"""What endpoints answer is shown as text that is fit for a log, and their wishes are bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.outlets.webhooks.answer import excerpt, retry_after_s

NOW_S = 1_767_225_600.0
"""Thu, 01 Jan 2026 00:00:00 GMT."""


@pytest.mark.parametrize(
    ("header", "wanted_s"),
    [
        (None, None),
        ("", None),
        ("0", None),
        ("1", 1.0),
        (" 120 ", 120.0),
        ("000060", 60.0),
        ("86400", 86_400.0),
        ("86401", 86_400.0),
        ("9" * 6_000, 86_400.0),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("soon", None),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Thursday, 01-Jan-26 00:02:00 GMT", 120.0),
        ("Thu Jan  1 00:02:00 2026", 120.0),
        ("Wed, 31 Dec 2025 23:59:59 GMT", None),
        ("Thu, 01 Jan 2027 00:00:00 GMT", 86_400.0),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
        ("Thu, 41 Jan 2026 00:00:00 GMT", None),
        ("Thu, 01 Jan 9999 23:59:59 -2359", 86_400.0),
        ("Thu, 01 Jan 0001 00:00:00 +2359", None),
    ],
)
def test_when_to_come_again(header, wanted_s):
    assert retry_after_s(header, NOW_S) == wanted_s


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ [A-Z+-]\w*"), st.floats(0, 1e11))
def test_a_pause_is_never_long_and_never_negative(header, now_s):
    wanted_s = retry_after_s(header, now_s)
    assert wanted_s is None or 0 < wanted_s <= 86_400


def test_the_beginning_is_shown():
    assert excerpt(b"") == ""
    assert excerpt("grüß dich ☃".encode()) == "grüß dich ☃"
    assert excerpt(b"x" * 70_000) == "x" * 1_000
    assert excerpt("\U0001f600".encode() * 2_000) == "\U0001f600" * 1_000
    assert excerpt(b"one\r\n\ttwo") == "one   two"
    assert excerpt(b"\x1b[31mred\x1b[0m\x00\x7f\xff") == "\ufffd[31mred\ufffd[0m\ufffd\ufffd\ufffd"
    assert excerpt("a\u202eb\u2028c\u200bd\x85e".encode()) == "a\ufffdb\ufffdc\ufffdd\ufffde"


def test_what_lets_one_in_is_not_shown():
    body = b"Cannot POST /services/T0/canary?key=1 (really: /services/T0/canary?key=1)"
    assert excerpt(body, secret="/services/T0/canary?key=1") == "Cannot POST <hidden> (really: <hidden>)"
    assert excerpt(b"a/b", secret="/") == "a/b"
    cut_off = excerpt(b"x" * 995 + b"/services/T0/canary", secret="/services/T0/canary")
    assert cut_off == "x" * 995 + "<hidd"


@given(st.binary(max_size=5_000), st.text(max_size=20))
def test_whatever_is_answered_is_one_short_printable_line(body, secret):
    text = excerpt(body, secret=secret)
    assert len(text) <= 1_000
    assert text.isprintable()
