"""The picture of the lifecycle shows what the table says, and fits its frame."""

import xml.etree.ElementTree as ET
from itertools import chain

import pytest

from kyanite.core import lifecycle
from kyanite.core.job import Status
from tests.house import statechart

SVG = {"svg": "http://www.w3.org/2000/svg"}


def test_every_status_and_event_is_in_the_picture():
    shown = ", ".join(text.text for text in ET.fromstring(statechart.picture()).findall("svg:text", SVG)).split(", ")
    boxes = [status.value for status in Status]
    assert sorted(shown) == sorted(["Submitted", *boxes, *chain.from_iterable(statechart.moves().values())])


def test_each_move_has_one_line():
    drawn = ET.fromstring(statechart.picture()).findall("svg:path[@class='line']", SVG)
    assert len(drawn) == len(statechart.moves()) + 1


def test_moves_are_those_of_the_table():
    moved = {(before, event) for (before, _), events in statechart.moves().items() for event in events}
    allowed = {
        (before, event.__name__)
        for before, row in lifecycle.TRANSITIONS.items()
        for event, after in row.items()
        if after is not None and not before.final
    }
    assert moved == allowed


def test_move_without_a_place_is_an_error(monkeypatch):
    monkeypatch.delitem(statechart.LINES, (Status.WAITING, Status.EXECUTING))
    with pytest.raises(KeyError):
        statechart.picture()
