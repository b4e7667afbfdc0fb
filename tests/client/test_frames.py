"""Event streams, in whatever pieces they come."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.client import frames
from kyanite.client.frames import Frame, Frames
from kyanite.errors import InfrastructureError

STREAM = (
    b"retry: 1000\n\n"
    b'id: 7\nevent: Ready\ndata: {"position":7}\n\n'
    b":\n\n"
    b"id: 8\nevent: Began\ndata: one\ndata: two\n\n"
    b"event: Progressed\ndata:unspaced\nfurther: unknown\nbare\n\n"
    b"data: caf\xc3\xa9\n\n"
    b"id: 9\n\n"
    b"event: of nothing\n\n"
)
FOUND = [
    Frame("Ready", b'{"position":7}', "7"),
    Frame("Began", b"one\ntwo", "8"),
    Frame("Progressed", b"unspaced", None),
    Frame("message", "café".encode(), None),
    Frame("message", b"", "9"),
]


def read(*chunks):
    reader = Frames()
    return [frame for chunk in chunks for frame in reader.feed(chunk)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@given(cuts=st.lists(st.integers(0, 220), max_size=12))
def test_they_are_the_same_wherever_the_chunks_are_cut(cuts, mark, end):
    # A carriage return is a line's end for certain only when it is seen what comes after it.
    text = mark + STREAM.replace(b"\n", end) + b":"
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert read(*(text[start:stop] for start, stop in pairwise(places))) == FOUND


def test_one_byte_at_a_time():
    assert read(*(bytes([byte]) for byte in STREAM)) == FOUND


def test_what_is_cut_short_is_none():
    reader = Frames()
    assert reader.feed(b"id: 1\ndata: x\n") == []
    assert reader.feed(b"\n") == [Frame("message", b"x", "1")]


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_anything_can_be_read(chunks):
    assert all(isinstance(frame, Frame) for frame in read(*chunks))


def test_it_is_bounded(monkeypatch):
    monkeypatch.setattr(frames, "FRAME_BYTES_MAX", 100)
    reader = Frames()
    assert len([frame for _ in range(50) for frame in reader.feed(b"data: " + b"x" * 80 + b"\n\n:\n\n")]) == 50
    with pytest.raises(InfrastructureError, match="more than 100 bytes"):
        reader.feed(b"data: " + b"x" * 100)
    several = Frames()
    several.feed(b"data: " + b"x" * 60 + b"\n")
    with pytest.raises(InfrastructureError, match="more than 100 bytes"):
        several.feed(b"data: " + b"x" * 60 + b"\n")
