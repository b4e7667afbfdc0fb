import json
import logging

import pytest

from kyanite.cli.loglines import log_lines
from kyanite.cli.session import Session
from kyanite.config import resolve
from kyanite.logs import logger


@pytest.mark.parametrize(
    ("session", "environ", "levels"),
    [
        (Session(), {}, ["warning", "error"]),
        (Session(verbose=1), {}, ["info", "warning", "error"]),
        (Session(verbose=5), {}, ["debug", "info", "warning", "error"]),
        (Session(quiet=True, verbose=2), {}, ["error"]),
        (Session(), {"KYANITE_LOG__LEVEL": "INFO"}, ["info", "warning", "error"]),
        (Session(verbose=2), {"KYANITE_LOG__LEVEL": "ERROR"}, ["debug", "info", "warning", "error"]),
        (Session(quiet=True), {"KYANITE_LOG__LEVEL": "DEBUG"}, ["error"]),
    ],
)
def test_levels(capfd, session, environ, levels):
    library = logging.getLogger("kyanite")
    before = library.handlers, library.level, library.propagate
    resolved = resolve(environ=environ | {"KYANITE_LOG__STYLE": "json"})
    with log_lines(session, resolved):
        for level in ("debug", "info", "warning", "error"):
            getattr(logger(), level)("it happened", number=1)
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert (out, [line["level"] for line in lines]) == ("", levels)
    assert {(line["event"], line["number"]) for line in lines} == {("it happened", 1)}
    assert (library.handlers, library.level, library.propagate) == before
