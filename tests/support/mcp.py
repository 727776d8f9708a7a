"""MCP by hand: messages as the specification has them, and every way to get them wrong."""

import itertools
from dataclasses import dataclass

import httpx

NEWER, OLDER = "2026-07-28", "2025-11-25"
# Those that begin with initialize, and all that are served.
LEGACY = (OLDER, "2025-06-18", "2025-03-26", "2024-11-05")
VERSIONS = [NEWER, *LEGACY]
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
META = {VERSION_KEY: NEWER, CAPABILITIES_KEY: {}}
BOTH_TYPES = "application/json, text/event-stream"

ENDPOINT = "websocket_get_endpoint"
PUBLISH = "websocket_publish_to_channel"
SEND = "websocket_send_to_connection"
SUBSCRIBE = "websocket_subscribe_to_channel"


@dataclass(frozen=True)
class Rpc:
    """An answer: its HTTP side and its JSON-RPC side."""

    response: httpx.Response

    @property
    def status(self):
        return self.response.status_code

    @property
    def body(self):
        return self.response.json()

    @property
    def code(self):
        return self.body["error"]["code"]

    @property
    def result(self):
        assert self.status == 200 and "result" in self.body, self.response.text
        return self.body["result"]

    @property
    def structured(self):
        assert self.result["isError"] is False, self.result
        return self.result["structuredContent"]

    @property
    def tool_error(self) -> str:
        assert self.result["isError"] is True, self.result
        assert "structuredContent" not in self.result
        return self.result["content"][0]["text"]


class Mcp:
    """One key's view of /mcp, in one revision."""

    def __init__(self, gateway, revision=NEWER, key=None):
        self.revision = revision
        self._ids = itertools.count(1)
        headers = {"Accept": BOTH_TYPES} | ({"Authorization": f"Bearer {key or gateway.api_key}"} if key != "" else {})
        self._http = httpx.Client(base_url=gateway.url, headers=headers, timeout=60, trust_env=False, verify=False)

    def close(self):
        self._http.close()

    def post(self, *, content=None, json=None, headers=None) -> Rpc:
        """As it stands; a header that is None is left out."""
        request = self._http.build_request("POST", "/mcp", content=content, json=json)
        for name, value in (headers or {}).items():
            request.headers.pop(name, None)
            if value is not None:
                request.headers[name] = value
        return Rpc(self._http.send(request))

    def post_lines(self, text, lines) -> Rpc:
        """With these header lines, some of them twice."""
        headers = [*self._http.headers.items(), ("Content-Type", "application/json"), *lines]
        return Rpc(self._http.send(httpx.Request("POST", self._http.base_url.join("/mcp"), headers=headers, content=text)))

    def wire(self, message) -> bytes:
        """The whole request, for a connection of one's own."""
        request = self._http.build_request("POST", "/mcp", json=message, headers=self.headers(message))
        lines = [b"POST /mcp HTTP/1.1", *(b": ".join(line) for line in request.headers.raw)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + request.content

    def message(self, method, **params) -> dict:
        if self.revision == NEWER:
            params |= {"_meta": META}
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}

    def headers(self, message) -> dict:
        """Those that the message has to come with."""
        headers = {"MCP-Protocol-Version": self.revision}
        if self.revision == NEWER:
            headers["Mcp-Method"] = message["method"]
            if message["method"] == "tools/call":
                headers["Mcp-Name"] = message["params"]["name"]
        return headers

    def ask(self, method, *, headers=None, **params) -> Rpc:
        message = self.message(method, **params)
        rpc = self.post(json=message, headers=self.headers(message) | (headers or {}))
        assert rpc.response.headers["content-type"] == "application/json"
        assert "mcp-session-id" not in rpc.response.headers
        if rpc.status not in (401, 403, 421, 429):
            assert rpc.body["jsonrpc"] == "2.0" and rpc.body["id"] == message["id"], rpc.body
        return rpc

    def call(self, tool, **arguments) -> Rpc:
        return self.ask("tools/call", name=tool, arguments=arguments)

    def poll(self, channel="guide", **arguments) -> dict:
        return self.call(SUBSCRIBE, channel=channel, **arguments).structured


def texts(page) -> list:
    """What the clients said whose messages a poll has brought."""
    return [envelope["message"]["payload"]["message"] for envelope in page["messages"]]
