"""Agents that are nothing but MCP clients, with the official libraries in both revisions."""

import jsonschema
import pytest

from support.mcp import ENDPOINT, PUBLISH, SEND, SUBSCRIBE
from support.mcp_client import CLIENTS, SPEAKS


@pytest.fixture(params=CLIENTS)
def name(request):
    return request.param


@pytest.fixture
def agent(name, gateway, start_client):
    return start_client(name, gateway)


def test_speaks_the_revision_that_its_version_knows(name, agent):
    assert agent.connected["connected"] == SPEAKS[name]
    assert agent.connected["server"] == "websocket-gateway"
    assert SUBSCRIBE in agent.connected["instructions"]


def test_sees_four_tools_whose_schemas_are_valid(agent):
    tools = agent.tools()
    assert set(tools) == {ENDPOINT, PUBLISH, SEND, SUBSCRIBE}
    for tool in tools.values():
        assert tool["title"] and len(tool["description"]) > 50
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
            # A model has nothing else to go by; what can have one value only explains itself.
            assert all("description" in field or "const" in field for name, field in schema["properties"].items()
                       if name != "messages")


def test_receives_what_a_browser_says_and_answers_it(gateway, agent):
    cursor = agent.call(SUBSCRIBE, channel="pillar:insights", max_messages=500)["cursor"]
    browser = gateway.connect()
    # The agent waits already: what it gets then is no message of the past.
    agent.send(call=SUBSCRIBE, arguments={"channel": "pillar:insights", "cursor": cursor, "wait_seconds": 25})
    assert browser.say("pillar:insights", id="q-1", text="how are you?")["status"] == "published"
    page = agent.answer()["result"]["structured"]
    [envelope] = page["messages"]
    assert envelope["connection_id"] == browser.connection_id
    assert envelope["message"]["payload"] == {"message": "how are you?"}
    assert not page["gap"]
    sent = agent.call(SEND, connection_id=envelope["connection_id"], message={"type": "agent_response", "message": "Fine."})
    assert sent == {"success": True, "connection_id": browser.connection_id, "status": "sent"}
    assert browser.receive() == {"type": "agent_response", "message": "Fine."}


def test_publishes_and_gets_the_endpoint(gateway, agent):
    browser = gateway.connect()
    published = agent.call(PUBLISH, channel="guide", message={"n": [1, 2.5, None, "é"]}, realm="tests")
    assert published["status"] == "published"
    assert browser.receive() == {"n": [1, 2.5, None, "é"]}
    endpoint = agent.call(ENDPOINT, session_token="a-token")
    assert endpoint["websocket_url"] == f"{gateway.ws_url}?session_token=a-token"
    assert "guide" in endpoint["channels"]


def test_reads_what_it_did_wrong(agent):
    answer = agent.ask(call=SEND, arguments={"message": 1, "connection_id": "ws_" + "0" * 32})
    assert answer["result"]["is_error"]
    assert "no such connection" in answer["result"]["texts"][0]
    assert "Unknown tool" in agent.ask(call="websocket_dance", arguments={})["error"]
    # And goes on.
    assert agent.call(SUBSCRIBE, channel="guide")["cursor"]


@pytest.mark.parametrize("name", ["python-1", "python-2", "typescript-1", "typescript-2"])
def test_a_wrong_key_is_a_clear_end(gateway, start_client, name):
    with pytest.raises(AssertionError, match="401|API key is not known"):
        start_client(name, gateway, key="wrong")
