"""deploy/grafana: each query of the dashboard, asked of a Prometheus that watched a gateway through everything."""

import re
import time

import pytest

from support import dashboard
from support.prometheus import numbers
from support.wait import eventually

DASHBOARD = dashboard.load()
# Exported, and on no panel.
LEFT_OUT = set()
# Stay at 0 here: no descriptors run out, with Redis no session is in the process, the
# log is read, and Redis loses no run and is there. What crosses threads, or has gone to Redis, is seen by a scrape only by luck.
STAY_ZERO = {
    "gateway_accept_failures_total", "gateway_sessions", "gateway_mailbox_items", "gateway_engine_pending",
    "gateway_log_lines_dropped_total",
    "gateway_runs_reloads_total", "gateway_engine_partitions_away",
}  # fmt: skip
# Prometheus's own.
OWN = {"up", "ALERTS"}


@pytest.fixture(scope="session")
def kinds(watched):
    """What /metrics exports, and of which kind each is."""
    text = watched.gateway.api.get("/metrics").text
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


@pytest.fixture(scope="session")
def names(kinds):
    """As queries name them: of a histogram its three series."""
    parts = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + part for name, kind in kinds.items() for part in parts.get(kind, ("",))}


@pytest.fixture(scope="session")
def values(prometheus):
    """What the variables may become, asked as Grafana asks."""
    found = {}
    for name, variable in dashboard.variables(DASHBOARD).items():
        if variable["type"] == "query":
            metric, label = dashboard.LABEL_VALUES.fullmatch(variable["query"]["query"]).groups()
            found[name] = prometheus.label_values(metric, label)
    return found


def asked(watched, expression) -> dict:
    """The numbers both ways: now, and over all the time since the start."""
    return {
        True: watched.prometheus.values(expression),
        False: numbers(watched.prometheus.query_range(expression, watched.started, time.time())),
    }


def test_the_variables_find_the_gateway_and_its_channels(watched, values):
    assert len(values["instance"]) == 1 and set(values) == {"instance", "channel"}
    assert set(values["channel"]) == set(watched.gateway.api.backpressure()["channels"])


@pytest.mark.parametrize("query", dashboard.queries(), ids=lambda query: query.where)
def test_a_query_gives_a_number(watched, values, query):
    expression = dashboard.filled_in(query.expression, values)
    assert asked(watched, expression)[query.instant], f"no number from {expression}"


def test_a_query_for_what_is_not_there_would_be_noticed(watched):
    assert asked(watched, "sum(rate(gateway_sendings_total[5m]))") == {True: [], False: []}
    assert asked(watched, "0 * gateway_ready / 0") == {True: [], False: []}, "NaN is no number"
    with pytest.raises(AssertionError, match="parse error"):
        asked(watched, "sum(rate(gateway_sends_total)")


def test_the_dashboard_names_only_what_is_exported(names):
    used = set().union(*(dashboard.metrics_in(query.expression) for query in dashboard.queries()))
    assert used <= names | OWN


def test_what_is_exported_is_on_a_panel_or_left_out_on_purpose(names):
    of_panels = (dashboard.metrics_in(target["expr"]) for panel in dashboard.panels(DASHBOARD) for target in panel["targets"])
    assert names - set().union(*of_panels) <= LEFT_OUT


def test_every_metric_has_counted_something(prometheus, kinds):
    """Else the queries above could be answered by zeros that never change."""
    for name, kind in kinds.items():
        if name not in STAY_ZERO:
            series = f"{name}_count" if kind == "histogram" else name
            eventually(lambda: prometheus.values(f"max_over_time({series}[30m]) > 0"), 20, name)


def test_a_panel_says_what_it_shows():
    titles = [panel["title"] for panel in dashboard.panels(DASHBOARD)]
    assert len(titles) == len(set(titles))
    for panel in dashboard.panels(DASHBOARD):
        assert panel["description"], panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["type"] in ("state-timeline", "heatmap") or defaults["unit"], panel["title"]
        for target in panel["targets"]:
            assert target["legendFormat"], panel["title"]
            assert target["datasource"]["uid"] == panel["datasource"]["uid"] == "${datasource}", panel["title"]


def test_panels_do_not_lie_over_each_other():
    taken = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} over {taken[x, y]}"
                taken[x, y] = panel["title"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_a_legend_names_only_labels_that_the_series_have(watched, values):
    for panel in dashboard.panels(DASHBOARD):
        for target in panel["targets"]:
            wanted = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            expression = dashboard.filled_in(target["expr"], values)
            for series in watched.prometheus.query_range(expression, watched.started, time.time()):
                assert wanted <= set(series["metric"]), f"{panel['title']}: {series['metric']}"
