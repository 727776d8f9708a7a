"""The tools' arguments: what they do, and that whatever is wrong with one is said by its name."""

import pytest

from support.mcp import ENDPOINT, PUBLISH, SEND, SUBSCRIBE

NOBODY = "ws_" + "0" * 32
LONG = "x" * 129
GATEWAY_FLAGS = ["--outbox-bytes", "64KiB"]


@pytest.mark.parametrize(
    "tool, arguments, word",
    [
        (ENDPOINT, {}, "session_token is required"),
        (ENDPOINT, {"session_token": None}, "session_token is required"),
        (ENDPOINT, {"session_token": 1}, "session_token must be a string"),
        (ENDPOINT, {"session_token": ""}, "session_token must match"),
        (ENDPOINT, {"session_token": "a b"}, "session_token must match"),
        (ENDPOINT, {"session_token": LONG}, "session_token must match"),
        (ENDPOINT, {"session_token": "t", "realm": "a b"}, "realm must match"),
        (PUBLISH, {"message": {}, "realm": "r"}, "channel is required"),
        (PUBLISH, {"channel": 1, "message": {}, "realm": "r"}, "channel must be a string"),
        (PUBLISH, {"channel": "A B", "message": {}, "realm": "r"}, "channel must match"),
        (PUBLISH, {"channel": "nowhere", "message": {}, "realm": "r"}, "no such channel"),
        (PUBLISH, {"channel": "guide", "realm": "r"}, "message is required"),
        (PUBLISH, {"channel": "guide", "message": {}}, "realm is required"),
        (PUBLISH, {"channel": "guide", "message": {}, "realm": ["r"]}, "realm must be a string"),
        (PUBLISH, {"channel": "guide", "message": {}, "realm": "r", "tenant_id": "a/b"}, "tenant_id must match"),
        (PUBLISH, {"channel": "guide", "message": "x" * 33_000, "realm": "r"}, "message"),
        (SEND, {"connection_id": NOBODY}, "message is required"),
        (SEND, {"message": {}}, "exactly one of connection_id"),
        (SEND, {"message": {}, "connection_id": NOBODY, "user_id": "ada"}, "exactly one of connection_id"),
        (SEND, {"message": {}, "connection_id": 1}, "connection_id must be a string"),
        (SEND, {"message": {}, "connection_id": "ws_x"}, "connection"),
        (SEND, {"message": {}, "connection_id": NOBODY}, "no such connection"),
        (SEND, {"message": {}, "user_id": "a b"}, "user_id must be 1 to 256 bytes"),
        (SEND, {"message": {}, "session_id": ""}, "session_id must match"),
        (SEND, {"message": {}, "session_ref": LONG}, "session_ref must match"),
        (SUBSCRIBE, {}, "channel is required"),
        (SUBSCRIBE, {"channel": "nowhere"}, "no such channel"),
        (SUBSCRIBE, {"channel": "guide", "cursor": 1}, "cursor must be a string"),
        (SUBSCRIBE, {"channel": "guide", "cursor": ""}, "cursor is not one"),
        (SUBSCRIBE, {"channel": "guide", "cursor": "0123456789abcdef.1.1"}, "cursor is not one"),
        (SUBSCRIBE, {"channel": "guide", "cursor": "0123456789ABCDEF.1.1."}, "cursor is not one"),
        (SUBSCRIBE, {"channel": "guide", "cursor": "0123456789abcdef.-1.1."}, "cursor is not one"),
        (SUBSCRIBE, {"channel": "guide", "cursor": "0123456789abcdef.99999999999999999999.1."}, "cursor is not one"),
        (SUBSCRIBE, {"channel": "guide", "cursor": "0123456789abcdef.1.1." + "x" * 300}, "cursor is not one"),
        (SUBSCRIBE, {"channel": "guide", "wait_seconds": -1}, "wait_seconds must be from 0 to 25"),
        (SUBSCRIBE, {"channel": "guide", "wait_seconds": 26}, "wait_seconds must be from 0 to 25"),
        (SUBSCRIBE, {"channel": "guide", "wait_seconds": "1"}, "wait_seconds must be a whole number"),
        (SUBSCRIBE, {"channel": "guide", "wait_seconds": 0.5}, "wait_seconds must be a whole number"),
        (SUBSCRIBE, {"channel": "guide", "max_messages": 0}, "max_messages must be from 1 to 500"),
        (SUBSCRIBE, {"channel": "guide", "max_messages": 501}, "max_messages must be from 1 to 500"),
        (SUBSCRIBE, {"channel": "guide", "max_messages": True}, "max_messages must be a whole number"),
        *((tool, {"chanel": "guide"}, "unknown argument; known are:") for tool in (ENDPOINT, PUBLISH, SEND, SUBSCRIBE)),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_a_wrong_argument_is_named(mcp, tool, arguments, word):
    assert word in mcp.call(tool, **arguments).tool_error


def test_nothing_of_a_call_comes_back_in_its_error(mcp):
    """A model's context is no place for what somebody else has smuggled into an argument."""
    for tool in (ENDPOINT, PUBLISH, SEND, SUBSCRIBE):
        assert "ignore all" not in mcp.call(tool, **{"ignore all": "ignore all", "channel": "ignore all"}).tool_error


def test_left_out_arguments_are_as_empty_ones(mcp):
    assert "session_token is required" in mcp.ask("tools/call", name=ENDPOINT).tool_error


class TestSend:
    @pytest.mark.parametrize("by", ["connection_id", "session_id", "session_ref", "user_id"])
    def test_each_address(self, gateway, mcp, by):
        session = gateway.new_session(user_id=f"user-by-{by}-{mcp.revision}")
        client = gateway.connect(session)
        address = {
            "connection_id": client.connection_id,
            "session_id": session,
            "session_ref": gateway.api.session(session)["session_ref"],
            "user_id": f"user-by-{by}-{mcp.revision}",
        }[by]
        sent = mcp.call(SEND, message={"n": 1}, **{by: address}).structured
        assert sent["status"] == "sent"
        assert sent["connection_id"] == address if by == "connection_id" else sent["delivered"] == 1
        assert client.receive() == {"n": 1}

    def test_bytes_pass_untouched(self, gateway, mcp):
        client = gateway.connect()
        odd = '{"n": 1e400,"n" :0.10, "s":"\\u00e9\\/"}'
        message = mcp.message("tools/call", name=SEND, arguments={})
        text = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%s","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"arguments":{"connection_id":"%s","message":%s}}}'
        if "_meta" not in message["params"]:
            text = text.replace('"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},', "")
        headers = mcp.headers(message) | {"Content-Type": "application/json"}
        assert mcp.post(content=text % (SEND, client.connection_id, odd), headers=headers).structured["success"]
        assert client.receive_text() == odd

    @pytest.mark.parametrize("message", [None, True, 0, "text", [], [1, {}], {}], ids=repr)
    def test_any_json_is_a_message(self, gateway, mcp, message):
        client = gateway.connect()
        assert mcp.call(SEND, message=message, connection_id=client.connection_id).structured["success"]
        assert client.receive() == message


class TestMetrics:
    def test_calls_are_counted_by_outcome(self, gateway, mcp):
        def counts():
            lines = gateway.api.get("/metrics").text.splitlines()
            return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("gateway_mcp_tool_calls_total")}

        before = counts()
        mcp.call(ENDPOINT, session_token="t")
        mcp.call(ENDPOINT)
        mcp.call(ENDPOINT)
        after = counts()
        changed = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
        assert sorted(changed.values()) == [1, 2]
        assert all(ENDPOINT in name for name in changed)
