"""Clients with sound and odd frames, whose sessions are narrowed, ended and exchanged while they come in and talk."""

import asyncio
import itertools
import json
import re

from stress.agents import moment
from stress.wire import SESSIONS
from stress.world import CHANNELS
from support.peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame, upgrade_request

WELCOME = re.compile(rb'"event":"welcome".*?"connection_id":"(ws_[^"]+)"')
NUMBERS = itertools.count()
PARENT = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
TRACEPARENTS = (f"00-{PARENT}-01", f"01-{PARENT}-01-more", f"01-{PARENT}-01-\xff\xfe\xc3(", "00-" + "0" * 32 + "-1", f"ff-{PARENT}-01", "x" * 8000)
TALK_INTERVAL = 0.02


async def talker(world, rng):
    """Talks on and on, so that there is always something on its way."""
    token = await world.new_session(rng, user_id=f"talker-{rng.randrange(1000)}", context={}, ttl_seconds=600)
    async with world.connect(rng) as wire:
        await enter(world, wire, token)
        for _ in range(500):
            await wire.send(message(rng, world.talk_channel(rng), id=next(NUMBERS)))
            await wire.read_for(TALK_INTERVAL)
            count_acks(world, wire)


async def client(world, rng):
    token = world.pick(rng, world.sessions, "") if rng.random() < 0.3 else await world.new_session(rng)
    deaf = rng.random() < 0.05
    changes = asyncio.create_task(change_session(world, rng, token)) if rng.random() < 0.35 else None
    try:
        async with world.connect(rng, receive_buffer=4096 if deaf else None) as wire:
            await enter(world, wire, token, *handshake_oddities(rng), leave=rng.random() < 0.25, rng=rng)
            for _ in range(rng.choice((1, 5, 30))):
                await wire.send(b"".join(any_frame(world, rng) for _ in range(rng.choice((1, 1, 1, 10)))))
                if not deaf:
                    await wire.read_for(rng.random() * 0.05)
                    count_acks(world, wire)
            if deaf:
                await asyncio.sleep(rng.random() * 4)
    finally:
        if changes:
            await asyncio.gather(changes, return_exceptions=True)


def count_acks(world, wire):
    world.tally["acks"] += wire.received.count(b'"type":"ack"')
    wire.received.clear()


def handshake_oddities(rng):
    headers, query = [], ""
    if rng.random() < 0.25:
        headers.append(("traceparent", rng.choice(TRACEPARENTS)))
    if rng.random() < 0.1:
        headers.append(("Sec-WebSocket-Extensions", "permessage-deflate"))
    if rng.random() < 0.05:
        headers.append(("Origin", rng.choice(("null", "http://127.0.0.1", "https://elsewhere.example"))))
    if rng.random() < 0.4:
        query = f"&client_id=c{rng.randrange(5)}"
    return headers, query


async def enter(world, wire, token, headers=(), query="", *, leave=False, rng=None):
    """Up to the welcome; one that leaves does so with the handshake under way, at any of its stages."""
    await wire.send(upgrade_request(f"/ws?session_token={token}{query}", "127.0.0.1", headers))
    if leave:
        await asyncio.sleep(moment(rng))
        return wire.reset()
    world.connections.append((await wire.read_until(WELCOME))[1].decode())
    world.tally["welcomes"] += 1


async def change_session(world, rng, token):
    """While its owner comes in, or a little later."""
    await asyncio.sleep(rng.random() * rng.choice((0.01, 0.3)))
    path = f"{SESSIONS}/{token}"
    change = rng.choice(({"status": "suspended"}, {"status": "active"}, {"ttl_seconds": 1}, None,
                         {"context": {"channels": rng.sample(CHANNELS, rng.randint(0, 3))}}))
    await world.call(rng, "PATCH" if change else "DELETE", path, change)


def message(rng, channel, **fields) -> bytes:
    text = "x" * rng.choice((5, 5, 5, 200, 3000))
    return frame(TEXT, json.dumps({"channel": channel, "intent": "chat", "payload": {"message": text}} | fields))


def any_frame(world, rng) -> bytes:
    kind = rng.random()
    if kind < 0.55:
        return message(rng, world.talk_channel(rng), **rng.choice(({}, {"id": next(NUMBERS)}, {"id": f"m{rng.randrange(20)}"},
                                                             {"traceparent": rng.choice(TRACEPARENTS[:2])})))
    if kind < 0.85:
        return frame(TEXT, json.dumps(control(world, rng)))
    return odd_frame(rng)


def control(world, rng) -> dict:
    kind = rng.choice(("subscribe", "unsubscribe", "ping", "heartbeat", "pong", "authenticate"))
    if kind in ("subscribe", "unsubscribe"):
        return {"type": kind, "channel": rng.choice((*CHANNELS, "nowhere"))}
    if kind == "authenticate":
        return {"type": kind, "session_token": world.pick(rng, world.sessions, "nobody")}
    return {"type": kind}


def odd_frame(rng) -> bytes:
    text = json.dumps({"payload": {"message": "in pieces"}})
    nested = '{"payload":' + '{"a":' * 509 + "{}" + "}" * 509 + "}"
    return rng.choice((
        frame(PING, b"p" * rng.choice((0, 125))), frame(PONG, b"?"), frame(PING, b"x" * 126), frame(PING, b"x", fin=False),
        frame(TEXT, text[:9], fin=False) + frame(PING, b"between") + frame(CONTINUATION, text[9:]),
        frame(TEXT, text[:9], fin=False), frame(CONTINUATION, b"x"), frame(TEXT, b"\xff\xfe"), frame(TEXT, b"not json"),
        frame(TEXT, nested), frame(TEXT, '{"message":"older","agent_type":"guide"}'), frame(TEXT, '{"type":"nothing"}'),
        frame(BINARY, b"\0"), frame(TEXT, text, mask=None), frame(TEXT, text, rsv=4), frame(TEXT, b"\x00" * 9, rsv=4), frame(3, b""),
        frame(TEXT, b"", length=1 << 40), frame(TEXT, text, length_bytes=8), frame(TEXT, '"' + "x" * 70_000 + '"'),
        close_frame(), close_frame(1000, "bye"), close_frame(1005), close_frame(4999), frame(CLOSE, b"x"), bytes(rng.randbytes(20)),
    ))  # fmt: skip


KINDS = ((talker, 4), (client, 8))
