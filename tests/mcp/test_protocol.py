"""Messages as the protocol wants them, and each way to get them wrong, by hand and in both revisions."""

import json

import pytest

from support.mcp import CAPABILITIES_KEY, ENDPOINT, LEGACY, META, NEWER, OLDER, PUBLISH, VERSION_KEY, VERSIONS, Mcp

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022


def assert_refused(rpc, status, code, *words):
    assert (rpc.status, rpc.code) == (status, code), rpc.response.text
    assert all(word in rpc.body["error"]["message"] for word in words), rpc.body


class TestNewer:
    """2026-07-28: each request tells everything."""

    def test_discover(self, newer):
        result = newer.ask("server/discover").result
        assert result["supportedVersions"] == VERSIONS
        assert result["capabilities"] == {"tools": {}}
        assert result["resultType"] == "complete"
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "websocket-gateway"
        assert result["ttlMs"] > 0 and result["cacheScope"] == "public"

    def test_the_list_of_tools_is_the_keys_own(self, newer):
        result = newer.ask("tools/list").result
        assert result["resultType"] == "complete" and result["cacheScope"] == "private"
        assert len(result["tools"]) == 4 and "nextCursor" not in result

    @pytest.mark.parametrize("method", ["initialize", "ping", "resources/list", "subscriptions/listen", ""])
    def test_other_methods_are_404(self, newer, method):
        assert_refused(newer.ask(method), 404, NO_METHOD)

    @pytest.mark.parametrize("value", [None, OLDER, "2024-11-05", "newest", ""])
    def test_the_version_header_says_what_the_body_says(self, newer, value):
        assert_refused(newer.ask("tools/list", headers={"MCP-Protocol-Version": value}), 400, HEADER_MISMATCH, "MCP-Protocol-Version")

    @pytest.mark.parametrize("version", ["2027-01-01", "2024-10-07", "", "newest"])
    def test_a_version_that_is_not_served(self, newer, version):
        message = newer.message("tools/list") | {"params": {"_meta": META | {VERSION_KEY: version}}}
        rpc = newer.post(json=message, headers=newer.headers(message) | {"MCP-Protocol-Version": version})
        assert_refused(rpc, 400, UNSUPPORTED_VERSION)
        assert rpc.body["error"]["data"] == {"supported": VERSIONS, "requested": version}

    @pytest.mark.parametrize(
        "meta, word",
        [
            (None, VERSION_KEY),
            ("text", VERSION_KEY),
            ({}, VERSION_KEY),
            ({VERSION_KEY: 1, CAPABILITIES_KEY: {}}, VERSION_KEY),
            ({VERSION_KEY: NEWER}, CAPABILITIES_KEY),
            ({VERSION_KEY: NEWER, CAPABILITIES_KEY: []}, CAPABILITIES_KEY),
        ],
    )
    def test_meta_is_whole(self, newer, meta, word):
        message = newer.message("tools/list") | {"params": {} if meta is None else {"_meta": meta}}
        assert_refused(newer.post(json=message, headers=newer.headers(message)), 400, INVALID_PARAMS, word)

    @pytest.mark.parametrize("value", [None, "tools/call", "Tools/List", ""])
    def test_the_method_header_says_what_the_body_says(self, newer, value):
        assert_refused(newer.ask("tools/list", headers={"Mcp-Method": value}), 400, HEADER_MISMATCH, "Mcp-Method")

    @pytest.mark.parametrize("value", [None, PUBLISH, "", "=?base64?eA=?=", "=?base64?*?="])
    def test_the_name_header_says_what_the_body_says(self, newer, value):
        rpc = newer.ask("tools/call", name=ENDPOINT, arguments={}, headers={"Mcp-Name": value})
        assert_refused(rpc, 400, HEADER_MISMATCH, "Mcp-Name")

    def test_the_name_may_come_encoded(self, newer):
        encoded = "=?base64?d2Vic29ja2V0X2dldF9lbmRwb2ludA==?="
        rpc = newer.ask("tools/call", name=ENDPOINT, arguments={"session_token": "t"}, headers={"Mcp-Name": encoded})
        assert rpc.structured["success"]

    def test_a_header_that_comes_twice(self, newer):
        message = newer.message("tools/list")
        for name, value in newer.headers(message).items():
            headers = [*newer.headers(message).items(), (name, value)]
            rpc = newer.post_lines(json.dumps(message), headers)
            assert_refused(rpc, 400, HEADER_MISMATCH, name, "more than once")


