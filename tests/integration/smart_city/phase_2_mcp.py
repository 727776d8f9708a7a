"""Phase 2, continued: the gateway as a server of tools for agents that speak MCP."""

import asyncio

import jsonschema

from integration.smart_city.steps import heard_besides
from support.async_client import AsyncClient
from support.async_mcp import ENDPOINT, PUBLISH, SEND, SUBSCRIBE, AsyncMcp
from support.backend import unique


class Phase2Mcp:
    """Phase 2: MCP tools"""

    async def test_mcp_lists_four_tools(self, backend):
        """The official MCP client sees the four tools, each with a description and valid schemas for input and output."""
        async with AsyncMcp.at(backend) as mcp:
            tools = await mcp.tools()
        assert set(tools) == {ENDPOINT, PUBLISH, SEND, SUBSCRIBE}
        for tool in tools.values():
            assert tool["description"]
            for schema in (tool["inputSchema"], tool["outputSchema"]):
                jsonschema.Draft202012Validator.check_schema(schema)
                assert schema["type"] == "object"

    async def test_mcp_websocket_get_endpoint(self, backend, closing):
        """The tool answers an address with the session's token that a client can connect to as it stands."""
        session = await backend.new_session()
        async with AsyncMcp.at(backend) as mcp:
            answer = await mcp.call(ENDPOINT, session_token=session.token, realm="content")
        address, _, query = answer["websocket_url"].partition("?")
        assert query == f"session_token={session.token}"
        assert "pillar:content" in answer["channels"]
        client = closing(await AsyncClient.open(address, session.token))
        record = await backend.api.connection_record(client.connection_id)
        assert record.json()["connection"]["user_id"] == session.user_id

    async def test_mcp_websocket_publish_to_channel(self, backend, connect, second, agents):
        """The tool publishes to every subscribed client on every instance, once, and to the agents."""
        clients = [await connect(), await connect(at=second)]
        message = {"type": "notice", "mark": unique("by-mcp")}
        async with AsyncMcp.at(backend) as mcp:
            answer = await mcp.call(PUBLISH, channel="guide", message=message, realm="content")
        assert (answer["status"], answer["channel"]) == ("published", "websocket:guide")
        for client in clients:
            assert await client.next(mark=message["mark"]) == message
            assert await heard_besides(backend, client, message["mark"]) == []
        assert (await agents.next(source="content", message=message))["channel"] == "guide"

    async def test_mcp_websocket_send_to_connection(self, backend, connect, second):
        """The tool reaches one connection, on another instance too; for one that is nowhere the call fails with a reason."""
        client, other = await connect(at=second), await connect()
        mark = unique("by-mcp")
        async with AsyncMcp.at(backend) as mcp:
            answer = await mcp.call(SEND, connection_id=client.connection_id, message={"mark": mark})
            nowhere = await mcp.result(SEND, connection_id="ws_" + "0" * 32, message={"mark": mark})
        assert (answer["status"], answer["connection_id"]) == ("sent", client.connection_id)
        assert await client.next(mark=mark) == {"mark": mark}
        assert await heard_besides(backend, other, mark) == []
        assert nowhere["isError"] and "no such connection" in nowhere["content"][0]["text"]

    async def test_mcp_websocket_subscribe_to_channel(self, connect, second):
        """The tool returns what clients said since the cursor, each once and in order, and waits for it when it must."""
        client = await connect()

        def mine(page):
            return [e["message"]["id"] for e in page["messages"] if e.get("connection_id") == client.connection_id]

        async with AsyncMcp.at(second) as mcp:
            cursor = (await mcp.call(SUBSCRIBE, channel="pillar:insights", max_messages=500))["cursor"]
            arguments = {"channel": "pillar:insights", "wait_seconds": 20, "max_messages": 500}
            waiting = asyncio.create_task(mcp.call(SUBSCRIBE, cursor=cursor, **arguments))
            assert (await client.say("pillar:insights", "the first", id="m-1"))["status"] == "published"
            first = await waiting
            for n in (2, 3):
                await client.say("pillar:insights", "more", id=f"m-{n}")
            heard, page = mine(first), first
            while len(heard) < 3:
                page = await mcp.call(SUBSCRIBE, cursor=page["cursor"], **arguments)
                assert page["messages"], f"nothing came within 20 s after {heard}"
                heard += mine(page)
        assert heard == ["m-1", "m-2", "m-3"]
