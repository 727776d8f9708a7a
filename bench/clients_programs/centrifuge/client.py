"""Asks, and shows the answer while it comes: client.mjs in Python."""

import asyncio
import os
import uuid

from centrifuge import (Client, ClientDisconnectedError, OperationTimeoutError, PublicationContext, SubscribedContext,
                        SubscriptionEventHandler, UnsubscribedContext)


class Answer(SubscriptionEventHandler):
    def __init__(self):
        self.done = asyncio.get_running_loop().create_future()

    def fail(self, why):
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))

    async def on_subscribed(self, ctx: SubscribedContext):
        if ctx.was_recovering and not ctx.recovered:
            self.fail("the answer has a hole, and what was in it is gone")

    async def on_unsubscribed(self, ctx: UnsubscribedContext):
        self.fail(ctx.reason)

    async def on_publication(self, ctx: PublicationContext):
        data = ctx.pub.data
        print(data.get("text", ""), end="", flush=True)
        if data.get("end") == "completed" and not self.done.done():
            self.done.set_result(data["end"])
        if data.get("end") == "failed":
            self.fail(data["error"])


async def ask(client, question):
    while True:
        try:
            return await client.publish("questions:guide", question)
        except (OperationTimeoutError, ClientDisconnectedError):
            await client.ready()


async def main():
    client = Client("ws://127.0.0.1:8000/connection/websocket", token=os.environ["CENTRIFUGO_TOKEN"])
    answer, key = Answer(), uuid.uuid4().hex
    subscription = client.new_subscription(f"answers:{key}", events=answer, recoverable=True)
    try:
        await client.connect()
        await subscription.subscribe()
        await subscription.ready()
        await ask(client, {"id": key, "message": "hello"})
        print(f"\n{await answer.done}")
    finally:
        await client.disconnect()


asyncio.run(main())
