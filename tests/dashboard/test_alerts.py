"""deploy/prometheus: the scrape configuration and the alerts, held by Prometheus's own tool and a running gateway."""

import re

import pytest
import yaml

from support import dashboard
from support.gateway import REPOSITORY
from support.prometheus import RULES, promtool
from support.wait import eventually

ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


@pytest.mark.parametrize(
    "check",
    [("check", "config", "deploy/prometheus/prometheus.yml"), ("check", "rules", "deploy/prometheus/alerts.yml"),
     ("test", "rules", "tests/dashboard/alerts_test.yml")],
    ids=lambda words: " ".join(words[:2]),
)  # fmt: skip
def test_promtool_is_content(check):
    result = promtool(*check[:2], REPOSITORY / check[2])
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_names_what_is_exported_and_says_what_to_look_at(watched, alert):
    exported = watched.gateway.api.get("/metrics").text
    used = dashboard.metrics_in(alert["expr"])
    assert used
    for metric in used - {"up"}:
        assert re.search(rf"^{metric}[{{ ]", exported, re.M), f"{metric} is not exported"
    assert alert["expr"].count("{") == alert["expr"].count('{job="websocket-gateway"'), "every selector names the job"
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert set(alert["annotations"]) == {"summary", "look_at", "runbook_url"}


def test_prometheus_evaluates_every_alert(prometheus):
    def evaluated():
        rules = prometheus.rules()
        assert [rule["name"] for rule in rules] == [alert["alert"] for alert in ALERTS]
        assert all(rule["health"] != "unknown" for rule in rules)
        return rules

    for rule in eventually(evaluated, 30):
        assert rule["health"] == "ok", f"{rule['name']}: {rule.get('lastError')}"
    for alert in ALERTS:
        prometheus.query(alert["expr"])


def test_a_restart_fires_and_what_was_never_out_of_order_does_not(prometheus):
    fired = {series["metric"]["alertname"] for series in prometheus.query('last_over_time(ALERTS{alertstate="firing"}[30m])')}
    assert "WebSocketGatewayRestarted" in fired
    assert not fired & {"WebSocketGatewayDown", "WebSocketGatewayCannotAccept", "WebSocketGatewayFull"}
