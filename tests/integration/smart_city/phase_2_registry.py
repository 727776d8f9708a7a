"""Phase 2: what Redis and the service API know of connections, and what back ends do with them."""

import asyncio
import json
import time

from integration.smart_city.settings import CHANNELS
from integration.smart_city.steps import ends_with, heard_besides, indexes, nothing_left, routed
from support.async_client import AsyncClient
from support.backend import unique
from support.forms import TIMESTAMP
from support.redis_listener import RedisListener
from support.wait import eventually_async


class Phase2Registry:
    """Phase 2: registry, subscriptions, service API"""

    async def test_connection_registry_in_redis(self, backend, connect, redis_client):
        """A connection has its record in Redis with every field, a time to live, and a place in every index."""
        session = await backend.new_session(context={"tenant_id": "acme"})
        client = await connect(session)
        key = f"websocket:connection:{client.connection_id}"
        record = await redis_client.hgetall(key)
        expected = {
            "connection_id": client.connection_id,
            "session_ref": session.ref,
            "user_id": session.user_id,
            "channel": "guide",
            "gateway_instance_id": client.instance_id,
        }
        assert {name: record[name] for name in expected} == expected
        assert all(TIMESTAMP.fullmatch(record[name]) for name in ("connected_at", "last_activity", "last_heartbeat"))
        metadata = {"user_id": session.user_id, "tenant_id": "acme", "connected_at": record["connected_at"]}
        assert json.loads(record["metadata"]) == metadata
        assert 0 < await redis_client.ttl(key) <= 3600
        for index in indexes(session, client):
            assert await redis_client.sismember(index, client.connection_id), f"not in {index}"
        told = (await backend.api.connection_record(client.connection_id)).json()["connection"]
        assert {name: told[name] for name in expected} == expected
        assert told["metadata"] == metadata, "parsed in the API"

    async def test_connection_registry_follows_activity(self, connect, redis_client):
        """`channel` is the latest one, and `last_activity` moves on when the client speaks."""
        client = await connect()
        key = f"websocket:connection:{client.connection_id}"
        before = await redis_client.hget(key, "last_activity")

        async def later_by_the_gateways_clock():
            return (await client.ask({"type": "ping"}, type="pong"))["timestamp"] > before

        await eventually_async(later_by_the_gateways_clock, message="another millisecond than that of the connect")
        await client.send({"channel": "pillar:insights", "payload": {}})

        async def moved_on():
            channel, activity = await redis_client.hmget(key, "channel", "last_activity")
            return channel == "pillar:insights" and activity > before

        await eventually_async(moved_on, message="the record shows the new channel and a later activity")

    async def test_channel_subscription_and_switching(self, backend, connect, redis_client):
        """Subscribing, unsubscribing and speaking move a client between channels: in Redis, in the API, and in what it hears."""
        client = await connect()

        async def listed(channel, expected):
            async def told():
                in_redis = await redis_client.sismember(f"websocket:channel:{channel}:connections", client.connection_id)
                in_api = client.connection_id in await backend.api.channel_connections(channel)
                return bool(in_redis) == in_api == expected

            await eventually_async(told, message=f"{'in' if expected else 'not in'} {channel}")

        for request, channel, expected in (
            (None, "guide", True),
            ("subscribe", "pillar:content", True),
            ("unsubscribe", "guide", False),
        ):
            if request:
                answer = await client.ask({"type": request, "channel": channel}, type=request)
                assert answer == {"type": request, "channel": channel, "status": "ok", "timestamp": answer["timestamp"]}
            await listed(channel, expected)
        mark = unique("switch")
        for channel in ("guide", "pillar:content"):
            await backend.api.publish(channel, {"mark": mark, "on": channel})
        assert (await client.next(mark=mark))["on"] == "pillar:content", "the channel that it left is not heard any more"
        await client.say("pillar:operations", "and now here", id="s")
        await listed("pillar:operations", True)
        error = await client.ask({"type": "subscribe", "channel": "nowhere"}, type="error")
        assert error["code"] == "unknown_channel"

    async def test_get_websocket_endpoint(self, backend, closing):
        """`get_websocket_endpoint` answers an address that a client can connect to as it stands, channels, and the form."""
        session = await backend.new_session()
        answer = (
            await backend.api.get(
                "/api/post-office/websocket/endpoint", params={"session_token": session.token, "realm": "content"}
            )
        ).json()
        assert answer["success"] is True
        assert set(CHANNELS) <= set(answer["channels"])
        form = answer["message_format"]
        assert set(form) == {"channel", "intent", "payload"}
        assert set(form["payload"]) == {"message", "conversation_id", "metadata"}
        address, _, query = answer["websocket_url"].partition("?")
        assert query == f"session_token={session.token}"
        client = closing(await AsyncClient.open(address, session.token))
        record = await backend.api.connection_record(client.connection_id)
        assert record.json()["connection"]["user_id"] == session.user_id

    async def test_publish_to_agent_channel(self, backend, connect, agents):
        """`publish_to_agent_channel` reaches the subscribed clients as it was given, and the agents as a publication."""
        here, elsewhere = await connect(), await connect()
        await elsewhere.ask({"type": "unsubscribe", "channel": "guide"}, type="unsubscribe")
        message = {"type": "notice", "mark": unique("news"), "data": [1, None, {"é": "🙂"}]}
        answer = await backend.api.publish("guide", message, realm="content")
        assert answer == {
            "success": True,
            "status": "published",
            "channel": "websocket:guide",
            "timestamp": answer["timestamp"],
        }
        assert await here.next(mark=message["mark"]) == message, "the message alone, never an envelope"
        publication = await agents.next(source="content", message=message)
        assert set(publication) >= {"message_id", "channel", "source", "message", "timestamp"}
        assert await heard_besides(backend, elsewhere, message["mark"]) == []

    async def test_send_to_connection_across_two_instances(self, backend, connect, second):
        """`send_to_connection` finds a connection on whichever instance it is; nobody else hears it; nowhere is 404."""
        ours, theirs, neighbour = await connect(), await connect(at=second), await connect(at=second)
        assert ours.instance_id != theirs.instance_id == neighbour.instance_id
        for through, target, other in ((backend, theirs, ours), (second, ours, theirs), (backend, ours, theirs)):
            mark = unique("private")
            answer = await through.api.send({"mark": mark}, connection_id=target.connection_id)
            assert answer == {"success": True, "connection_id": target.connection_id, "status": "sent"}
            assert await target.next(mark=mark) == {"mark": mark}
            for bystander in (other, neighbour):
                assert await heard_besides(backend, bystander, mark) == []
        body = {"connection_id": "ws_" + "0" * 32, "message": {}}
        for through in (backend, second):
            response = await through.api.post("/api/post-office/websocket/send", body)
            assert (response.status_code, response.json()["success"]) == (404, False)

    async def test_send_to_session_and_to_user(self, backend, connect, second):
        """Sent to a session or a user, a message reaches all its connections on all instances, and says how many."""
        session = await backend.new_session()
        clients = [await connect(session), await connect(session, at=second)]
        stranger = await connect()
        for target in ({"session_id": session.token}, {"session_ref": session.ref}, {"user_id": session.user_id}):
            mark = unique("to-all")
            assert (await backend.api.send({"mark": mark}, **target))["delivered"] == 2
            for client in clients:
                assert await client.next(mark=mark) == {"mark": mark}
            assert await heard_besides(backend, stranger, mark) == []

    async def test_agent_answers_over_redis_alone(self, connect, agents, redis_client, second):
        """An agent with a Redis client publishes its answer to the envelope's `reply_to`, and that client alone hears it."""
        client, other = await connect(at=second), await connect(at=second)
        envelope = (await routed(client, agents, "guide"))["body"]
        answer = {"type": "agent_response", "agent_type": "guide", "mark": unique("answer")}
        reply = json.dumps({"connection_id": envelope["connection_id"], "message": answer})
        assert await redis_client.publish(envelope["reply_to"], reply) == 1, "one gateway listens there"
        assert await client.next(mark=answer["mark"]) == answer
        assert await heard_besides(second, other, answer["mark"]) == []

    async def test_connection_counts(self, backend, connect, second):
        """Counts by user, channel and gateway are right on every instance, and go down again."""
        session = await backend.new_session()
        clients = [await connect(session), await connect(session, at=second), await connect(session, at=second)]

        async def counted(user, theirs):
            for through in (backend, second):
                count = await through.api.connection_count()
                assert count["per_user"].get(session.user_id, 0) == user
                assert count["by_gateway"][clients[1].instance_id] == theirs
                assert count["global"] >= user
                assert count["by_channel"]["guide"] >= user
            return True

        await eventually_async(lambda: counted(3, 2))
        await clients[1].close()
        await eventually_async(lambda: counted(2, 1))
        health = (await backend.api.get("/health/websocket-gateway")).json()
        assert health["connections"]["by_gateway"][clients[2].instance_id] == 1

    async def test_connection_limit_of_a_user_over_all_instances(self, backend, connect, second):
        """The sixth connection of a user is closed with 4004 on any instance; when one goes, the next is let in."""
        session = await backend.new_session()
        clients = [await connect(session, at=at) for at in (None, second, None, second, None)]
        for at in (backend, second):
            await ends_with(at, session.token, (4004, "Connection limit exceeded"))
        await clients[0].close()

        async def let_in():
            return (await connect(session, at=second)).welcome

        await eventually_async(let_in, message="there is room for one more")

    async def test_cleanup_on_disconnect(self, backend, connect, redis_client, agents):
        """Within two seconds of a close nothing of the connection is left in Redis, and the event says so."""
        session = await backend.new_session(context={"tenant_id": unique("tenant")})
        events = await RedisListener.open(redis_client, "websocket:events")
        client = await connect(session)
        await routed(client, agents, "pillar:content")
        opened = await events.next(connection_id=client.connection_id)
        assert opened["event"] == "connection_opened"
        closed_at = time.monotonic()
        await client.close()
        closed = await events.next(connection_id=client.connection_id)
        assert closed["event"] == "connection_closed"
        await eventually_async(lambda: nothing_left(redis_client, session, client), message="nothing of it is left")
        assert time.monotonic() - closed_at < 10, "promised within 2 s"
        assert (await backend.api.connection_record(client.connection_id)).status_code == 404
        await events.close()

    async def test_cleanup_when_an_instance_drains(self, backend, start, connect, redis_client):
        """On SIGTERM clients hear `draining`, are closed with 1012, and leave nothing; the process ends with 0."""
        leaving = await start("--drain-timeout", "2")
        session = await backend.new_session()
        clients = [await connect(session, at=leaving) for _ in range(3)]
        stopped = asyncio.create_task(asyncio.to_thread(leaving.process.stop))
        for client in clients:
            assert (await client.next(event="draining"))["retry_after_ms"] > 0
            assert (await client.closed())[0] == 1012
        assert await stopped == 0
        for client in clients:
            assert await nothing_left(redis_client, session, client), "the indexes are empty when it has ended"
        assert not await redis_client.exists(f"websocket:gateway:{clients[0].instance_id}:lease")
        assert clients[0].instance_id not in (await backend.api.connection_count())["by_gateway"]

    async def test_cleanup_after_an_instance_is_killed(self, backend, start, connect, redis_client):
        """After a kill nothing is routed there within seconds, and within 30 s another instance has removed what it left."""
        dying = await start()
        session = await backend.new_session()
        survivor, victims = await connect(session), [await connect(session, at=dying) for _ in range(3)]
        lease = f"websocket:gateway:{victims[0].instance_id}:lease"
        assert 0 < await redis_client.pttl(lease) <= 15_000
        dying.process.process.kill()
        killed_at = time.monotonic()

        async def nowhere():
            body = {"connection_id": victims[0].connection_id, "message": {}}
            return (await backend.api.post("/api/post-office/websocket/send", body)).status_code == 404

        await eventually_async(nowhere, message="nothing is routed to the dead instance (promised within 3 s)")
        assert (await backend.api.send({"still": "here"}, user_id=session.user_id))["delivered"] == 1
        for victim in victims:
            await eventually_async(lambda v=victim: nothing_left(redis_client, session, v), 40, "its records are removed")
        assert time.monotonic() - killed_at < 35, "promised within 30 s"
        assert not await redis_client.exists(f"websocket:gateway:{victims[0].instance_id}:connections")
        assert await redis_client.exists(f"websocket:connection:{survivor.connection_id}"), "the living keep theirs"
        assert await survivor.next(still="here")
        dying.process.wait_exit()
