"""Calls of the service API, sound and odd, and connections that change what they are for."""

import asyncio
import json

from stress.agents import moment
from stress.wire import POST_OFFICE, SESSIONS, request
from stress.world import CHANNELS
from support.peer import upgrade_request


async def caller(world, rng):
    """A few calls, one after another."""
    for _ in range(rng.randint(1, 10)):
        method, path, body = any_call(world, rng)
        await world.call(rng, method, path, body, world.key(rng))
        await asyncio.sleep(rng.random() * 0.05)


def any_call(world, rng) -> tuple:
    token = world.pick(rng, world.sessions, "nobody")
    connection = world.pick(rng, world.connections, "ws_nobody")
    channel = rng.choice(CHANNELS)
    return rng.choice((
        ("POST", f"{POST_OFFICE}/publish", {"channel": channel, "message": {"text": "x" * rng.choice((3, 3, 9000, 200_000))}, "realm": "tests"}),
        ("POST", f"{POST_OFFICE}/publish", {"channel": channel, "message": {}, "realm": "tests", "tenant_id": "acme"}),
        ("POST", f"{POST_OFFICE}/send", {"message": {"n": 1}, "connection_id": connection}),
        ("POST", f"{POST_OFFICE}/send", {"message": {"n": 1}, "session_id": token}),
        ("POST", f"{POST_OFFICE}/send", {"message": {"n": 1}, "user_id": f"user-{rng.randrange(30)}"}),
        ("GET", f"{POST_OFFICE}/connections/{connection}", None), ("GET", f"{POST_OFFICE}/channels/{channel}/connections", None),
        ("GET", f"{POST_OFFICE}/connection-count", None), ("GET", f"{POST_OFFICE}/backpressure", None),
        ("GET", f"{POST_OFFICE}/endpoint?session_token=t&realm=tests", None),
        ("GET", f"{SESSIONS}/{token}", None), ("POST", f"{SESSIONS}/{token}/validate", None), ("GET", f"{SESSIONS}/{token}/websockets", None),
        ("PATCH", f"{SESSIONS}/{token}", {"context": {"channels": rng.sample(CHANNELS, rng.randint(0, 3))}}),
        ("PATCH", f"{SESSIONS}/{token}", {"status": rng.choice(("active", "suspended"))}), ("DELETE", f"{SESSIONS}/{token}", None),
        ("GET", "/health/websocket-gateway/detailed", None), ("GET", "/health/live", None), ("GET", "/metrics", None),
    ))  # fmt: skip


async def pipeliner(world, rng):
    """Many requests at once, the answers read in part or not at all; the last may be a handshake."""
    requests = [one_of_many(world, rng) for _ in range(rng.randint(1, 12))]
    if rng.random() < 0.3:
        token = world.pick(rng, world.sessions, "nobody")
        blank_line = b"\r\n" if rng.random() < 0.1 else b""
        requests.append(blank_line + upgrade_request(f"/ws?session_token={token}", "127.0.0.1") + rng.choice((b"", b"x" * 3000)))
    if rng.random() < 0.2:
        requests[-1] = requests[-1][: rng.randrange(len(requests[-1]))]
    async with world.connect(rng, receive_buffer=4096 if rng.random() < 0.3 else None) as wire:
        await wire.send(b"".join(requests))
        if rng.random() < 0.2:
            wire.shut_down_writing()
        if rng.random() < 0.4:
            return await asyncio.sleep(moment(rng))
        await wire.read_for(rng.random())


def one_of_many(world, rng) -> bytes:
    """Sound ones, some that wait for their answer, and some that no server may take."""
    key, channel = world.key(rng), rng.choice(CHANNELS)
    chunked = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")]
    body = json.dumps({"channel": channel, "message": {}, "realm": "tests"}).encode()
    publish = f"{POST_OFFICE}/publish"
    method, path, content = any_call(world, rng)
    return rng.choice((
        request(method, path, key, content), request(method, path, key, content), request("GET", "/openapi.json"),
        request("HEAD", f"{POST_OFFICE}/subscribe?channel={channel}&group=x", key), request("GET", "/"),
        request("POST", publish, key, headers=chunked) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
        request("POST", publish, key, body, [("Expect", "100-continue")]), request("POST", "/mcp", key, b'{"":0,' * 2000),
        request("OPTIONS", "/mcp"), request("GET", "//x"), request("GET", "/ws"), request("GET", "/health/live", headers=[("Connection", "close")]),
        request("GET", "/health/live", headers=[("x", "y" * 9000)]), b"nonsense\r\n\r\n", b"\r\n",
    ))  # fmt: skip


KINDS = ((caller, 4), (pipeliner, 3))
