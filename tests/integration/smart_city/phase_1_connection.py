"""Phase 1: who gets in, and where a message goes."""

import hashlib
import json

import pytest
from pytest import param
from websockets.exceptions import InvalidStatus

from integration.smart_city.steps import assert_routes, ends_with, routed
from support.async_client import AsyncClient
from support.forms import CONNECTION_ID, TIMESTAMP, TRACEPARENT
from support.wait import eventually_async

INVALID_SESSION = (4001, "invalid session")


class Phase1Connection:
    """Phase 1: connection, routing, sessions"""

    async def test_websocket_connection_accepts(self, connect):
        """A client with a valid session is upgraded, and the first thing it hears is the welcome with all its fields."""
        client = await connect()
        welcome = client.welcome
        assert welcome == {
            "type": "system",
            "event": "welcome",
            "message": "Connected to WebSocket Gateway. Ready to receive messages.",
            "connection_id": welcome["connection_id"],
            "instance_id": welcome["instance_id"],
            "heartbeat_interval": welcome["heartbeat_interval"],
            "timestamp": welcome["timestamp"],
        }
        assert CONNECTION_ID.fullmatch(welcome["connection_id"])
        assert TIMESTAMP.fullmatch(welcome["timestamp"])
        assert welcome["heartbeat_interval"] > 0
        assert client.is_open
        await client.settled()

    async def test_websocket_connection_accepts_token_in_header_or_subprotocol(self, backend, closing):
        """The session token may also come as a bearer token or as a subprotocol, which is answered with `gateway.v1`."""
        session = await backend.new_session()
        by_header = {"headers": {"Authorization": f"Bearer {session.token}"}}
        by_subprotocol = {"subprotocols": ["gateway.v1", f"bearer.{session.token}"]}
        for options in (by_header, by_subprotocol):
            client = closing(await AsyncClient.open(backend.ws_url, **options))
            record = await backend.api.connection_record(client.connection_id)
            assert record.json()["connection"]["user_id"] == session.user_id
        assert client.socket.subprotocol == "gateway.v1"

    @pytest.mark.parametrize("origin", ["https://elsewhere.example", "null"], ids=["another site", "null"])
    async def test_websocket_connection_refuses_foreign_origin(self, backend, origin):
        """A page of another origin gets a 403 before anything is upgraded, though its session is valid."""
        session = await backend.new_session()
        with pytest.raises(InvalidStatus) as refused:
            await AsyncClient.dial(backend.ws_url, session.token, headers={"Origin": origin})
        assert refused.value.response.status_code == 403

    async def test_websocket_channel_routing_guide(self, backend, connect, agents):
        """A message on `guide` reaches `websocket:guide` in Redis as the full envelope, and is acknowledged."""
        session = await backend.new_session(context={"tenant_id": "acme"})
        client = await connect(session)
        payload = {"message": "Where do I begin?", "conversation_id": "c-1", "metadata": {"page": "/start"}}
        message = {"channel": "guide", "intent": "chat", "payload": payload, "id": "m-1"}
        ack = await client.ask(message, type="ack", id="m-1")
        assert ack == {"type": "ack", "id": "m-1", "status": "published", "timestamp": ack["timestamp"]}
        got = await agents.envelope(client)
        envelope = got["body"]
        assert got["name"] == "websocket:guide"
        assert TIMESTAMP.fullmatch(envelope["timestamp"])
        assert TRACEPARENT.fullmatch(envelope["traceparent"])
        assert envelope == {
            "message_id": envelope["message_id"],
            "connection_id": client.connection_id,
            "channel": "guide",
            "message": message,
            "timestamp": envelope["timestamp"],
            "gateway_instance": client.instance_id,
            "session_ref": session.ref,
            "user_id": session.user_id,
            "tenant_id": "acme",
            "reply_to": f"websocket:gateway:{client.instance_id}",
            "traceparent": envelope["traceparent"],
        }
        assert session.token not in got["text"], "an agent never sees the token"
        assert agents.heard(connection_id=client.connection_id) == [], "once, and on no other channel"

    async def test_websocket_channel_routing_pillar_content(self, connect, agents):
        """A message on `pillar:content` reaches the agents of that channel alone, once."""
        await assert_routes(await connect(), agents, "pillar:content")

    async def test_websocket_channel_routing_pillar_insights(self, connect, agents):
        """A message on `pillar:insights` reaches the agents of that channel alone, once."""
        await assert_routes(await connect(), agents, "pillar:insights")

    async def test_websocket_channel_routing_pillar_operations(self, connect, agents):
        """A message on `pillar:operations` reaches the agents of that channel alone, once."""
        await assert_routes(await connect(), agents, "pillar:operations")

    async def test_websocket_channel_routing_pillar_business_outcomes(self, connect, agents):
        """A message on `pillar:business_outcomes` reaches the agents of that channel alone, once."""
        await assert_routes(await connect(), agents, "pillar:business_outcomes")

    async def test_websocket_channel_routing_without_channel_and_in_the_older_form(self, connect, agents):
        """Without a channel it is `guide`; `agent_type` and `pillar` of the older form are read as channels."""
        client = await connect()
        cases = (
            ({"payload": {"message": "somewhere"}}, "guide"),
            ({"agent_type": "guide", "message": "hi"}, "guide"),
            ({"agent_type": "liaison", "pillar": "content", "message": "hi"}, "pillar:content"),
        )
        for message, channel in cases:
            await client.send(message)
            got = await agents.envelope(client)
            assert (got["body"]["channel"], got["body"]["message"]) == (channel, message)

    async def test_websocket_message_passes_byte_for_byte(self, connect, agents):
        """What the client wrote is in the envelope as it was written: huge numbers, duplicate keys, blanks, escapes."""
        client = await connect()
        text = '{ "channel":"guide", "payload" : {"n":1e400,"n":-0.0, "s":"\\u00e9\\/é 🙂"} }'
        await client.send(text)
        got = await agents.envelope(client)
        assert f'"message":{text},' in got["text"]

    async def test_websocket_messages_keep_their_order(self, connect, agents):
        """A hundred messages of one client arrive in order, with ids that are unique and sort by time."""
        client = await connect()
        for n in range(100):
            await client.send({"channel": "guide", "payload": {"n": n}})
        envelopes = [(await agents.envelope(client))["body"] for _ in range(100)]
        assert [envelope["message"]["payload"]["n"] for envelope in envelopes] == list(range(100))
        ids = [envelope["message_id"] for envelope in envelopes]
        assert ids == sorted(set(ids))

    @pytest.mark.parametrize(
        "text, code, named",
        [
            param("this is no JSON", "invalid_json", "Invalid message format", id="no JSON"),
            param('{"channel":"guide","payload":{"a":1,}}', "invalid_json", "Invalid message format", id="trailing comma"),
            param('{"channel":"guide","payload":{"a":"\\ud800"}}', "invalid_json", "Invalid message format", id="surrogate"),
            param("{}", "invalid_message", "payload", id="nothing"),
            param("[1, 2]", "invalid_message", "", id="a list"),
            param("7", "invalid_message", "", id="a number"),
            param('{"channel":"guide"}', "invalid_message", "payload", id="no payload"),
            param('{"channel":"guide","payload":"text"}', "invalid_message", "payload", id="payload is text"),
            param('{"channel":7,"payload":{}}', "invalid_message", "channel", id="channel is a number"),
            param('{"channel":"guide","intent":"shout","payload":{}}', "invalid_message", "intent", id="unknown intent"),
            param('{"type":"launch","payload":{}}', "invalid_message", "type", id="unknown type"),
        ],
    )
    async def test_websocket_invalid_message_format(self, connect, agents, text, code, named):
        """What is not a message is answered with an error that names the field; the connection stays, and no agent sees it."""
        client = await connect()
        error = await client.ask(text, type="error")
        assert error["code"] == code
        assert named in error["message"]
        assert TIMESTAMP.fullmatch(error["timestamp"])
        got = await routed(client, agents, "guide", "a good one")
        assert got["body"]["message"]["payload"]["message"] == "a good one", "the first that an agent saw of this client"

    async def test_websocket_unknown_channel(self, connect, agents):
        """A channel that does not exist is `unknown_channel`, also one that looks like a name of the gateway's own."""
        client = await connect()
        for channel in ("nowhere", "GUIDE", "", "websocket:guide", "fanout:guide"):
            error = await client.say(channel, "hello", id=f"c {channel}")
            assert (error["type"], error["code"]) == ("error", "unknown_channel"), f"{channel!r}: {error}"
        await assert_routes(client, agents, "guide")

    async def test_websocket_message_with_an_id_is_taken_once(self, backend, connect, agents):
        """The same id again is acknowledged as `duplicate` and not passed on; with a client id, on a later connection too."""
        session = await backend.new_session()
        for expected in ("published", "duplicate"):
            client = await connect(session, query="client_id=tab-1")
            assert (await client.say("guide", "once", id="order-7"))["status"] == expected
            assert (await client.say("guide", "again", id="order-7"))["status"] == "duplicate"
            await client.close()
        other = await connect(session, query="client_id=tab-2")
        assert (await other.say("guide", "of another tab", id="order-7"))["status"] == "published"
        heard = [await agents.envelope(other), *agents.heard(user_id=session.user_id)]
        assert len(heard) == 2, f"one of each tab: {heard}"
        unnamed = await connect(session)
        statuses = [(await unnamed.say("guide", "without a client id", id="order-7"))["status"] for _ in range(3)]
        assert statuses == ["published", "duplicate", "duplicate"], "its ids are those of its connection"
        await agents.envelope(unnamed)
        await unnamed.say("guide", "marks the end", id="order-8")
        assert (await agents.envelope(unnamed))["body"]["message"]["id"] == "order-8", "no duplicate reached an agent"

    async def test_websocket_session_validation_valid(self, backend, connect, agents):
        """The Traffic Cop calls the session valid, its user stands in the registry, and it may speak."""
        session = await backend.new_session()
        assert await backend.api.validate_session(session.token) == {
            "success": True,
            "valid": True,
            "status": "active",
            "user_id": session.user_id,
        }
        client = await connect(session)
        assert await backend.api.session_connections(session.token) == [client.connection_id]
        assert (await routed(client, agents, "guide"))["body"]["user_id"] == session.user_id

    @pytest.mark.parametrize(
        "token", ["no-such-session", None, "", "null", "undefined"], ids=["unknown", "missing", "empty", "null", "undefined"]
    )
    async def test_websocket_session_validation_unknown_or_missing(self, backend, token):
        """Without a session, or with one that nobody made, the close code is 4001: a browser can read that."""
        await ends_with(backend, token, INVALID_SESSION)

    async def test_websocket_session_validation_expired(self, backend):
        """A session whose time is over is `expired`, and does not let a client in."""
        session = await backend.new_session(ttl_seconds=1)

        async def expired():
            return (await backend.api.validate_session(session.token))["status"] == "expired"

        await eventually_async(expired)
        assert (await backend.api.validate_session(session.token))["valid"] is False
        await ends_with(backend, session.token, INVALID_SESSION)

    async def test_websocket_session_validation_suspended(self, backend, connect):
        """A suspended session lets nobody in until it is active again."""
        session = await backend.new_session()
        await backend.api.patch_session(session.token, status="suspended")
        assert (await backend.api.validate_session(session.token))["valid"] is False
        await ends_with(backend, session.token, INVALID_SESSION)
        await backend.api.patch_session(session.token, status="active")
        await connect(session)

    @pytest.mark.parametrize("end", ["deleted", "suspended", "expired"])
    async def test_websocket_session_validation_ends_while_connected(self, backend, connect, second, end):
        """When the session is deleted, suspended or expires, its connections on every instance are closed with 4003."""
        session = await backend.new_session(ttl_seconds=2 if end == "expired" else 600)
        clients = [await connect(session), await connect(session, at=second)]
        bystander = await connect()
        if end == "deleted":
            await backend.api.delete_session(session.token)
        elif end == "suspended":
            await backend.api.patch_session(session.token, status="suspended")
        for client in clients:
            assert (await client.closed())[0] == 4003
        await bystander.settled()

    async def test_websocket_session_validation_optional(self, start, own_redis, connect):
        """With `--session-policy optional` a client without a session is let in, as nobody; a valid one is somebody."""
        lenient = await start("--session-policy", "optional", redis_url=own_redis.url)
        session = await lenient.new_session()
        anonymous = await AsyncClient.open(lenient.ws_url)
        known = await connect(session, at=lenient)
        records = [(await lenient.api.connection_record(c.connection_id)).json()["connection"] for c in (anonymous, known)]
        assert [record["user_id"] or None for record in records] == [None, session.user_id]
        await anonymous.close()

    async def test_websocket_session_token_stays_secret(self, backend, connect, redis_client):
        """Redis knows the session by the SHA-256 of its token only; record and API show `session_ref` instead."""
        session = await backend.new_session()
        client = await connect(session)
        assert await redis_client.exists(f"websocket:session:{hashlib.sha256(session.token.encode()).hexdigest()}")
        record = await redis_client.hgetall(f"websocket:connection:{client.connection_id}")
        assert record["session_ref"] == session.ref
        told = (await backend.api.connection_record(client.connection_id)).text
        assert session.token not in json.dumps(record) + told
