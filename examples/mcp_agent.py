#!/usr/bin/env python3
"""An agent that is an MCP client and nothing else. Python 3.11 or newer, and `pip install "mcp>=2"`.

    GATEWAY_API_KEY=... examples/mcp_agent.py [--channel guide]

It asks for a channel's messages again and again, answers each, and goes on from the cursor of what it got. A model
with these tools would do the same. It comes back by itself, with its cursor, when the gateway was gone.
Ends on SIGTERM or Ctrl-C.
"""

import argparse
import asyncio
import os
import signal
import sys

try:
    import httpx2
    from mcp import Client, MCPError
    from mcp.client.streamable_http import streamable_http_client
except ImportError:
    httpx2 = None  # --help does without

RECEIVE, SEND = "websocket_subscribe_to_channel", "websocket_send_to_connection"
BACKOFF_SECONDS = (0.2, 5.0)  # first and longest wait before connecting again


def log(text):
    print(f"agent: {text}", file=sys.stderr, flush=True)


class Refused(Exception):
    """The gateway understood and said no."""


async def call(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise Refused(result.content[0].text)
    return result.structured_content


def answer_to(message):
    """What this agent has to say: a stand-in for a model."""
    said = message.get("payload", message).get("message")
    return f"You said “{said}”. I am an MCP client, so that is all I know." if said else "Say something, and I will answer."


async def answer(client, envelope):
    reply = {"type": "agent_response", "agent_type": "guide", "message": answer_to(envelope["message"])}
    try:
        await call(client, SEND, connection_id=envelope["connection_id"], message=reply)
    except Refused as error:
        log(f"nobody to answer: {error}")  # the connection that asked is gone, so this is done too


def causes(error):
    """Task groups, of which the client is made, wrap what went wrong."""
    return [cause for part in error.exceptions for cause in causes(part)] if isinstance(error, BaseExceptionGroup) else [error]


async def serve(client, channel, cursor):
    """One page of messages. Returns the cursor behind it."""
    page = await call(client, RECEIVE, channel=channel, wait_seconds=20, **cursor)
    if page["gap"]:
        log(f"messages may have been missed: {page['gap_reason']}")
    for envelope in page["messages"]:
        if "connection_id" in envelope:  # else it is a realm's publication, which asks nothing
            await answer(client, envelope)
    return {"cursor": page["cursor"]}


async def run(url, key, channel):
    # Not by way of SIGINT: what runs in the background of a shell has it ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
    cursor, wait = {}, BACKOFF_SECONDS[0]
    while True:
        try:
            async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
                async with Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client:
                    log(f"connected, speaking {client.protocol_version}")
                    while True:
                        cursor = await serve(client, channel, cursor)
                        wait = BACKOFF_SECONDS[0]
        except Exception as error:
            if asyncio.current_task().cancelling():
                raise asyncio.CancelledError from None  # the client may make an error of its own of it
            reasons = causes(error)
            log(f"{url}: {'; '.join(map(str, reasons))}")
            if any(isinstance(reason, MCPError) and reason.error.code in (401, 403) for reason in reasons):
                return 1  # asking again would not help
        await asyncio.sleep(wait)
        wait = min(2 * wait, BACKOFF_SECONDS[1])


def main():
    parser = argparse.ArgumentParser(description="An agent that is an MCP client and nothing else.")
    parser.add_argument("--url", default=os.environ.get("GATEWAY_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--channel", default="guide")
    arguments = parser.parse_args()
    if httpx2 is None:
        parser.error('this agent needs the official client: pip install "mcp>=2"')
    key = os.environ.get("GATEWAY_API_KEY")
    if not key:
        parser.error("the key comes from the environment: GATEWAY_API_KEY")
    if not arguments.url.startswith(("http://", "https://")):
        parser.error(f"no address of a gateway, such as http://127.0.0.1:8000: {arguments.url!r}")
    try:
        return asyncio.run(run(arguments.url, key, arguments.channel))
    except asyncio.CancelledError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