class TestOlder:
    """2025-11-25 and before: agreed on at the start, but nothing is remembered of it."""

    def initialize(self, older, headers=None, **params):
        message = older.message("initialize", **params)
        return older.post(json=message, headers=headers)  # a client does not know yet what will be spoken

    @pytest.mark.parametrize(
        "asked, agreed", [*((version, version) for version in LEGACY), (NEWER, OLDER), ("2024-10-07", OLDER), ("newest", OLDER)]
    )
    def test_initialize_agrees_to_what_is_served_and_else_offers_the_latest(self, older, asked, agreed):
        result = self.initialize(older, protocolVersion=asked, capabilities={}, clientInfo={"name": "t", "version": "1"}).result
        assert result["protocolVersion"] == agreed
        assert result["capabilities"] == {"tools": {}}
        assert result["serverInfo"]["name"] == "websocket-gateway"
        assert "resultType" not in result and "_meta" not in result

    @pytest.mark.parametrize("named", [*VERSIONS, "2027-01-01", "newest", ""])
    def test_initialize_negotiates_whatever_its_header_says(self, older, named):
        rpc = self.initialize(older, {"MCP-Protocol-Version": named}, protocolVersion="2025-06-18", capabilities={})
        assert rpc.result["protocolVersion"] == "2025-06-18"

    @pytest.mark.parametrize("params", [{}, {"protocolVersion": 1}, {"protocolVersion": None}, None])
    def test_initialize_without_a_version(self, older, params):
        rpc = older.post(json=older.message("initialize") | {"params": params})
        assert_refused(rpc, 200, INVALID_PARAMS, "protocolVersion")

    def test_ping(self, older):
        assert older.ask("ping").result == {}

    def test_results_know_nothing_of_the_newer(self, older):
        assert set(older.ask("tools/list").result) == {"tools"}
        result = older.call(ENDPOINT, session_token="t").result
        assert set(result) == {"content", "structuredContent", "isError"}

    @pytest.mark.parametrize("method", ["server/discover", "resources/list", "logging/setLevel", ""])
    def test_other_methods_are_an_error(self, older, method):
        assert_refused(older.ask(method), 200, NO_METHOD)

    def test_without_the_version_header_it_is_of_a_time_that_had_none(self, older):
        """2025-06-18 brought the header, and says so."""
        assert older.ask("tools/list", headers={"MCP-Protocol-Version": None}).result["tools"]

    @pytest.mark.parametrize("version", LEGACY)
    def test_each_gets_the_same_tools(self, older, closing, gateway, version):
        old = closing(Mcp(gateway, version))
        assert old.ask("tools/list").result == older.ask("tools/list").result
        assert old.call(ENDPOINT, session_token="t").result == older.call(ENDPOINT, session_token="t").result
        assert old.ask("ping").result == {}

    @pytest.mark.parametrize("version", ["2024-10-07", "2025-06-17", "2027-01-01", "newest", ""])
    def test_a_version_that_is_not_served(self, older, version):
        rpc = older.ask("tools/list", headers={"MCP-Protocol-Version": version})
        assert_refused(rpc, 400, UNSUPPORTED_VERSION)
        assert rpc.body["error"]["data"] == {"supported": VERSIONS, "requested": version}

    @pytest.mark.parametrize("version", LEGACY)
    def test_a_body_of_the_newer_under_its_header(self, older, version):
        rpc = older.ask("tools/list", _meta=META, headers={"MCP-Protocol-Version": version})
        assert_refused(rpc, 400, HEADER_MISMATCH, "MCP-Protocol-Version")

    def test_meta_of_its_own_is_let_be(self, older):
        assert older.ask("tools/list", _meta={"progressToken": 1}).result["tools"]


