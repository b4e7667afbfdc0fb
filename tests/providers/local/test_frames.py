import pytest

from kyanite.errors import ProviderError, RetryableError
from kyanite_providers.local import frames
from kyanite_providers.local.frames import (
    Done,
    Inspect,
    Refused,
    Request,
    Run,
    Source,
    frame,
    raised,
    read_request,
    refusal,
    take_frame,
)

RUN = Run(Source("ab", content=b"\0" * 300), 10, "t", {"sweeps": 3, "all_betas": [1.0]}, None, "out")


def test_frames_come_out_as_they_went_in_however_they_are_cut():
    sent: list[Request] = [RUN, Inspect(Source("", path="x"), 5), RUN]
    wire = b"".join(frame(message) for message in sent)
    buffer, received = bytearray(), []
    for byte in wire:
        buffer.append(byte)
        while (content := take_frame(buffer)) is not None:
            received.append(read_request(content))
    assert received == sent
    assert not buffer


def test_frame_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(frames, "FRAME_BYTES_MAX", 100)
    assert frame(Done())
    with pytest.raises(ValueError, match="longer than 100"):
        frame(RUN)


def crossing(refused):
    reply = frames.read_reply(bytes(frame(refused)[4:]))
    assert isinstance(reply, Refused)
    return reply


@pytest.mark.parametrize("kind", [ProviderError, RetryableError])
def test_error_survives_the_crossing(kind):
    error = kind("Code", "message", target="field", details=["a", "b"])
    crossed = raised(crossing(refusal(error)))
    assert type(crossed) is kind
    assert crossed.error == error.error
