"""Phase 3: many clients, none or slow agents, a failing Redis, silent clients."""

import asyncio
import contextlib
import json
import time
from datetime import datetime, timedelta

import pytest
from websockets.exceptions import InvalidStatus

from integration.smart_city.steps import heard_besides
from support.async_client import AsyncClient
from support.backend import unique
from support.quiet_peers import silent_peer, stalled_peer
from support.redis_listener import RedisListener
from support.tcp_proxy import TcpProxy
from support.wait import eventually_async


async def waits(gateway, channel, count) -> bool:
    return (await gateway.api.backpressure())["channels"][channel]["queue_size"] == count


@contextlib.asynccontextmanager
async def out_of_memory(client, _key):
    await client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await client.config_set("maxmemory", 0)


@contextlib.asynccontextmanager
async def wrong_kind_of_key(client, key):
    await client.rename(key, f"{key}:aside")
    await client.set(key, "no stream")
    try:
        yield
    finally:
        await client.rename(f"{key}:aside", key)


async def refuses_handshakes(gateway) -> bool:
    """Whether a client that comes now is answered 503 and told to come again."""
    try:
        client = await AsyncClient.dial(gateway.ws_url, "any")
    except InvalidStatus as refused:
        return refused.response.status_code == 503 and "Retry-After" in refused.response.headers
    await client.close()
    return False


async def health_is(gateway, status) -> bool:
    return (await gateway.api.get("/health/websocket-gateway")).status_code == status


