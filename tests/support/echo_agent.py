"""An agent on an asyncio loop that is only a Redis client: it answers one conversation, word by word."""

import asyncio
import json

from support.redis_listener import RedisListener


class EchoAgent:
    """Answers each message of `conversation` with as many parts as it has words, the last of them marked `done`.

    Other conversations on the same Redis are somebody else's. `heard` has the envelopes, in order.
    """

    def __init__(self, redis, listener, conversation):
        self.conversation = conversation
        self.heard = []
        self._redis, self._listener = redis, listener
        self._answering = asyncio.create_task(self._answer_all())

    @classmethod
    async def open(cls, redis, channels, conversation):
        return cls(redis, await RedisListener.open(redis, *(f"websocket:{name}" for name in channels)), conversation)

    def said(self) -> list:
        """The texts that it has heard."""
        return [envelope["message"]["payload"]["message"] for envelope in self.heard]

    async def close(self):
        self._answering.cancel()
        await asyncio.gather(self._answering, return_exceptions=True)
        await self._listener.close()

    def _is_ours(self, item):
        body = item["body"] or {}
        payload = (body.get("message") or {}).get("payload") or {}
        return "reply_to" in body and payload.get("conversation_id") == self.conversation

    async def _answer_all(self):
        while True:
            item = await self._listener.inbox.take(self._is_ours, "an envelope", timeout=None)
            self.heard.append(item["body"])
            await self._answer(item["body"])

    async def _answer(self, envelope):
        words = envelope["message"]["payload"]["message"].split()
        for n, word in enumerate(words):
            part = {"type": "agent_response", "agent_type": envelope["channel"], "message": f"echo {word}"}
            part |= {"conversation_id": self.conversation, "seq": n, "done": n == len(words) - 1}
            text = json.dumps({"connection_id": envelope["connection_id"], "message": part})
            await self._redis.publish(envelope["reply_to"], text)
