"""Spans and metrics at a real collector."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.gateway import Gateway, run_to_exit
from support.request_recorder import RequestRecorder
from support.traces import PARENT, PARENT_ID, TRACE_ID, SpanCounts
from support.wait import eventually


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf", "http/json"])
def test_a_message_joins_its_trace_and_the_agent_can_join_it(collector, protocol):
    name = f"gateway-{protocol.replace('/', '-')}"
    with Gateway(env=collector.variables(protocol, OTEL_SERVICE_NAME=name)) as gateway:
        agent = gateway.subscribe("guide")
        token = gateway.new_session(user_id="ada-lovelace")
        client = gateway.connect(token)
        client.send({"channel": "guide", "payload": {}, "id": "1", "traceparent": PARENT})
        envelope = agent.envelope()
        connection_id = client.connection_id

        def of(span_name):
            return [s for s in collector.spans(span_name) if s.resource.get("service.name") == name]

        span = eventually(lambda: of("websocket.message"), 30)[0]
        assert (span.trace_id, span.parent_span_id) == (TRACE_ID, PARENT_ID)
        assert span.attributes["messaging.destination.name"] == "guide"
        assert span.attributes["websocket.connection.id"] == connection_id
        assert span.attributes["websocket.message.outcome"] == "published"
        assert span.resource["service.instance.id"] == gateway.instance_id
        assert f"{span.trace_id}-{span.span_id}" in str(envelope)
        exported = eventually(
            lambda: [m for m in collector.metrics("websocket.connections.active")
                     if m.resource.get("service.name") == name and m.points[0].value == 1], 30)
        assert exported[-1].kind == "sum" and not exported[-1].monotonic
        client.close()
        ended = eventually(lambda: of("websocket.connection"), 30)[0]
        assert ended.attributes["websocket.close.code"] == 1000
        for secret in (token, gateway.api_key, "ada-lovelace"):
            assert secret not in collector.raw("traces") + collector.raw("metrics")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf", "http/json"])
def test_over_tls_a_collector_is_known_by_its_authority(secure_collector, protocol):
    with Gateway(env=secure_collector.variables(protocol)) as gateway:
        agent = gateway.subscribe("guide")
        client = gateway.connect()
        client.say(id=1)
        agent.next_from(client)

        def of_this_one(received):
            return [entry for entry in received if entry.resource["service.instance.id"] == gateway.instance_id]

        eventually(lambda: of_this_one(secure_collector.spans("websocket.message")), 30)
        eventually(lambda: of_this_one(secure_collector.metrics("websocket.connections.active")), 30)
        eventually(lambda: SpanCounts(gateway).exported == 1)
        assert SpanCounts(gateway).failed == 0


def test_headers_reach_a_collector_decoded_and_never_the_log():
    with RequestRecorder() as recorder:
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": recorder.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hunter2,x-tenant=north",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "x-tenant=south",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
        }
        with Gateway("--log-level", "debug", env=env) as gateway:
            gateway.connect().say("nowhere", id=1)
            traces = eventually(lambda: recorder.headers_of("/v1/traces"), 30)[0]
            metrics = eventually(lambda: recorder.headers_of("/v1/metrics"), 30)[0]
        assert (traces["authorization"], traces["x-tenant"]) == ("Bearer hunter2", "north")
        # A signal's own are added to those for all.
        assert (metrics["authorization"], metrics["x-tenant"]) == ("Bearer hunter2", "south")
        assert "hunter2" not in gateway.log_text


OTHERS = [
    ("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_PROPAGATORS", "baggage,tracecontext"), ("OTEL_TRACES_EXPORTER", "none"),
    ("OTEL_LOGS_EXPORTER", "console"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
]  # fmt: skip
WRONG = [
    ("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "thrift"), ("OTEL_BSP_MAX_QUEUE_SIZE", "0"), ("OTEL_BSP_SCHEDULE_DELAY", "0"),
    ("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_PROPAGATORS", "b3,xray"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization hunter2"), ("OTEL_RESOURCE_ATTRIBUTES", "none"),
]  # fmt: skip


@pytest.mark.parametrize("name, value", OTHERS)
def test_a_variable_for_all_programs_is_taken_without_a_word(name, value):
    ended = run_to_exit("--check-config", env={name: value})
    assert (ended.returncode, ended.stdout) == (0, "The settings are right.\n")


@pytest.mark.parametrize("name, value", WRONG)
def test_a_variable_that_is_wrong_here_is_warned_of_and_stops_nothing(name, value):
    ended = run_to_exit("--check-config", env={name: value})
    assert ended.returncode == 0, ended.stderr
    (warning,) = [line for line in ended.stdout.splitlines() if line.startswith("Warning: ")]
    assert name in warning and "hunter2" not in warning


def test_an_address_with_a_slash_at_its_end_gets_no_second():
    with RequestRecorder() as recorder:
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": recorder.url + "/otlp/",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
        }
        with Gateway(env=env) as gateway:
            gateway.connect().say("nowhere", id=1)
            for path in ("/otlp/v1/traces", "/otlp/v1/metrics"):
                headers = eventually(lambda path=path: recorder.headers_of(path), 30)[0]
                assert headers.get("content-encoding", "identity") == "identity"
            eventually(lambda: SpanCounts(gateway).exported)
        assert "otel_export_failed" not in gateway.log_text
        assert gateway.log_text.count("OTEL_EXPORTER_OTLP_COMPRESSION") == 1, "said once"


# Families that move while they are compared.
RESTLESS = ("process_", "gateway_uptime_", "gateway_http_", "gateway_telemetry_")


def exposed(gateway) -> dict:
    """What /metrics says: {(family, labels): value}; of histograms the count."""
    found = {}
    for family in text_string_to_metric_families(gateway.api.get("/metrics").text):
        for sample in family.samples:
            if family.type != "histogram" or sample.name.endswith("_count"):
                found[family.name, frozenset(sample.labels.items())] = sample.value
    return {key: value for key, value in found.items() if not key[0].startswith(RESTLESS)}


def exported(collector, gateway) -> dict:
    """The same, from the latest export."""
    found = {}
    for metric in collector.metrics():
        if metric.resource["service.instance.id"] != gateway.instance_id:
            continue
        name = metric.name.replace(".", "_").removesuffix("_total")
        for point in metric.points:
            value = point.value
            found[name, frozenset(point.attributes.items())] = float(
                value.get("count", 0) if metric.kind == "histogram" else value)
    return {key: value for key, value in found.items() if not key[0].startswith(RESTLESS)}


def test_what_is_exported_is_what_metrics_says(collector):
    with Gateway(env=collector.variables()) as gateway:
        agent = gateway.subscribe("guide")
        client = gateway.connect()
        for n in range(5):
            assert client.say(id=n)
            agent.envelope()
        client.say("nowhere", id="wrong")
        gateway.connect().close()
        closed = ("websocket_closes", frozenset({("code", "1000")}))
        eventually(lambda: exposed(gateway).get(closed) == 1)
        assert exposed(gateway)["websocket_messages_routed", frozenset({("outcome", "published")})] == 5

        def agree():
            assert exported(collector, gateway) == exposed(gateway)
            return True

        eventually(agree, 30)


def test_instances_are_told_apart_and_say_what_they_are(collector):
    attributes = {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=smart%20city,zone=north"}
    env = collector.variables("grpc", **attributes)
    with Gateway("--instance-id", "north-1", env=env) as one, Gateway("--instance-id", "north-2", env=env) as two:
        clients = [one.connect(), two.connect(), two.connect()]

        def active(instance):
            found = [m for m in collector.metrics("websocket.connections.active")
                     if m.resource["service.instance.id"] == instance]
            return found and found[-1].points[0].value

        eventually(lambda: (active("north-1"), active("north-2")) == (1, 2), 30)
        resource = next(m.resource for m in collector.metrics() if m.resource["service.instance.id"] == "north-1")
        assert resource["service.name"] == "websocket-gateway"
        assert resource["deployment.environment.name"] == "smart city"
        assert resource["zone"] == "north"
        assert resource["process.pid"] == one.pid
        assert resource["telemetry.sdk.language"] == "cpp"
        assert all(client.say(id=1) for client in clients)
