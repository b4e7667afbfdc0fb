from datetime import UTC, datetime, timedelta

import pytest

from kyanite.cli.quantity import age, duration, moment, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0ms"),
        (0.0004, "0ms"),
        (0.0316, "32ms"),
        (0.9994, "999ms"),
        (0.9996, "1.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.9, "1m"),
        (60, "1m"),
        (200, "3m20s"),
        (3_600, "1h"),
        (18_659, "5h10m"),
        (187_200, "2d4h"),
        (90_000_000, "1041d16h"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s"), (0.9, "0s"), (59, "59s"), (119, "1m"), (7_200, "2h"), (200_000, "2d")]
)
def test_age(seconds, text):
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, ""),
        (0, "0 bytes"),
        (1_023, "1,023 bytes"),
        (1_536, "1.5 KiB"),
        (3 << 30, "3.0 GiB"),
        (1 << 52, "4096.0 TiB"),
    ],
)
def test_size(count, text):
    assert size(count) == text


def test_moment():
    assert moment(datetime(2025, 12, 31, 23, 59, 58, 900_000, UTC)) == "2025-12-31 23:59:58Z"
    assert moment(datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=1)) == "2025-01-01 01:00:00Z"
    assert moment(None) == ""
