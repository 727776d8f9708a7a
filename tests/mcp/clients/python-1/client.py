"""The official Python client, 1.x: client.py URL. The key is in MCP_KEY."""

import asyncio
import os
import sys

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from talk import say, talk


async def main(url):
    headers = {"Authorization": f"Bearer {os.environ['MCP_KEY']}"}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        async with streamable_http_client(url, http_client=http) as (read, write, _), ClientSession(read, write) as session:
            answer = await session.initialize()
            say(connected=answer.protocolVersion, server=answer.serverInfo.name, instructions=answer.instructions)

            async def list_tools():
                return (await session.list_tools()).tools

            await talk(list_tools, session.call_tool)


asyncio.run(main(sys.argv[1]))
