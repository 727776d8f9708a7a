"""Answers questions piece by piece: agent.mjs in Python, with httpx for the server's API."""

import asyncio
import os
import random

import httpx
from centrifuge import Client, PublicationContext, SubscriptionEventHandler

KEY = os.environ["CENTRIFUGO_API_KEY"]


async def publish(http, channel, key, data):
    attempt = 0
    while True:
        try:
            response = await http.post("/api/publish", json={"channel": channel, "idempotency_key": key, "data": data})
            if response.status_code < 500:
                response.raise_for_status()
                error = response.json().get("error")
                if error:
                    raise RuntimeError(error["message"])
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(random.uniform(0, min(20, 0.25 * 2**attempt)))
        attempt += 1


async def answer(http, question):
    count = 0

    async def say(data):
        nonlocal count
        count += 1
        await publish(http, f"answers:{question['id']}", f"{question['id']}-{count}", data)

    try:
        await say({"text": f"You said: {question['message']}"})
    except Exception as error:
        await say({"end": "failed", "error": str(error)})
        raise
    await say({"end": "completed"})


class Questions(SubscriptionEventHandler):
    def __init__(self, http):
        self.http, self.tasks = http, {}

    async def on_publication(self, ctx: PublicationContext):
        question = ctx.pub.data
        if question["id"] not in self.tasks:
            self.tasks[question["id"]] = asyncio.create_task(answer(self.http, question))


async def main():
    async with httpx.AsyncClient(base_url="http://127.0.0.1:8000", headers={"X-API-Key": KEY}) as http:
        client = Client("ws://127.0.0.1:8000/connection/websocket", token=os.environ["CENTRIFUGO_TOKEN"])
        subscription = client.new_subscription("questions:guide", events=Questions(http), recoverable=True)
        await client.connect()
        await subscription.subscribe()
        await asyncio.Event().wait()


asyncio.run(main())