class TestBoth:
    @pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "notifications/whatever"])
    def test_a_notification_is_202_and_nothing_else(self, mcp, method):
        message = {"jsonrpc": "2.0", "method": method}
        rpc = mcp.post(json=message, headers=mcp.headers(message))
        assert (rpc.status, rpc.response.content) == (202, b"")
        assert "content-type" not in rpc.response.headers

    @pytest.mark.parametrize("identity", [0, -1, 9007199254740991, "", "a", "é\n\"", "x" * 1000])
    def test_an_id_comes_back_as_it_was(self, mcp, identity):
        message = mcp.message("tools/list") | {"id": identity}
        assert mcp.post(json=message, headers=mcp.headers(message)).body["id"] == identity

    @pytest.mark.parametrize("identity", [None, True, 1.5, [], {}, "x" * 1100], ids=repr)
    def test_other_ids_are_refused(self, mcp, identity):
        message = mcp.message("tools/list") | {"id": identity}
        rpc = mcp.post(json=message, headers=mcp.headers(message))
        assert_refused(rpc, 400, INVALID_REQUEST, "id must be")
        assert "id" not in rpc.body

    @pytest.mark.parametrize(
        "change, word",
        [
            ({"jsonrpc": "1.0"}, "jsonrpc"),
            ({"jsonrpc": 2.0}, "jsonrpc"),
            ({"method": 1}, "method"),
            ({"method": None}, "method"),
            ({"params": []}, "params"),
            ({"params": "x"}, "params"),
        ],
    )
    def test_a_request_of_another_form(self, mcp, change, word):
        message = mcp.message("tools/list")
        rpc = mcp.post(json=message | change, headers=mcp.headers(message))
        assert_refused(rpc, 400, INVALID_REQUEST, word)
        assert rpc.body["id"] == message["id"]

    @pytest.mark.parametrize("answer", [{"result": {}}, {"error": {"code": 1, "message": "no"}}])
    def test_a_response_answers_nothing(self, mcp, answer):
        rpc = mcp.post(json={"jsonrpc": "2.0", "id": 1} | answer, headers={"MCP-Protocol-Version": mcp.revision})
        assert_refused(rpc, 400, INVALID_REQUEST, "asks nothing")

    def test_a_batch(self, mcp):
        message = mcp.message("tools/list")
        for batch in ([message, message], [message], []):
            assert_refused(mcp.post(json=batch, headers=mcp.headers(message)), 400, INVALID_REQUEST, "batches")

    @pytest.mark.parametrize("text", [b"", b"{", b"not json", b'{"jsonrpc":"2.0"', b'{"a":01}', b"\xff\xff", b'{"a":"\xff"}', b"{}{}"])
    def test_what_is_no_json(self, mcp, text):
        rpc = mcp.post(content=text, headers={"Content-Type": "application/json", "MCP-Protocol-Version": mcp.revision})
        assert_refused(rpc, 400, PARSE_ERROR)

    @pytest.mark.parametrize("text", [b"1", b"null", b'"text"', b"{}"])
    def test_what_is_json_and_no_message(self, mcp, text):
        rpc = mcp.post(content=text, headers={"Content-Type": "application/json", "MCP-Protocol-Version": mcp.revision})
        assert_refused(rpc, 400, INVALID_REQUEST)

    @pytest.mark.parametrize("depth", [600, 20_000])
    @pytest.mark.parametrize("brackets", ["[]", "{}"])
    def test_deep_nesting(self, gateway, mcp, depth, brackets):
        opened = "[" if brackets == "[]" else '{"a":'
        closed = brackets[1]
        text = f'{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"a":{opened * depth}1{closed * depth}}}}}'
        rpc = mcp.post(content=text, headers={"Content-Type": "application/json", "MCP-Protocol-Version": mcp.revision})
        assert_refused(rpc, 400, INVALID_REQUEST)
        assert gateway.api.get("/health/live").status_code == 200

    @pytest.mark.parametrize("kind", [None, "text/plain", "application/json-rpc", "application/x-www-form-urlencoded", ""])
    def test_another_media_type_is_415(self, mcp, kind):
        """A page of another site can send these without asking first."""
        message = mcp.message("tools/list")
        rpc = mcp.post(content=json.dumps(message), headers=mcp.headers(message) | {"Content-Type": kind})
        assert_refused(rpc, 415, INVALID_REQUEST, "Content-Type")

    def test_a_character_set_is_let_be(self, mcp):
        message = mcp.message("tools/list")
        headers = mcp.headers(message) | {"Content-Type": "Application/JSON; charset=utf-8"}
        assert mcp.post(content=json.dumps(message), headers=headers).result["tools"]

    @pytest.mark.parametrize("accept", ["text/event-stream", "text/html", "application/jsonl", "x"])
    def test_who_takes_no_json_is_406(self, mcp, accept):
        message = mcp.message("tools/list")
        assert_refused(mcp.post(json=message, headers=mcp.headers(message) | {"Accept": accept}), 406, INVALID_REQUEST, "Accept")

    @pytest.mark.parametrize("accept", [None, "*/*", "application/*;q=0.5", "text/event-stream, application/json"])
    def test_who_takes_json(self, mcp, accept):
        assert mcp.ask("tools/list", headers={"Accept": accept}).result["tools"]

    @pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"])
    def test_other_verbs_are_405(self, gateway, mcp, method):
        response = gateway.api.request(method, "/mcp", headers={"MCP-Protocol-Version": mcp.revision, "Accept": "text/event-stream"})
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"

    def test_a_session_that_a_client_believes_in_is_let_be(self, mcp):
        assert mcp.ask("tools/list", headers={"Mcp-Session-Id": "made-up"}).result["tools"]

    def test_the_list_has_one_page(self, mcp):
        assert_refused(mcp.ask("tools/list", cursor="next"), 200, INVALID_PARAMS, "cursor")
        assert mcp.ask("tools/list", cursor=None).result["tools"]

    def test_what_a_call_needs(self, mcp):
        for params, word in (({}, "name"), ({"name": 1}, "name"), ({"name": None}, "name")):
            message = mcp.message("tools/call", **params)
            rpc = mcp.post(json=message, headers=mcp.headers(mcp.message("tools/call", name="x")))
            assert_refused(rpc, 200, INVALID_PARAMS, word)
        for arguments in ([], "x", 1):
            assert_refused(mcp.ask("tools/call", name=ENDPOINT, arguments=arguments), 200, INVALID_PARAMS, "arguments")

    def test_null_is_none(self, mcp, older):
        assert older.post(json=older.message("tools/list") | {"params": None}, headers={"MCP-Protocol-Version": OLDER}).result["tools"]
        message = {"jsonrpc": "2.0", "method": "notifications/initialized", "params": None}
        assert mcp.post(json=message, headers=mcp.headers(message)).status == 202
        assert "session_token" in mcp.ask("tools/call", name=ENDPOINT, arguments=None).tool_error

    @pytest.mark.parametrize("name", ["websocket_dance", "", "WEBSOCKET_GET_ENDPOINT", f"{ENDPOINT}x"])
    def test_a_tool_that_is_not_there(self, mcp, name):
        assert_refused(mcp.ask("tools/call", name=name, arguments={}), 200, INVALID_PARAMS, "Unknown tool")

    def test_what_is_refused_is_counted(self, gateway, mcp):
        def refused():
            text = gateway.api.get("/metrics").text
            return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("gateway_mcp_refused_total"))

        before = refused()
        mcp.ask("tools/call", name="websocket_dance", arguments={})
        assert refused() == before + 1


def test_a_body_over_the_bound_is_413_and_said_as_the_protocol_says_it(gateway_factory, closing):
    """Before it is read: test_abuse.py."""
    mcp = closing(Mcp(gateway_factory("--api-body-bytes", "4KiB")))
    assert mcp.ask("tools/list").result["tools"]
    message = mcp.message("tools/list", padding="x" * 5000)
    assert mcp.post(json=message, headers=mcp.headers(message)).status == 413
