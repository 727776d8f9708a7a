"""/openapi.json describes the service API, and every call it documents answers as it says."""

import json
import re

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from support.api import POST_OFFICE, SESSIONS
from support.chats import ChatStream, new_chat, user_message
from support.hook_server import SUBSCRIBE, SUBSCRIPTIONS
from support.jwt_secret import JWT_FLAGS
from support.runs import RUNS, Run, cursor, new_name
from support.wait import eventually

GATEWAY_FLAGS = ["--test-endpoints", "--presence", "guide", "--webhook-hosts", "127.0.0.1", *JWT_FLAGS]
REVOCATIONS = "/api/traffic-cop/revocations"
HEALTH = "/health/websocket-gateway"
WEBHOOK = {"channel": "pillar:content", "callback": "http://127.0.0.1:9/", "realm": "shop"}
TEST = "/api/test/websocket-gateway"


@pytest.fixture(scope="module")
def document(gateway):
    response = gateway.api_with(None).get("/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")
    return response.json()


@pytest.fixture(scope="module")
def registry(document):
    return Registry().with_resource("urn:openapi", Resource.from_contents(document, default_specification=DRAFT202012))


@pytest.fixture
def client(gateway):
    return gateway.connect(gateway.new_session(user_id="ada"))


def session(gateway):
    return gateway.new_session(user_id="ada")


def run_with(gateway, text="", ended=False, name=False):
    run = Run.create(gateway.api, **({"run_id": new_name()} if name else {}))
    if text:
        run.say(text)
    if ended:
        run.end()
    return run


def chat_with(gateway):
    """A chat whose answer is over, and the message."""
    body = {"id": new_chat(), "messages": [user_message()]}
    ChatStream(gateway.url, "/api/chat", {"channel": "guide"}, gateway.api_key, post=body).close()
    assert gateway.api.post(f"/api/chat/{body['id']}/stop?channel=guide").status_code == 202
    return body


def thread_with(gateway):
    """The same of AG-UI."""
    body = {"threadId": new_chat(), "runId": new_chat(), "messages": []}
    stream = ChatStream(gateway.url, "/ag-ui/agent/guide/run", {}, gateway.api_key, post=body)
    stream.close()
    assert gateway.api.post(f"/ag-ui/agent/guide/stop/{body['threadId']}").status_code == 202
    return body, stream.headers["Location"]


def stream_with(gateway, **headers):
    path = f"/v1/stream/{new_name()}"
    made = gateway.api.request("PUT", path, headers={"Content-Type": "application/json", **headers})
    assert made.status_code == 201, made.text
    return path


def webhook(gateway):
    return f"{SUBSCRIBE}/{gateway.api.post(SUBSCRIBE, WEBHOOK).json()['subscription_id']}"


def mcp_message(method, **params):
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


