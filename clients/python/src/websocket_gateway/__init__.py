"""Agents and clients of WebSocket Gateway: answers that survive a dropped connection, a crash and a deploy.

    async with Agent("http://127.0.0.1:8000", key=key) as gw:            # an agent
        async for envelope in gw.subscribe("guide", group="agents"):
            async with gw.run(envelope) as run:
                await run.append("Hello")

    async with connect("ws://127.0.0.1:8000/ws", token=token) as client:   # a client
        async for text in await client.ask("guide", {"message": "hello"}):
            print(text, end="")
"""

from .agent import Agent
from .answer import Answer
from .chunks import text_of
from .client import Client, connect
from .envelope import Envelope
from .errors import (
    AgentError,
    ConnectionFailed,
    GatewayError,
    Refused,
    RunFailed,
    RunOver,
    Superseded,
    Unanswered,
)
from .run import Run

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "AgentError",
    "Answer",
    "Client",
    "ConnectionFailed",
    "Envelope",
    "GatewayError",
    "Refused",
    "Run",
    "RunFailed",
    "RunOver",
    "Superseded",
    "Unanswered",
    "connect",
    "text_of",
]