class Phase3Load:
    """Phase 3: fan-out, backpressure, heartbeat"""

    async def test_fan_out_exactly_once_over_three_instances(self, backend, connect, second, start):
        """Sixty clients on three instances hear each of twenty publications once and in order; the other sixty hear none."""
        places = [backend, second, await start()]
        sessions = [await backend.new_session() for _ in range(24)]
        clients = await asyncio.gather(*(connect(sessions[n % 24], at=places[n % 3]) for n in range(120)))
        subscribed, others = clients[:60], clients[60:]
        await asyncio.gather(*(c.ask({"type": "subscribe", "channel": "pillar:insights"}, type="subscribe") for c in subscribed))
        mark = unique("fan-out")
        for n in range(20):
            await places[n % 3].api.publish("pillar:insights", {"mark": mark, "n": n})
        for client in subscribed:
            await client.next(mark=mark, n=19)
        for client in subscribed:
            heard = [message["n"] for message in await heard_besides(backend, client, mark)]
            assert sorted(heard) == list(range(19)), f"each once: {heard}"
            by_instance = [[n for n in heard if n % 3 == place] for place in range(3)]
            assert all(part == sorted(part) for part in by_instance), f"those of one instance in order: {heard}"
        for client in others:
            assert await heard_besides(backend, client, mark) == []

    async def test_fan_out_to_one_tenant(self, backend, connect, second):
        """A publication for a tenant reaches that tenant's clients on every instance and nobody else's."""
        tenants = {name: unique(name) for name in ("acme", "globex")}
        sessions = {name: await backend.new_session(context={"tenant_id": id}) for name, id in tenants.items()}
        clients = {name: [await connect(s), await connect(s, at=second)] for name, s in sessions.items()}
        nobody = await connect()
        mark = unique("tenant")
        await backend.api.publish("guide", {"mark": mark}, tenant_id=tenants["acme"])
        for client in clients["acme"]:
            await client.next(mark=mark)
        for client in [*clients["acme"], *clients["globex"], nobody]:
            assert await heard_besides(backend, client, mark) == []

    async def test_fan_out_from_redis(self, connect, second, redis_client, backend):
        """What a Redis client publishes to `websocket:fanout:<channel>` reaches the subscribed clients of every instance."""
        clients = [await connect(), await connect(at=second)]
        message = {"type": "notice", "mark": unique("by-redis")}
        heard_by = await redis_client.publish("websocket:fanout:guide", json.dumps({"source": "batch", "message": message}))
        assert heard_by >= 2, "every gateway listens there"
        for client in clients:
            assert await client.next(mark=message["mark"]) == message
            assert await heard_besides(backend, client, message["mark"]) == []

    async def test_backpressure_queue_overflow_and_order(self, start, own_redis, own_redis_client, connect):
        """Without an agent five messages wait, the sixth is refused as `overloaded`; an agent that comes gets the five in order."""
        gateway = await start("--inbox", "pubsub", "--queue-size", "5", redis_url=own_redis.url)
        client = await connect(at=gateway)
        for n in range(5):
            assert (await client.say("guide", f"waiting {n}", id=n))["status"] == "queued"
        refused = await client.say("guide", "one too many", id=5)
        assert (refused["type"], refused["code"]) == ("error", "overloaded")
        assert refused["message"] == "Message rejected: system overloaded"
        state = (await gateway.api.backpressure())["channels"]["guide"]
        assert (state["queue_size"], state["queue_max"], state["circuit_state"]) == (5, 5, "closed")
        assert (await client.say("pillar:content", "elsewhere", id="e"))["status"] == "queued", "each channel has its own"
        appeared = time.monotonic()
        agent = await RedisListener.open(own_redis_client, "websocket:guide")
        drained = [(await agent.envelope(client))["body"]["message"]["id"] for _ in range(5)]
        assert time.monotonic() - appeared < 5, "promised within 1 s"
        assert drained == [0, 1, 2, 3, 4]
        assert (await client.say("guide", "again", id=5))["status"] == "published", "what was refused is no duplicate"
        assert (await agent.envelope(client))["body"]["message"]["id"] == 5
        await agent.close()

    @pytest.mark.parametrize("fault", [out_of_memory, wrong_kind_of_key], ids=["all of Redis", "this channel's key"])
    async def test_backpressure_circuit_opens_half_opens_and_closes(self, start, own_redis, own_redis_client, connect, fault):
        """Five failures of Redis in a row open the channel's circuit; later one success half-opens it, a second closes it."""
        # The end of what fails for all of Redis the gateway's probe tells, of what fails for one channel alone only time.
        gateway = await start("--inbox", "stream", "--circuit-open-time", "3", redis_url=own_redis.url)
        client = await connect(at=gateway)
        inbox = "websocket:inbox:pillar:insights"
        assert (await client.say("pillar:insights", "all is well", id="before"))["status"] == "published"

        async def circuit(state):
            told = (await gateway.api.backpressure())["channels"]["pillar:insights"]
            return told if told["circuit_state"] == state else None

        async with fault(own_redis_client, inbox):  # every entry into that stream fails
            assert (await client.say("pillar:insights", "waits", id="during"))["status"] == "queued"
            opened = await eventually_async(lambda: circuit("open"), message="the circuit opens")
            assert opened["failure_count"] >= 5, "not before five failures in a row"
            assert opened["queue_size"] == 1
            assert (await gateway.api.backpressure())["channels"]["guide"]["circuit_state"] == "closed", "each has its own"
        half_open = await eventually_async(lambda: circuit("half_open"), message="the circuit half-opens by itself")
        await eventually_async(lambda: waits(gateway, "pillar:insights", 0), message="what waited is taken")
        half_open = await circuit("half_open")
        assert half_open, "after one success it is half open still"
        assert (await client.say("pillar:insights", "the second", id="after"))["status"] == "published"
        assert await circuit("closed"), "closed after two successes"
        kept = await own_redis_client.xrange(inbox)
        said = [json.loads(fields["envelope"])["message"]["id"] for _, fields in kept]
        assert said[-3:] == ["before", "during", "after"], "nothing lost, in order, each once"

    async def test_backpressure_redis_lost_and_back(self, start, own_redis, own_redis_client, connect):
        """While Redis can't be reached clients stay, messages are `queued`, health says 503; when it is back all arrive in order."""
        with TcpProxy(("127.0.0.1", own_redis.port)) as network:
            gateway = await start(redis_url=f"redis://127.0.0.1:{network.port}")
            client = await connect(at=gateway)
            agent = await RedisListener.open(own_redis_client, "websocket:pillar:operations")
            assert (await client.say("pillar:operations", "before", id="before"))["status"] == "published"
            network.set(stalled=True)
            await client.send({"channel": "pillar:operations", "payload": {}, "id": "under way"})
            assert (await client.next(type="ack"))["status"] == "queued", "no answer of Redis, so it waits"
            network.refuse()
            network.cut()
            network.clear()
            await eventually_async(lambda: health_is(gateway, 503), message="not ready without Redis")
            assert (await gateway.api.get("/health/live")).status_code == 200, "alive all the same"
            await eventually_async(lambda: refuses_handshakes(gateway), message="nobody new is let in: 503")
            for n in range(20):
                assert (await client.say("pillar:operations", "meanwhile", id=n))["status"] == "queued"
            network.accept()
            said = [(await agent.envelope(client))["body"]["message"]["id"] for _ in range(22)]
            assert said == ["before", "under way", *range(20)]
            await eventually_async(lambda: health_is(gateway, 200), message="ready again")
            assert (await client.say("pillar:operations", "after", id="after"))["status"] == "published"
            await eventually_async(lambda: own_redis_client.exists(f"websocket:connection:{client.connection_id}"))
            await agent.close()

    async def test_backpressure_slow_consumer_is_closed(self, backend, connect):
        """A client that reads nothing is closed with 4008 once its bound is passed; the others hear everything."""
        reader = await connect()
        session = await backend.new_session()
        slow = await asyncio.to_thread(stalled_peer, backend, session.token)
        mark, fill = unique("flood"), "x" * 200_000

        async def gone():
            body = {"connection_id": slow.connection_id, "message": {"mark": mark, "fill": fill}}
            return (await backend.api.post("/api/post-office/websocket/send", body)).status_code == 404

        try:
            await eventually_async(gone, message="the slow client is given up")
            assert (await asyncio.to_thread(slow.closed))[0] == 4008
        finally:
            slow.close()
        await backend.api.send({"mark": mark}, connection_id=reader.connection_id)
        assert await reader.next(mark=mark)

    async def test_heartbeat_pings_and_records_them(self, short_timers, connect, redis_client):
        """Every interval brings a protocol ping and a `ping` message; `last_heartbeat` in Redis follows the answers."""
        client = await connect(at=short_timers)
        key = f"websocket:connection:{client.connection_id}"

        async def recorded():
            return datetime.fromisoformat(await redis_client.hget(key, "last_heartbeat"))

        first = await recorded()
        for _ in range(3):
            ping = await client.next(type="ping")
            assert ping == {"type": "ping", "timestamp": ping["timestamp"]}

        async def moved_on():  # by more than what one clock may be off the other
            return await recorded() - first >= timedelta(milliseconds=400)

        await eventually_async(moved_on, message="the heartbeat is recorded")
        answer = await client.ask({"type": "heartbeat", "sequence": 1}, type="heartbeat")
        assert answer["action"] == "pong"

    async def test_heartbeat_evicts_the_silent_and_keeps_the_idle(self, short_timers, connect, redis_client):
        """A client that answers no ping is evicted with 4009 and leaves Redis; one that only answers pings stays."""
        events = await RedisListener.open(redis_client, "websocket:events")
        idle = await connect(at=short_timers)
        session = await short_timers.new_session()
        silent = await asyncio.to_thread(silent_peer, short_timers, session.token)
        try:
            assert await asyncio.to_thread(silent.closed) == (4009, "Connection evicted (stale)")
        finally:
            silent.close()
        evicted = await events.next(event="connection_evicted")
        while evicted["connection_id"] != silent.connection_id:
            evicted = await events.next(event="connection_evicted")
        assert not await redis_client.exists(f"websocket:connection:{silent.connection_id}")
        assert idle.is_open
        assert len(idle.heard(type="ping")) >= 3, "it was idle over several intervals"
        await idle.settled()
        await events.close()

    async def test_prometheus_metrics_follow_what_happens(self, start, own_redis, connect):
        """Prometheus figures count connections, messages and errors as they happen, to the one."""
        gateway = await start(redis_url=own_redis.url)
        client = await connect(at=gateway)
        await client.say("guide", "hello", id=1)
        await client.ask("no JSON", type="error")

        async def counted():
            text = (await gateway.api.get("/metrics")).text
            figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
            assert float(figures["websocket_connections_active"]) == 1
            assert float(figures["websocket_connections_total"]) == 1
            assert float(figures["websocket_messages_received_total"]) == 2
            assert float(figures["websocket_errors_total"]) == 1
            return True

        await eventually_async(counted)