# For each documented call: requests, with the status that each must get.
CALLS = {
    ("POST", SESSIONS): [
        (
            201,
            lambda g, c: (SESSIONS, {"user_id": "ada", "session_type": "web", "context": {"a": 1}, "ttl_seconds": 60}),
        ),
        (201, lambda g, c: (SESSIONS, {"user_id": "ada", "session_type": None, "context": None, "ttl_seconds": 60.0})),
        (400, lambda g, c: (SESSIONS, {})),
        (409, lambda g, c: (SESSIONS, {"user_id": "ada", "session_id": session(g)})),
    ],
    ("GET", SESSIONS): [
        (200, lambda g, c: SESSIONS),
        (200, lambda g, c: f"{SESSIONS}?user_id=ada&tenant_id=&status=active&limit=1"),
        (400, lambda g, c: f"{SESSIONS}?status=happy"),
        (400, lambda g, c: f"{SESSIONS}?limit=501"),
    ],
    ("GET", SESSIONS + "/{}"): [
        (200, lambda g, c: f"{SESSIONS}/{session(g)}"),
        (404, lambda g, c: f"{SESSIONS}/nobody"),
    ],
    ("PATCH", SESSIONS + "/{}"): [
        (200, lambda g, c: (f"{SESSIONS}/{session(g)}", {"status": "suspended", "context": {}, "ttl_seconds": 5})),
        (200, lambda g, c: (f"{SESSIONS}/{session(g)}", {"status": None, "context": None, "ttl_seconds": None})),
        (400, lambda g, c: (f"{SESSIONS}/{session(g)}", {"status": "happy"})),
        (404, lambda g, c: (f"{SESSIONS}/nobody", {"status": "active"})),
    ],
    ("DELETE", SESSIONS + "/{}"): [
        (200, lambda g, c: f"{SESSIONS}/{session(g)}"),
        (404, lambda g, c: f"{SESSIONS}/nobody"),
    ],
    ("POST", SESSIONS + "/{}/validate"): [(200, lambda g, c: f"{SESSIONS}/{session(g)}/validate")],
    ("GET", SESSIONS + "/{}/websockets"): [
        (200, lambda g, c: f"{SESSIONS}/{session(g)}/websockets"),
        (404, lambda g, c: f"{SESSIONS}/nobody/websockets"),
    ],
    ("POST", REVOCATIONS): [
        (200, lambda g, c: (REVOCATIONS, {"sub": "auth0|ada", "jti": None})),
        (200, lambda g, c: (REVOCATIONS, {"jti": "t-1", "iss": "https://issuer.example", "tenant_id": "t"})),
        (400, lambda g, c: (REVOCATIONS, {"sub": "ada", "jti": "t-1"})),
        (400, lambda g, c: (REVOCATIONS, {"sub": "ada", "iss": "i"})),
    ],
    ("GET", f"{POST_OFFICE}/endpoint"): [
        (200, lambda g, c: f"{POST_OFFICE}/endpoint?session_token=x&realm=r"),
        (400, lambda g, c: f"{POST_OFFICE}/endpoint"),
    ],
    ("POST", f"{POST_OFFICE}/publish"): [
        (
            200,
            lambda g, c: (
                f"{POST_OFFICE}/publish",
                {"channel": "guide", "message": {}, "realm": "r", "tenant_id": "t"},
            ),
        ),
        (400, lambda g, c: (f"{POST_OFFICE}/publish", {})),
    ],
    ("POST", f"{POST_OFFICE}/send"): [
        (200, lambda g, c: (f"{POST_OFFICE}/send", {"connection_id": c.connection_id, "message": {}})),
        (200, lambda g, c: (f"{POST_OFFICE}/send", {"user_id": "ada", "message": {}})),
        (200, lambda g, c: (f"{POST_OFFICE}/send", {"user_id": "ada", "connection_id": None, "message": None})),
        (400, lambda g, c: (f"{POST_OFFICE}/send", {})),
        (400, lambda g, c: (f"{POST_OFFICE}/send", {"user_id": "ada", "session_ref": "x", "message": {}})),
        (404, lambda g, c: (f"{POST_OFFICE}/send", {"user_id": "nobody", "message": {}})),
    ],
    ("GET", f"{POST_OFFICE}/connections"): [
        (200, lambda g, c: f"{POST_OFFICE}/connections"),
        (200, lambda g, c: f"{POST_OFFICE}/connections?user_id=ada&channel=guide&instance={g.instance_id}&limit=1"),
        (400, lambda g, c: f"{POST_OFFICE}/connections?after=nowhere"),
        (404, lambda g, c: f"{POST_OFFICE}/connections?channel=nowhere"),
    ],
    ("POST", POST_OFFICE + "/connections/{}/disconnect"): [
        (200, lambda g, c: (f"{POST_OFFICE}/connections/{c.connection_id}/disconnect", {"code": 4010})),
        (400, lambda g, c: (f"{POST_OFFICE}/connections/{c.connection_id}/disconnect", {"code": 1008})),
        (404, lambda g, c: (f"{POST_OFFICE}/connections/ws_{'0' * 32}/disconnect", {})),
    ],
    ("POST", f"{POST_OFFICE}/disconnect"): [
        (200, lambda g, c: (f"{POST_OFFICE}/disconnect", {"connection_id": c.connection_id, "code": None})),
        (400, lambda g, c: (f"{POST_OFFICE}/disconnect", {})),
        (404, lambda g, c: (f"{POST_OFFICE}/disconnect", {"user_id": "nobody"})),
    ],
    ("GET", f"{POST_OFFICE}/instances"): [(200, lambda g, c: f"{POST_OFFICE}/instances")],
    ("GET", f"{POST_OFFICE}/subscribe"): [(400, lambda g, c: f"{POST_OFFICE}/subscribe")],
    ("POST", f"{POST_OFFICE}/ack"): [
        (200, lambda g, c: (f"{POST_OFFICE}/ack", {"channel": "guide", "group": "g", "ids": ["x"]})),
        (400, lambda g, c: (f"{POST_OFFICE}/ack", {})),
    ],
    ("POST", f"{POST_OFFICE}/working"): [
        (200, lambda g, c: (f"{POST_OFFICE}/working", {"channel": "guide", "group": "g", "ids": ["x"]})),
        (400, lambda g, c: (f"{POST_OFFICE}/working", {})),
    ],
    ("POST", SUBSCRIBE): [
        (201, lambda g, c: (SUBSCRIBE, WEBHOOK)),
        (201, lambda g, c: (SUBSCRIBE, WEBHOOK | {"max_in_flight": 1, "group": None, "tenant_id": "red"})),
        (400, lambda g, c: (SUBSCRIBE, WEBHOOK | {"callback": "ftp://127.0.0.1/"})),
        (400, lambda g, c: (SUBSCRIBE, WEBHOOK | {"max_in_flight": 0})),
        (404, lambda g, c: (SUBSCRIBE, WEBHOOK | {"channel": "nowhere"})),
    ],
    ("GET", SUBSCRIPTIONS): [(200, lambda g, c: SUBSCRIPTIONS)],
    ("GET", SUBSCRIBE + "/{}"): [
        (200, lambda g, c: webhook(g)),
        (404, lambda g, c: f"{SUBSCRIBE}/wh_none"),
    ],
    ("DELETE", SUBSCRIBE + "/{}"): [
        (200, lambda g, c: webhook(g)),
        (404, lambda g, c: f"{SUBSCRIBE}/wh_none"),
    ],
    ("POST", SUBSCRIBE + "/{}/secret"): [
        (200, lambda g, c: f"{webhook(g)}/secret"),
        (200, lambda g, c: (f"{webhook(g)}/secret", {"secret": None})),
        (400, lambda g, c: (f"{webhook(g)}/secret", {"secret": "x"})),
        (404, lambda g, c: f"{SUBSCRIBE}/wh_none/secret"),
    ],
    ("POST", RUNS): [
        (
            201,
            lambda g, c: (
                RUNS,
                {
                    "run_id": new_name(),
                    "channel": "guide",
                    "to": {"user_id": "ada"},
                    "tenant_id": "t",
                    "thread_id": "c1",
                    "format": "json",
                    "producer": "a:1",
                    "token": "t1",
                    "lease_ms": 2000,
                    "takeover_ms": 0,
                    "ttl_seconds": 1,
                    "bytes_max": 10,
                    "metadata": {},
                    "push": False,
                },
            ),
        ),
        (201, lambda g, c: (RUNS, {"channel": "guide", "producer": "a:1", "to": None, "thread_id": None})),
        (400, lambda g, c: (RUNS, {"channel": "guide"})),
        (400, lambda g, c: (RUNS, {"channel": "guide", "producer": "a:1", "run_id": "run_1"})),
        (409, lambda g, c: (RUNS, {"channel": "guide", "producer": "a:1", "run_id": run_with(g, "x", name=True).run_id})),
    ],
    ("GET", RUNS): [
        (200, lambda g, c: RUNS),
        (200, lambda g, c: f"{RUNS}?channel=guide&status=completed&limit=1"),
        (400, lambda g, c: f"{RUNS}?limit=0"),
        (404, lambda g, c: f"{RUNS}?channel=nowhere"),
    ],
    ("GET", RUNS + "/{}"): [
        (200, lambda g, c: run_with(g, "x").path),
        (200, lambda g, c: run_with(g, "x", ended=True).path + "?include=log&wait_ms=10"),
        (400, lambda g, c: run_with(g, "x").path + "?wait_ms=x"),
        (404, lambda g, c: f"{RUNS}/nobody"),
    ],
    ("DELETE", RUNS + "/{}"): [(200, lambda g, c: run_with(g, "x").path), (404, lambda g, c: f"{RUNS}/nobody")],
    ("POST", RUNS + "/{}/claim"): [
        (200, lambda g, c: (run_with(g, "x").path + "/claim", {"producer": "agent:1", "keep": "all", "include_text": True})),
        (200, lambda g, c: (run_with(g, "x").path + "/claim", {"producer": "b", "keep": 0, "epoch": 1, "force": True})),
        (400, lambda g, c: (run_with(g, "x").path + "/claim", {"producer": "b", "keep": "some"})),
        (404, lambda g, c: (f"{RUNS}/nobody/claim", {"producer": "b"})),
        (409, lambda g, c: (run_with(g, "x").path + "/claim", {"producer": "b"})),
    ],
    ("POST", RUNS + "/{}/append"): [
        (200, lambda g, c: (run_with(g).path + "/append", {"producer": "agent:1", "epoch": 1, "seq": 0, "text": "x"})),
        (
            200,
            lambda g, c: (
                run_with(g).path + "/append",
                {
                    "producer": "agent:1",
                    "epoch": 1,
                    "seq": 0,
                    "end": {"status": "failed", "error": {"code": "c", "message": "m"}, "result": [1]},
                },
            ),
        ),
        (400, lambda g, c: (run_with(g).path + "/append", {"producer": "agent:1", "epoch": 1, "seq": 0})),
        (404, lambda g, c: (f"{RUNS}/nobody/append", {"producer": "agent:1", "epoch": 1, "seq": 0, "text": "x"})),
        (409, lambda g, c: (run_with(g).path + "/append", {"producer": "agent:1", "epoch": 1, "seq": 1, "text": "x"})),
    ],
    ("POST", RUNS + "/{}/end"): [
        (
            200,
            lambda g, c: (
                run_with(g).path + "/end",
                {"producer": "agent:1", "epoch": 1, "seq": 0, "end": {"status": "completed"}},
            ),
        ),
        (400, lambda g, c: (run_with(g).path + "/end", {"producer": "agent:1", "epoch": 1, "seq": 0})),
        (404, lambda g, c: (f"{RUNS}/nobody/end", {"producer": "a", "epoch": 1, "seq": 0, "end": {"status": "failed"}})),
    ],
    ("POST", RUNS + "/{}/heartbeat"): [
        (200, lambda g, c: (run_with(g).path + "/heartbeat", {"producer": "agent:1", "epoch": 1, "wait_ms": 1})),
        (400, lambda g, c: (run_with(g).path + "/heartbeat", {"producer": "agent:1", "epoch": 1, "wait_ms": 60001})),
        (404, lambda g, c: (f"{RUNS}/nobody/heartbeat", {"producer": "agent:1", "epoch": 1})),
    ],
    ("POST", RUNS + "/{}/cancel"): [
        (202, lambda g, c: (run_with(g).path + "/cancel", {"reason": "enough"})),
        (202, lambda g, c: (run_with(g).path + "/cancel", {})),
        (400, lambda g, c: (run_with(g).path + "/cancel", {"reason": 1})),
        (404, lambda g, c: (f"{RUNS}/nobody/cancel", {})),
    ],
    ("GET", "/v1/stream/{}"): [
        (200, lambda g, c: f"/v1/stream/{run_with(g, 'x').run_id}?offset=-1"),
        (200, lambda g, c: f"/v1/stream/{run_with(g, 'x', ended=True).run_id}?live=sse"),
        (400, lambda g, c: f"/v1/stream/{run_with(g, 'x').run_id}?offset=x"),
        (404, lambda g, c: "/v1/stream/nobody"),
        (410, lambda g, c: f"/v1/stream/{run_with(g, 'x').run_id}?offset={cursor(1, b'y')}"),
    ],
    ("POST", "/api/chat"): [
        (200, lambda g, c: ("/api/chat?channel=guide", chat_with(g))),
        (400, lambda g, c: ("/api/chat?channel=guide", {"messages": []})),
        (404, lambda g, c: ("/api/chat?channel=nobodys", {"messages": [user_message()]})),
    ],
    ("GET", "/api/chat/{}/stream"): [
        (200, lambda g, c: f"/api/chat/{chat_with(g)['id']}/stream?channel=guide"),
        (204, lambda g, c: f"/api/chat/{new_chat()}/stream?channel=guide"),
        (404, lambda g, c: f"/api/chat/run_{'0' * 32}/stream"),
        (409, lambda g, c: f"/api/chat/{run_with(g, 'x').run_id}/stream"),
    ],
    ("POST", "/api/chat/{}/stop"): [
        (202, lambda g, c: f"/api/chat/{chat_with(g)['id']}/stop?channel=guide"),
        (404, lambda g, c: f"/api/chat/{new_chat()}/stop?channel=guide"),
    ],
    ("POST", "/ag-ui/agent/{}/run"): [
        (200, lambda g, c: ("/ag-ui/agent/guide/run", thread_with(g)[0])),
        (400, lambda g, c: ("/ag-ui/agent/guide/run", {"threadId": "t"})),
    ],
    ("GET", "/ag-ui/agent/{}/run/{}"): [
        (200, lambda g, c: thread_with(g)[1]),
        (404, lambda g, c: f"/ag-ui/agent/guide/run/run_{'0' * 32}"),
    ],
    ("POST", "/ag-ui/agent/{}/connect"): [
        (200, lambda g, c: ("/ag-ui/agent/guide/connect", {"threadId": thread_with(g)[0]["threadId"]})),
        (400, lambda g, c: ("/ag-ui/agent/guide/connect", {})),
    ],
    ("POST", "/ag-ui/agent/{}/stop/{}"): [
        (202, lambda g, c: f"/ag-ui/agent/guide/stop/{thread_with(g)[0]['threadId']}"),
        (404, lambda g, c: "/ag-ui/agent/guide/stop/nobodys"),
    ],
    ("GET", "/ag-ui/info"): [(200, lambda g, c: "/ag-ui/info")],
    ("PUT", "/v1/stream/{}"): [
        (201, lambda g, c: (f"/v1/stream/{new_name()}", [{"a": 1}])),
        (200, lambda g, c: (stream_with(g), [])),
        (400, lambda g, c: "/v1/stream/run_mine"),
        (409, lambda g, c: f"/v1/stream/{run_with(g, name=True).run_id}"),
    ],
    ("POST", "/v1/stream/{}"): [
        (204, lambda g, c: (stream_with(g), {"a": 1})),
        (400, lambda g, c: stream_with(g)),
        (404, lambda g, c: ("/v1/stream/nobody", {})),
        (409, lambda g, c: (stream_with(g, **{"Stream-Closed": "true"}), {"a": 1})),
    ],
    ("DELETE", "/v1/stream/{}"): [
        (204, lambda g, c: stream_with(g)),
        (404, lambda g, c: "/v1/stream/nobody"),
        (409, lambda g, c: f"/v1/stream/{run_with(g).run_id}"),
    ],
    ("GET", POST_OFFICE + "/connections/{}"): [
        (200, lambda g, c: f"{POST_OFFICE}/connections/{c.connection_id}"),
        (404, lambda g, c: f"{POST_OFFICE}/connections/ws_{'0' * 32}"),
    ],
    ("GET", POST_OFFICE + "/channels/{}/connections"): [
        (200, lambda g, c: f"{POST_OFFICE}/channels/guide/connections")
    ],
    ("GET", POST_OFFICE + "/channels/{}/presence"): [
        (200, lambda g, c: f"{POST_OFFICE}/channels/guide/presence"),
        (409, lambda g, c: f"{POST_OFFICE}/channels/pillar:content/presence"),
    ],
    ("GET", f"{POST_OFFICE}/connection-count"): [(200, lambda g, c: f"{POST_OFFICE}/connection-count")],
    ("GET", f"{POST_OFFICE}/backpressure"): [(200, lambda g, c: f"{POST_OFFICE}/backpressure")],
    ("POST", "/mcp"): [
        (200, lambda g, c: ("/mcp", mcp_message("initialize", protocolVersion="2025-11-25"))),
        (202, lambda g, c: ("/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"})),
        (400, lambda g, c: ("/mcp", [])),
    ],
    ("GET", HEALTH): [(200, lambda g, c: HEALTH)],
    ("GET", f"/api{HEALTH}"): [(200, lambda g, c: f"/api{HEALTH}")],
    ("GET", f"{HEALTH}/detailed"): [(200, lambda g, c: f"{HEALTH}/detailed")],
    ("GET", f"/api{HEALTH}/detailed"): [(200, lambda g, c: f"/api{HEALTH}/detailed")],
    ("GET", "/health/live"): [(200, lambda g, c: "/health/live")],
    ("GET", "/metrics"): [(200, lambda g, c: "/metrics")],
    ("GET", "/openapi.json"): [(200, lambda g, c: "/openapi.json")],
    ("POST", "/api/admin/reload"): [(200, lambda g, c: ("/api/admin/reload", None))],
    ("GET", "/asyncapi.json"): [(200, lambda g, c: "/asyncapi.json")],
    ("GET", "/ws"): [(426, lambda g, c: "/ws")],
    # A key is no session: it is told so, and the stream ends.
    ("GET", "/connection/sse"): [(200, lambda g, c: "/connection/sse"), (400, lambda g, c: "/connection/sse?runs=2")],
    ("POST", "/connection/sse"): [(200, lambda g, c: "/connection/sse"), (400, lambda g, c: "/connection/sse?runs=2")],
    ("POST", "/connection/send"): [(401, lambda g, c: "/connection/send?seq=1")],
    ("GET", "/"): [(200, lambda g, c: "/")],
    ("GET", TEST + "/connection/{}"): [(200, lambda g, c: f"{TEST}/connection/{c.connection_id}")],
    ("GET", TEST + "/channel/{}/connections"): [(200, lambda g, c: f"{TEST}/channel/guide/connections")],
    ("GET", f"{TEST}/connection-count"): [(200, lambda g, c: f"{TEST}/connection-count")],
}

