from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite import ErrorData, JobDetails, Status
from kyanite.html import job_html, results_html

NOON = datetime(2022, 5, 17, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Page(HTMLParser):
    """What a browser would show: the text, and the tags it comes in."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = set(), [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert {name for name, _ in attributes} <= {"style"}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def details(**fields):
    return JobDetails(
        **{
            "id": "job-1",
            "name": "Ship loading",
            "provider_id": "acme",
            "target": "acme.solve",
            "container_uri": "kyanite:///default/job-1",
            "input_data_uri": "kyanite:///default/job-1/inputData",
            "creation_time": NOON,
            **fields,
        }
    )


def shown(html):
    return " ".join("".join(f"{text} " for text in Page(html).text).split())


@pytest.mark.parametrize("status", Status)
def test_a_job_shows_how_it_is(status):
    text = shown(job_html(details(status=status)))
    assert text.startswith(
        f"Ship loading Status \N{BLACK CIRCLE} {status.value} Job job-1 Target acme.solve Created 2022"
    )


def test_a_job_shows_when_it_was_what_and_why_it_failed():
    text = shown(
        job_html(
            details(
                status=Status.FAILED,
                begin_execution_time=NOON + timedelta(seconds=0.25),
                end_execution_time=NOON + timedelta(hours=2, seconds=61),
                input_params={"params": {"sweeps": 100}},
                tags=("night", "ships"),
                error_data=ErrorData("AZQ102", "terms are missing"),
                failures=1,
            )
        )
    )
    for part in (
        "Failed, 1 failed attempt",
        "Began 2022-05-17 12:00:00 UTC , 0.25 s later",
        "Ended 2022-05-17 14:01:01 UTC , 2 h 1 min later",
        "Parameters sweeps=100",
        "Tags night, ships",
        "Error AZQ102 terms are missing",
    ):
        assert part in text


@given(st.text(min_size=1), st.text(), st.dictionaries(st.text(), JSON, max_size=3))
def test_nothing_in_a_job_becomes_markup(name, message, parameters):
    failed = details(name=name, input_params=parameters, error_data=ErrorData(message, message), tags=(message,))
    assert Page(job_html(failed)).tags <= {"table", "caption", "tbody", "tr", "th", "td", "span"}


@given(st.dictionaries(st.sampled_from(["solutions", "parameters", "cost"]), JSON))
def test_results_of_any_form_are_shown(results):
    assert Page(results_html(results)).tags <= {"table", "caption", "tbody", "tr", "th", "td", "span", "br"}


def test_results_show_the_best_first_and_few_of_many():
    solutions = [{"configuration": {str(i): 1 for i in range(1000)}, "cost": cost} for cost in range(-17, -8)]
    text = shown(results_html({"solutions": solutions, "parameters": {"sweeps": 1000, "long": "x" * 10_000}}))
    assert text.startswith("9 solutions, best cost -17 #1 cost -17 0: 1, 1: 1,")
    assert "11: 1 and 988 more variables #2 cost -16" in text
    assert "and 4 more Parameters sweeps=1000" in text
    assert len(text) < 2_000


def test_one_solution_is_one():
    assert shown(results_html({"solutions": [{"configuration": {"0": 1}, "cost": -1.5}]})) == (
        "1 solution, best cost -1.5 #1 cost -1.5 0: 1"
    )
