"""Dashboard and page agree with what a daemon shows."""

import json
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kyanite.http.metrics.catalogue import METRICS
from tests.house.tree import ROOT
from tests.http.places import client_in

DASHBOARD = json.loads((ROOT / "config" / "grafana.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
_NAME = re.compile(r"\b(?:kyanite|process)_[a-z0-9_]+")
_SELECTOR = re.compile(r"((?:kyanite|process)_[a-z0-9_]+)\{([^}]*)\}")
_PARTS = ("_bucket", "_sum", "_count")


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries():
    """Every query of the dashboard, those of its variables as well."""
    variables = [each["query"]["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    return [target["expr"] for panel in panels() for target in panel["targets"]] + variables


def alerts():
    """The conditions of the page's table, as code."""
    table = PAGE.partition("## What to alert on")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(.+?)`", table, re.MULTILINE)


async def test_whatever_is_asked_for_is_shown(tmp_path):
    async with client_in(tmp_path) as client, client.get("/metrics") as answer:
        families = list(text_string_to_metric_families(await answer.text()))
    shown = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    shown |= {family.name + part for family in families if family.type == "histogram" for part in _PARTS}
    asked = {name for query in queries() + alerts() for name in _NAME.findall(query)}
    assert asked - shown == set()
    assert len(asked) > 20


@pytest.mark.parametrize("query", sorted(set(queries() + alerts())))
def test_labels_are_those_of_the_metric(query):
    labels = {metric.name + part: {*metric.labels, "le"} for metric in METRICS for part in ("", *_PARTS)}
    for name, selector in _SELECTOR.findall(query):
        named = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)
        assert named
        assert set(named) <= labels[name], query
    grouped = [label for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", query) for label in re.findall(r"\w+", group)]
    for name in set(_NAME.findall(query)) & set(labels):
        assert set(grouped) <= labels[name], query


def test_every_metric_is_documented_and_drawn():
    names = {metric.name for metric in METRICS}
    assert names - set(re.findall(r"^\| `(kyanite_\w+)`", PAGE, re.MULTILINE)) == set()
    drawn = {re.sub(r"_(?:bucket|sum|count)$", "", name) for query in queries() for name in _NAME.findall(query)}
    assert names - drawn == set()


def test_the_dashboard_is_one_that_grafana_takes():
    assert DASHBOARD["schemaVersion"] >= 36
    assert {"title", "uid", "time", "templating", "annotations", "panels"} <= set(DASHBOARD)
    assert "id" not in DASHBOARD  # Grafana gives one
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert len(set(references)) == len(references)
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_panels_do_not_lie_on_each_other():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells


def test_variables_are_used_and_known():
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "workspace", "target"}
    used = set(re.findall(r"\$(\w+)", " ".join(queries()))) - {"__rate_interval"}
    assert used == {"workspace", "target"}