# These must be documented. The rest of the table may be.
PROMISED = {call for call in CALLS if call[1].startswith((SESSIONS, REVOCATIONS, POST_OFFICE, RUNS, "/v1", "/api/chat", "/ag-ui", "/mcp", "/api/admin", "/health", "/metrics"))}


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "patch", "put", "delete"):
                yield (method.upper(), re.sub(r"\{[^}]*\}", "{}", path)), operation


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json"])
def test_no_member_of_a_document_stands_there_twice(gateway, path):
    """Readers keep one of the two, and not all the same."""

    def unique(members):
        names = [name for name, _ in members]
        assert len(names) == len(set(names)), names
        return dict(members)

    json.loads(gateway.api_with(None).get(path).text, object_pairs_hook=unique)


def test_the_document_is_openapi_3_1(document):
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_it_documents_every_call_and_nothing_that_is_not_tried_here(document):
    documented = {call for call, _ in operations(document)}
    assert documented >= PROMISED, f"not documented: {PROMISED - documented}"
    assert documented <= set(CALLS), f"not tried: {documented - set(CALLS)}"


def test_every_call_has_an_id_and_says_how_to_authenticate(document):
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for (_, path), operation in operations(document):
        if path.startswith((SESSIONS, REVOCATIONS, POST_OFFICE, RUNS)):
            assert operation.get("security", document.get("security")), path
            assert "401" in operation["responses"] and "403" in operation["responses"], path


