"""A gateway's MCP server through the official Python client, on an asyncio loop."""

import contextlib

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

ENDPOINT = "websocket_get_endpoint"
PUBLISH = "websocket_publish_to_channel"
SEND = "websocket_send_to_connection"
SUBSCRIBE = "websocket_subscribe_to_channel"
TIMEOUT = 60


class AsyncMcp:
    def __init__(self, client):
        self.client = client

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, backend):
        headers = {"Authorization": f"Bearer {backend.key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT, trust_env=False) as http:
            async with Client(streamable_http_client(f"{backend.url}/mcp", http_client=http)) as client:
                yield cls(client)

    async def tools(self) -> dict:
        listed = (await self.client.list_tools()).tools
        return {tool.name: tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in listed}

    async def call(self, tool, **arguments) -> dict:
        """The structured answer of a call that succeeds."""
        result = await self.result(tool, **arguments)
        assert not result["isError"], f"{tool} {arguments}: {result['content']}"
        return result["structuredContent"]

    async def result(self, tool, **arguments) -> dict:
        return (await self.client.call_tool(tool, arguments)).model_dump(by_alias=True, mode="json")
