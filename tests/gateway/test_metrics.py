"""/metrics in the Prometheus text format."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.wait import eventually


def scrape(gateway):
    response = gateway.api.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return list(text_string_to_metric_families(response.text))


def values(families, *words):
    """The samples without labels beyond the instance whose name has all of the words."""
    return {s.name: s.value for family in families for s in family.samples if all(word in s.name for word in words)}


def total(gateway, *words):
    return sum(values(scrape(gateway), *words).values())


def test_it_parses_and_every_family_is_described(gateway):
    families = scrape(gateway)
    assert len(families) >= 8
    for family in families:
        assert family.name.startswith(("websocket_", "gateway_", "process_")), family.name
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge", "histogram", "summary"), family.name


def test_the_documented_metrics_are_the_exported_ones(gateway):
    text = (Path(__file__).parents[2] / "docs/operations/metrics.md").read_text()
    table = text.split("<!-- metrics: begin -->")[1].split("<!-- metrics: end -->")[0]
    documented = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", table, re.M)
    exported = gateway.api.get("/metrics").text
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", exported, re.M))
    types = dict(re.findall(r"^# TYPE (\S+) (.*)$", exported, re.M))
    assert documented == [(name, types[name], helps[name]) for name in helps]


def test_no_sample_is_there_twice(gateway):
    samples = [(s.name, tuple(sorted(s.labels.items()))) for family in scrape(gateway) for s in family.samples]
    assert len(samples) == len(set(samples))


def test_connections_come_and_go(gateway):
    clients = [gateway.connect() for _ in range(3)]
    eventually(lambda: total(gateway, "connections", "active") == 3)
    for client in clients:
        client.close()
    eventually(lambda: total(gateway, "connections", "active") == 0)


def test_counters_only_grow(gateway):
    def counters():
        return {
            (s.name, tuple(sorted(s.labels.items()))): s.value
            for family in scrape(gateway)
            if family.type == "counter"
            for s in family.samples
            if not s.name.endswith("_created")
        }

    before = counters()
    client = gateway.connect()
    client.say(id=1)
    client.ask("not json")
    gateway.api.publish("guide", {})
    client.receive()
    client.close()
    after = eventually(lambda: (now := counters()) != before and now)
    assert all(after[key] >= value for key, value in before.items())


@pytest.mark.parametrize(
    "words, act",
    [
        (("messages", "received"), lambda gateway, client: client.say(id=1)),
        (("messages", "sent"), lambda gateway, client: gateway.api.send({}, connection_id=client.connection_id)),
        (("error",), lambda gateway, client: client.ask("not json")),
        (("connections", "total"), lambda gateway, client: gateway.connect()),
    ],
    ids=["received", "sent", "errors", "connections"],
)
def test_what_happens_is_counted(gateway, words, act):
    client = gateway.connect()
    eventually(lambda: total(gateway, "connections", "active") >= 1)
    before = total(gateway, *words)
    act(gateway, client)
    eventually(lambda: total(gateway, *words) > before)


def test_no_label_has_a_name_from_outside(gateway):
    """Channels are configured; users, sessions and connections would make a series each."""
    client = gateway.connect(gateway.new_session(user_id="ada-lovelace", session_id="sesame-open-and-so-on"))
    client.say(text="hello", id=1)
    client.say("no-such-channel", id=2)
    text = gateway.api.get("/metrics").text
    for secret in ("ada-lovelace", "sesame-open-and-so-on", client.connection_id, "no-such-channel"):
        assert secret not in text