def resolve(document, node):
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def check(document, registry, operation, response):
    """The status is documented, and the body is of the documented kind and form."""
    documented = operation["responses"]
    assert str(response.status_code) in documented, f"{response.status_code} is not documented"
    content = resolve(document, documented[str(response.status_code)]).get("content", {})
    if not response.content:
        # Of what was made it is told what type it has.
        assert not content and ("content-type" not in response.headers or operation["operationId"] == "makeStream")
        return
    kind = response.headers["content-type"].split(";")[0]
    assert kind in content, f"{kind} is not documented"
    if kind == "application/json":
        schema = absolute(content[kind]["schema"])
        OAS31Validator(schema, registry=registry).validate(response.json())


def absolute(node):
    """The same schema with its references pointing into the document from outside."""
    if isinstance(node, dict):
        return {k: "urn:openapi" + v if k == "$ref" and v.startswith("#") else absolute(v) for k, v in node.items()}
    return [absolute(item) for item in node] if isinstance(node, list) else node


def is_a_body(document, registry, operation, body):
    request = resolve(document, operation["requestBody"])["content"]["application/json"]["schema"]
    return OAS31Validator(absolute(request), registry=registry).is_valid(body)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_call_answers_as_documented(gateway, client, document, registry, call):
    found = dict(operations(document)).get(call)
    if found is None:
        assert call not in PROMISED
        return
    eventually(lambda: gateway.api.connection_record(client.connection_id).status_code == 200)
    method, _ = call
    for status, prepare in CALLS[call]:
        prepared = prepare(gateway, client)
        path, body = prepared if isinstance(prepared, tuple) else (prepared, None)
        response = gateway.api.request(method, path, **({"json": body} if body is not None else {}))
        assert response.status_code == status, response.text
        check(document, registry, found, response)
        if body is not None and status != 404 and status != 409:
            assert is_a_body(document, registry, found, body) == (status < 400), body


def test_an_open_stream_is_documented_as_one(gateway, document):
    (operation,) = [
        operation for call, operation in operations(document) if call == ("GET", f"{POST_OFFICE}/subscribe")
    ]
    assert "text/event-stream" in operation["responses"]["200"]["content"]
    assert {p["name"] for p in (resolve(document, p) for p in operation["parameters"])} == {"channel", "group"}
    assert gateway.subscribe("guide").headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_errors_have_the_documented_form(gateway, document, registry, status):
    response = {
        401: lambda: gateway.api_with(None).get(f"{SESSIONS}/x"),
        403: lambda: gateway.api_with("wrong").get(f"{SESSIONS}/x"),
        404: lambda: gateway.api.get(f"{SESSIONS}/nobody"),
        405: lambda: gateway.api.request("PUT", f"{SESSIONS}/x"),
    }[status]()
    operation = dict(operations(document))[("GET", SESSIONS + "/{}")]
    schema = resolve(document, operation["responses"]["404"])["content"]["application/json"]["schema"]
    OAS31Validator(absolute(schema), registry=registry).validate(response.json())
    assert response.status_code == (401 if status == 403 else status)
