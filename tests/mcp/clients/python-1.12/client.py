"""The official Python client before 1.24: client.py URL. The key is in MCP_KEY."""

import asyncio
import os
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from talk import say, talk


async def main(url):
    headers = {"Authorization": f"Bearer {os.environ['MCP_KEY']}"}
    async with streamablehttp_client(url, headers=headers) as (read, write, _), ClientSession(read, write) as session:
        answer = await session.initialize()
        say(connected=answer.protocolVersion, server=answer.serverInfo.name, instructions=answer.instructions)

        async def list_tools():
            return (await session.list_tools()).tools

        await talk(list_tools, session.call_tool)


asyncio.run(main(sys.argv[1]))
