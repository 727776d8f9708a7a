"""Agents that come, read, stall and go at every moment."""

import asyncio
import json
import re

from stress.wire import POST_OFFICE, request
from stress.world import GROUPS, PASSAGE
from support.mcp import OLDER, SUBSCRIBE

HEAD_END = re.compile(rb"\r\n\r\n")
EVENT_ID = re.compile(rb"\nid: (\S+)\n")
CURSOR = re.compile(rb'"cursor":\s*"([^"]+)"')


def moment(rng) -> float:
    """How long it takes to change one's mind: mostly not at all, or as long as a round trip to Redis."""
    return rng.choice((0, 0, rng.random() * 0.002, rng.random() * 0.05))


def subscribe_path(channel, group):
    return f"{POST_OFFICE}/subscribe?channel={channel}" + (f"&group={group}" if group else "")


async def passer_by(world, rng):
    """Subscribes and has left before it is told so, or in the same moment."""
    async with world.connect(rng) as wire:
        group = rng.choice((None, None, None, "workers"))
        channel = PASSAGE if rng.random() < 0.7 else world.channel(rng)
        await wire.send(request(rng.choice(("GET", "GET", "GET", "HEAD")), subscribe_path(channel, group), world.key(rng)))
        await asyncio.sleep(moment(rng))


async def event_stream(world, rng):
    channel, group = world.channel(rng), rng.choice((None, None, None, *GROUPS))
    path = subscribe_path(channel, group)
    method = "HEAD" if rng.random() < 0.2 else "GET"
    last = world.pick(rng, world.entries, ("", "", "0-0"))[2]
    headers = [("Last-Event-ID", last)] if rng.random() < 0.2 else []
    deaf = rng.random() < 0.1
    async with world.connect(rng, receive_buffer=4096 if deaf else None) as wire:
        text = request(method, path, world.key(rng), headers=headers)
        if rng.random() < 0.05:
            text = text[: rng.randrange(len(text))]
        await wire.send(text)
        if deaf:
            return await asyncio.sleep(rng.random() * 3)
        if rng.random() < 0.05:
            wire.shut_down_writing()
        await wire.read_until(HEAD_END)
        if method == "HEAD" or rng.random() < 0.3:
            return await asyncio.sleep(moment(rng))
        for _ in range(rng.randint(1, 6)):
            await wire.read_for(rng.random() * 0.3)
            ids = [id.decode() for id in EVENT_ID.findall(wire.received)]
            del wire.received[:-1]
            world.tally["events"] += len(ids)
            world.entries.extend((channel, group or "workers", id) for id in ids[-20:])
            if group and ids and rng.random() < 0.7:
                await acknowledge(world, rng, channel, group, ids)


async def acknowledge(world, rng, channel, group, ids):
    """Some of them, at whichever gateway."""
    some = rng.sample(ids, rng.randint(1, min(len(ids), 50)))
    verb = "ack" if rng.random() < 0.9 else "working"
    await world.call(rng, "POST", f"{POST_OFFICE}/{verb}", {"channel": channel, "group": group, "ids": some})


async def stray_acknowledgement(world, rng):
    """Of what another has, or nobody."""
    channel, group, id = world.pick(rng, world.entries, ("guide", "nobody", "0-1"))
    await acknowledge(world, rng, channel, group, [id, "not an id"])
    await asyncio.sleep(rng.random() * 0.3)


async def mcp_poll(world, rng):
    """A few polls on one connection, with the cursor or an old one; some are left waiting."""
    channel, cursor = world.channel(rng), None
    headers = [("Accept", "application/json, text/event-stream"), ("MCP-Protocol-Version", OLDER)]
    async with world.connect(rng) as wire:
        for number in range(rng.randint(1, 5)):
            arguments = {"channel": channel, "wait_seconds": rng.choice((0, 0, 1, 2))}
            if rng.random() < 0.8 and (shown := cursor or world.pick(rng, world.cursors, None)):
                arguments["cursor"] = shown
            body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": SUBSCRIBE, "arguments": arguments}}
            await wire.send(request("POST", "/mcp", world.key(rng), body, headers))
            if rng.random() < 0.3:
                return await asyncio.sleep(moment(rng))
            _, text = await wire.answer()
            if match := CURSOR.search(text):
                cursor = match[1].decode()
                world.cursors.append(cursor)


async def redis_subscriber(world, rng):
    """An agent with only a Redis client, which makes a channel's name appear and disappear in Redis."""
    async with world.redis_client() as client, client.pubsub() as pubsub:
        names = [f"websocket:{world.talk_channel(rng)}"]
        await pubsub.subscribe(*names)
        for _ in range(rng.choice((0, 5, 200))):
            message = await pubsub.get_message(timeout=0.1)
            if message and message["type"] == "message" and rng.random() < 0.5:
                await answer(client, rng, message["data"])
        if rng.random() < 0.5:
            await pubsub.unsubscribe(*names)


async def answer(client, rng, text):
    try:
        envelope = json.loads(text)
    except ValueError:
        return
    if "reply_to" in envelope:
        message = {"connection_id": envelope["connection_id"], "message": {"n": rng.randrange(100)}}
        await client.publish(envelope["reply_to"], json.dumps(message))


async def redis_worker(world, rng):
    """Takes from the inbox as a member of `agents`, and acknowledges most of it."""
    channel = world.channel(rng)
    async with world.redis_client() as client:
        stream = f"websocket:inbox:{channel}"
        taken = await client.xreadgroup("agents", f"worker-{rng.randrange(3)}", {stream: ">"}, count=50, block=200)
        ids = [id for _, entries in taken for id, _ in entries]
        if ids and rng.random() < 0.8:
            await client.xack(stream, "agents", *ids)


async def redis_noise(world, rng):
    """Whoever may publish to Redis may write anything there."""
    names = ("guide", "fanout:guide", "events", "session:changed", "inbox:guide", "gateway:nobody")
    noise = (b"", b"\xff\xfe", b"{}", b'{"message_id":"a"}', b'{"message_id":7}', b"[" * 600, b'{"message":' + b"9" * 5000 + b"}",
             b'{"source":"ops","message":{"n":1}}', json.dumps({"message_id": f"m{rng.randrange(99)}", "message": {}}).encode())
    async with world.redis_client() as client:
        await client.publish(f"websocket:{rng.choice(names)}", rng.choice(noise))
    await asyncio.sleep(rng.random() * 0.3)


KINDS = ((passer_by, 6), (event_stream, 10), (mcp_poll, 3), (stray_acknowledgement, 1))
REDIS_KINDS = ((redis_subscriber, 2), (redis_noise, 1))
STREAM_KINDS = ((redis_worker, 1),)
