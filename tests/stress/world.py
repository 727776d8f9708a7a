"""What the peers of a stress have in common: where the gateways are, whose keys there are, and what has been seen."""

import json
import random
import threading
from collections import Counter, deque
from dataclasses import dataclass, field

from redis.asyncio import Redis

from stress.wire import PATIENCE, SESSIONS, Wire, request

CHANNELS = ("guide", "pillar:content", "pillar:insights", "pillar:operations")
# Where no agent stays: the last one leaves while the next one comes.
PASSAGE = "pillar:operations"
GROUPS = ("workers", "audit", "x")
ROOT, ACME, GUIDE = (f"key-of-{name}-0123456789abcdef" for name in ("root", "acme", "guide"))
SCOPES = '["publish", "subscribe", "send", "sessions", "registry"]'
KEYS_FILE = f"""
[[api_keys]]
realm = "acme"
key = "{ACME}"
scopes = {SCOPES}
tenant = "acme"

[[api_keys]]
realm = "guides"
key = "{GUIDE}"
scopes = ["subscribe", "publish"]
channels = ["guide"]
"""
SEEN_MAX = 100


def seen():
    return field(default_factory=lambda: deque(maxlen=SEEN_MAX))


@dataclass
class World:
    seed: int
    addresses: list
    redis: object = None  # a RedisServer
    acting: threading.Lock = field(default_factory=threading.Lock)  # who starts or ends it
    # What some peer has seen lately, for others to use.
    sessions: deque = seen()
    connections: deque = seen()
    entries: deque = seen()  # (channel, group, id) of an event
    cursors: deque = seen()
    tally: Counter = field(default_factory=Counter)  # of what got through

    def rng(self, *names) -> random.Random:
        """The same for the same seed and names, whatever else happens."""
        return random.Random(f"{self.seed}/{'/'.join(map(str, names))}")

    def connect(self, rng, **options) -> Wire:
        return Wire(rng, rng.choice(self.addresses), **options)

    def redis_client(self) -> Redis:
        return Redis(port=self.redis.port, socket_timeout=PATIENCE, protocol=2, retry=None)

    def channel(self, rng) -> str:
        """Of an agent that stays."""
        return "guide" if rng.random() < 0.7 else rng.choice([channel for channel in CHANNELS if channel != PASSAGE])

    def talk_channel(self, rng) -> str:
        return rng.choice((PASSAGE, self.channel(rng)))

    def key(self, rng) -> str:
        return rng.choices([ROOT, ACME, GUIDE, "wrong-key-0123456789abcdef"], [80, 12, 7, 1])[0]

    def pick(self, rng, kind: deque, other):
        return rng.choice(kind) if kind and rng.random() < 0.95 else other

    async def call(self, rng, method, path, body=None, key=ROOT, patience=PATIENCE) -> tuple[int, dict]:
        """One request on a connection of its own."""
        async with self.connect(rng) as wire:
            await wire.send(request(method, path, key, body))
            status, text = await wire.answer(patience)
            return status, json.loads(text or b"{}")

    async def new_session(self, rng, **fields) -> str:
        """Of one of a few users, so that they meet their limits; often for some channels only."""
        context = {}
        if rng.random() < 0.4:
            context["channels"] = rng.sample(CHANNELS, rng.randint(0, 2))
        if rng.random() < 0.25:
            context["tenant_id"] = "acme"
        if rng.random() < 0.1:
            fields["ttl_seconds"] = rng.randint(1, 3)
        fields = {"user_id": f"user-{rng.randrange(30)}", "context": context} | fields
        _, answer = await self.call(rng, "POST", SESSIONS, fields)
        token = answer.get("session_id", "nobody")
        self.sessions.append(token)
        return token
