"""Phase 3, continued: what a real OpenTelemetry collector received of the gateway."""

import asyncio
import secrets

from support.wait import eventually_async


async def exported(collector, question, message):
    """Asks until the collector's files tell it."""

    async def ask():
        return await asyncio.to_thread(question, collector)

    return await eventually_async(ask, 30, message, interval=0.2)


class Phase3Telemetry:
    """Phase 3: OpenTelemetry"""

    async def test_opentelemetry_metrics(self, start, collector, connect):
        """A real collector receives the figures of connections, messages and errors, of this instance, and they are right."""
        gateway = await start(env=collector.variables("metrics"))
        client, leaving = await connect(at=gateway), await connect(at=gateway)
        for n in range(3):
            await client.say("guide", "counted", id=n)
        await client.ask("no JSON", type="error")
        await leaving.close()
        expected = {
            "websocket.connections.active": 1,
            "websocket.connections.total": 2,
            "websocket.messages.received": 4,
            "websocket.errors": 1,
        }

        def figures(server):
            told = {}
            for metric in server.metrics():
                if metric.resource.get("service.instance.id") == gateway.process.instance_id:
                    told[metric.name] = sum(p.value for p in metric.points if isinstance(p.value, int | float))
            assert {name: told.get(name) for name in expected} == expected
            assert {"websocket.messages.sent", "websocket.message.latency_ms"} <= set(told)
            return True

        await exported(collector.server, figures, "the collector has the right figures")

    async def test_opentelemetry_traces(self, start, collector, connect, agents):
        """A message's span joins the client's trace, the envelope carries it on to the agent, and no secret is exported."""
        gateway = await start(env=collector.variables("traces"))
        trace, parent = secrets.token_hex(16), secrets.token_hex(8)
        session = await gateway.new_session()
        client = await connect(session, at=gateway)
        await client.say("guide", "traced", id=1, traceparent=f"00-{trace}-{parent}-01")
        envelope = (await agents.envelope(client))["body"]

        def spans(server, name):
            mine = [span for span in server.spans(name) if span.attributes.get("websocket.connection.id") == client.connection_id]
            return mine[0] if mine else None

        span = await exported(collector.server, lambda s: spans(s, "websocket.message"), "the span of the message")
        assert (span.trace_id, span.parent_span_id) == (trace, parent)
        assert envelope["traceparent"].split("-")[1:3] == [trace, span.span_id], "the agent's spans follow this one"
        assert span.attributes["messaging.destination.name"] == "guide"
        await client.close()
        ended = await exported(collector.server, lambda s: spans(s, "websocket.connection"), "the span of the connection")
        assert ended.attributes["websocket.close.code"] == 1000
        everything = await asyncio.to_thread(lambda: collector.server.raw("traces") + collector.server.raw("metrics"))
        for secret in (session.token, gateway.key, session.user_id):
            assert secret not in everything
