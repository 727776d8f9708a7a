"""The official Python client, 2.x: client.py URL MODE. The key is in MCP_KEY."""

import asyncio
import os
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from talk import say, talk


async def main(url, mode):
    headers = {"Authorization": f"Bearer {os.environ['MCP_KEY']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            say(connected=client.protocol_version, server=client.server_info.name, instructions=client.instructions)

            async def list_tools():
                return (await client.list_tools()).tools

            await talk(list_tools, client.call_tool)


asyncio.run(main(*sys.argv[1:]))
