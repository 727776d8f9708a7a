"""An agent that is only a Redis client, on an asyncio loop: it hears Pub/Sub names and keeps every message."""

import asyncio
import json

from support.inbox import DEADLINE, Inbox, has


class RedisListener:
    """Subscribed once `open` returns. `inbox` holds what came, each message as a dict with the Pub/Sub `name` it
    came on, its `text` as it was, and its JSON as `body`.
    """

    def __init__(self, pubsub):
        self.inbox = Inbox("the Redis listener")
        self._pubsub = pubsub
        self._reader = None

    @classmethod
    async def open(cls, redis, *names):
        listener = cls(redis.pubsub())
        await listener._pubsub.subscribe(*names)
        confirmed = 0
        while confirmed < len(names):
            message = await listener._pubsub.get_message(timeout=DEADLINE)
            assert message is not None, f"Redis did not confirm the subscription to {names}"
            confirmed += message["type"] == "subscribe"
        listener._reader = asyncio.create_task(listener._read())
        return listener

    async def envelope(self, client, channel=None, timeout=DEADLINE):
        """The next envelope of that client's messages, on that channel: {"name", "text", "body"}."""
        fields = {"connection_id": client.connection_id} | ({"channel": channel} if channel else {})
        matches = has(**fields)
        return await self.inbox.take(lambda item: matches(item["body"]), f"an envelope with {fields}", timeout)

    async def next(self, timeout=DEADLINE, **fields):
        """The body of the next message with these fields."""
        matches = has(**fields)
        return (await self.inbox.take(lambda item: matches(item["body"]), f"a message with {fields}", timeout))["body"]

    def heard(self, **fields) -> list:
        """The bodies of what has come with these fields and was not taken."""
        matches = has(**fields)
        return [item["body"] for item in self.inbox.matching(lambda item: matches(item["body"]))]

    async def close(self):
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._pubsub.aclose()

    async def _read(self):
        async for message in self._pubsub.listen():
            if message["type"] == "message":
                text = message["data"]
                await self.inbox.put({"name": message["channel"], "text": text, "body": parsed(text)})


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None
