"""Which traces are kept, what they join, and what the agent and the log hear of them."""

import json
import re

import pytest

from support.gateway import Gateway
from support.traces import PARENT, PARENT_ID, PARENT_NOT_SAMPLED, TRACE_ID, SpanCounts, ids
from support.wait import eventually


def spans_of(collector, gateway, name=None):
    return [s for s in collector.spans(name) if s.resource["service.instance.id"] == gateway.instance_id]


def envelopes_traceparent(gateway, agent, headers=None, **fields) -> str:
    """Of a message on a connection of its own."""
    client = gateway.connect(headers=headers)
    client.say(**fields)
    traceparent = agent.next_from(client).json()["traceparent"]
    client.close()
    return traceparent


def test_with_tracing_off_an_envelope_passes_on_what_came():
    with Gateway() as gateway:
        agent = gateway.subscribe("guide")
        assert envelopes_traceparent(gateway, agent, traceparent=PARENT) == PARENT
        assert envelopes_traceparent(gateway, agent, {"traceparent": PARENT}) == PARENT
        other = PARENT.replace("b7ad", "c8be")
        assert envelopes_traceparent(gateway, agent, {"traceparent": PARENT}, traceparent=other) == other
        trace_id, _, sampled = ids(envelopes_traceparent(gateway, agent))
        assert trace_id != TRACE_ID and not sampled


def test_the_handshakes_trace_goes_on_in_the_connection_and_its_messages(collector):
    with Gateway(env=collector.variables()) as gateway:
        agent = gateway.subscribe("guide")
        told = ids(envelopes_traceparent(gateway, agent, {"traceparent": PARENT}))
        connection = eventually(lambda: spans_of(collector, gateway, "websocket.connection"), 30)[0]
        message = eventually(lambda: spans_of(collector, gateway, "websocket.message"), 30)[0]
        assert (connection.trace_id, connection.parent_span_id) == (TRACE_ID, PARENT_ID)
        assert (message.trace_id, message.parent_span_id) == (TRACE_ID, connection.span_id)
        assert told == (TRACE_ID, message.span_id, True)
        assert connection.start <= message.start <= message.end <= connection.end


def test_a_refused_message_is_a_span_with_its_error(collector):
    with Gateway(env=collector.variables()) as gateway:
        gateway.connect().say("nowhere", id=1)
        span = eventually(lambda: spans_of(collector, gateway, "websocket.message"), 30)[0]
        assert span.attributes["websocket.message.outcome"] == "rejected"
        assert span.attributes["error.type"] == "unknown_channel"
        assert span.status["code"] == 2


@pytest.mark.parametrize(
    "sampler, parent, kept",
    [
        ({}, PARENT_NOT_SAMPLED, False),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, PARENT_NOT_SAMPLED, True),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, PARENT, False),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, PARENT, True),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, None, False),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, PARENT, False),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, PARENT_NOT_SAMPLED, True),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, PARENT, True),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, None, False),
    ],
)
def test_the_sampler_decides(collector, sampler, parent, kept):
    with Gateway(env=collector.variables(**sampler)) as gateway:
        agent = gateway.subscribe("guide")
        fields = {"traceparent": parent} if parent else {}
        # The handshake has it too: else its connection would be asked about separately.
        trace_id, span_id, sampled = ids(envelopes_traceparent(gateway, agent, fields, **fields))
        assert sampled == kept
        if parent:
            assert trace_id == TRACE_ID
            # Where no span is made, the agent's joins the client's.
            assert (span_id == PARENT_ID) == (not kept)
        if kept:
            found = eventually(lambda: spans_of(collector, gateway, "websocket.message"), 30)
            assert [(s.trace_id, s.span_id) for s in found] == [(trace_id, span_id)]
        else:
            assert SpanCounts(gateway).recorded == 0


def test_without_propagation_a_trace_begins_here(collector):
    with Gateway(env=collector.variables(OTEL_PROPAGATORS="none")) as gateway:
        agent = gateway.subscribe("guide")
        assert envelopes_traceparent(gateway, agent, {"traceparent": PARENT}, traceparent=PARENT) == PARENT
        eventually(lambda: len(spans_of(collector, gateway)) == 2, 30)
        assert TRACE_ID not in [s.trace_id for s in spans_of(collector, gateway)]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_log_lines_name_the_trace(collector, log_format):
    with Gateway("--log-level", "debug", "--log-format", log_format, env=collector.variables()) as gateway:
        gateway.connect(headers={"traceparent": PARENT}).close()
        span = eventually(lambda: spans_of(collector, gateway, "websocket.connection"), 30)[0]

        def traces(event):
            lines = [line for line in gateway.log_lines if event in line]
            if log_format == "json":
                return [(line.get("trace_id"), line.get("span_id")) for line in map(json.loads, lines)]
            return [tuple(re.search(rf" {name}=(\w+)", line)[1] for name in ("trace_id", "span_id")) for line in lines]

        for event in ("connection_opened", "connection_closed"):
            assert eventually(lambda event=event: traces(event)) == [(TRACE_ID, span.span_id)]
        assert not any("trace_id" in line for line in gateway.log_lines if "gateway_ready" in line)
