"""Steps that several tests take, with their assertions."""

from integration.smart_city.settings import CHANNELS
from support.async_client import AsyncClient
from support.backend import unique


async def routed(client, agents, channel, text="hello"):
    """Says it on the channel; the envelope that an agent got of it, once the gateway has acknowledged."""
    ack = await client.say(channel, text, id=f"to {channel}")
    assert ack["type"] == "ack", f"not acknowledged: {ack}"
    assert ack["status"] == "published", "an agent is subscribed, so the message has been published"
    return await agents.envelope(client, channel)


async def assert_routes(client, agents, channel):
    got = await routed(client, agents, channel, f"a question for {channel}")
    assert got["name"] == f"websocket:{channel}", "published under the channel's name"
    assert got["body"]["channel"] == channel
    assert got["body"]["message"]["payload"]["message"] == f"a question for {channel}"
    assert agents.heard(connection_id=client.connection_id) == [], "once, and on no other channel"


async def ends_with(backend, token, expected, **options):
    """Connects with the token: the upgrade succeeds, and the first and only thing to come is this close."""
    client = await AsyncClient.dial(backend.ws_url, token, **options)
    assert await client.closed() == expected
    assert client.inbox.items == [], "no word before the close"


def indexes(session, client, channels=("guide",)) -> list:
    """The sets in Redis that a connection is a member of."""
    names = [f"channel:{channel}" for channel in channels]
    names += [f"user:{session.user_id}", f"session:{session.ref}", f"gateway:{client.instance_id}"]
    return [f"websocket:{name}:connections" for name in names]


async def nothing_left(redis_client, session, client) -> bool:
    """Whether Redis has neither a record of the connection nor a place for it in any index."""
    names = indexes(session, client, CHANNELS)
    members = [await redis_client.sismember(name, client.connection_id) for name in names]
    return not any(members) and not await redis_client.exists(f"websocket:connection:{client.connection_id}")


async def heard_besides(backend, client, mark) -> list:
    """What the client has heard with that mark and not taken, once all that was sent before has arrived."""
    after = {"after": unique("after")}
    await backend.api.send(after, connection_id=client.connection_id)
    await client.next(**after)
    return client.heard(mark=mark)
