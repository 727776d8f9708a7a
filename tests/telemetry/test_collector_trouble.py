"""A collector that is away, hangs, is slow or late: counted drops, and nothing else."""

import time

import pytest

from support.certificates import make_certificates
from support.gateway import Gateway
from support.otel_collector import OtelCollector
from support.tcp_proxy import TcpProxy
from support.traces import SpanCounts
from support.wait import eventually

PROTOCOLS = ["grpc", "http/protobuf"]
MESSAGES = 20


@pytest.fixture
def collector():
    """One that may be harmed."""
    with OtelCollector() as running:
        yield running


def converse(gateway, client):
    """Every message is acknowledged and reaches the agent, whatever the collector does."""
    agent = gateway.subscribe("guide")
    for n in range(MESSAGES):
        assert client.say(id=n)["type"] == "ack"
        agent.next_from(client)
    agent.close()


def stop_seconds(gateway) -> float:
    began = time.monotonic()
    assert gateway.stop() == 0
    return time.monotonic() - began


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_that_is_away_costs_counted_spans_and_takes_later_ones(collector, protocol):
    collector.kill()
    with Gateway(env=collector.variables(protocol, OTEL_EXPORTER_OTLP_TIMEOUT="1000")) as gateway:
        client = gateway.connect()
        converse(gateway, client)
        eventually(lambda: SpanCounts(gateway).failed == MESSAGES, 30)
        eventually(lambda: SpanCounts(gateway).metrics_failed > 0, 30)
        assert SpanCounts(gateway).exported == 0
        collector.start()

        def one_more_arrives():
            client.say(id="later")
            return collector.spans("websocket.message")

        eventually(one_more_arrives, 60, interval=0.5)
        eventually(lambda: collector.metrics("gateway.telemetry.spans.dropped"), 60)
    assert "otel_export_failed" in gateway.log_text


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("trusted", ["another authority", "the system's authorities"])
def test_one_of_an_unknown_authority_gets_nothing_and_is_counted(secure_collector, protocol, trusted, tmp_path):
    make_certificates(tmp_path)
    file = str(tmp_path / "ca.crt") if trusted == "another authority" else ""
    with Gateway(env=secure_collector.variables(protocol, OTEL_EXPORTER_OTLP_CERTIFICATE=file)) as gateway:
        converse(gateway, gateway.connect())
        eventually(lambda: SpanCounts(gateway).failed == MESSAGES, 30)
        eventually(lambda: SpanCounts(gateway).metrics_failed > 0, 30)
        assert SpanCounts(gateway).exported == 0
        converse(gateway, gateway.connect())
    assert gateway.instance_id not in secure_collector.raw("traces") + secure_collector.raw("metrics")
    assert "otel_export_failed" in gateway.log_text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_that_hangs_costs_counted_spans(collector, protocol):
    collector.stop_process()
    with Gateway(env=collector.variables(protocol, OTEL_EXPORTER_OTLP_TIMEOUT="500")) as gateway:
        converse(gateway, gateway.connect())
        eventually(lambda: SpanCounts(gateway).failed == MESSAGES, 30)
        assert SpanCounts(gateway).exported == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_that_hangs_holds_up_the_end_by_two_seconds_at_most(collector, protocol):
    with Gateway() as gateway:
        converse(gateway, gateway.connect())
        usual = stop_seconds(gateway)
    collector.stop_process()
    with Gateway(env=collector.variables(protocol)) as gateway:
        converse(gateway, gateway.connect())
        took = stop_seconds(gateway)
        assert took < usual + 2 + 2  # the second two: for a busy machine
        assert "otel_flush_cut_off" in gateway.log_text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_full_queue_drops_and_counts_every_span(collector, protocol):
    few = {"OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4", "OTEL_EXPORTER_OTLP_TIMEOUT": "30000"}
    collector.stop_process()
    with Gateway(env=collector.variables(protocol, **few)) as gateway:
        converse(gateway, gateway.connect())
        assert SpanCounts(gateway).queue_full >= MESSAGES - 8 - 4
        collector.continue_process()

        def all_are_accounted_for():
            now = SpanCounts(gateway)
            return now.queued == 0 and now.exported + now.failed + now.queue_full == MESSAGES

        eventually(all_are_accounted_for, 60)


def test_one_behind_a_slow_network_gets_everything(collector):
    with TcpProxy(("127.0.0.1", collector.http_port)) as slow:
        slow.set(latency_ms=400)
        slow_url = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{slow.port}"}
        with Gateway(env=collector.variables(**slow_url)) as gateway:
            converse(gateway, gateway.connect())
            eventually(lambda: SpanCounts(gateway).exported == MESSAGES, 60)
            now = SpanCounts(gateway)
            assert (now.failed, now.queue_full) == (0, 0)
        assert len(collector.spans("websocket.message")) == MESSAGES
