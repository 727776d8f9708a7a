"""Pages of other origins at the addresses of runs, and clients without a session."""

import uuid

import pytest

from support.api import assert_refused
from support.chats import AiSdk, answer_to, new_chat, text_of, user_message
from support.gateway import Gateway

ALLOWED = "https://app.example.org"
ADDRESSES = [
    ("POST", "/api/chat?channel=guide"),
    ("GET", "/api/chat/nobodys/stream"),
    ("POST", "/api/chat/nobodys/stop"),
    ("POST", "/ag-ui/agent/guide/run"),
    ("GET", "/ag-ui/agent/guide/run/run_x"),
    ("POST", "/ag-ui/agent/guide/connect"),
    ("POST", "/ag-ui/agent/guide/stop/t"),
    ("GET", "/ag-ui/info"),
]


@pytest.fixture(scope="module")
def gateway():
    with Gateway("--allowed-origin", ALLOWED, "--session-policy", "optional", "--anonymous-channels", "guide") as started:
        yield started


@pytest.fixture
def agent(gateway):
    return gateway.subscribe("guide")


@pytest.fixture
def stranger(gateway, closing):
    return AiSdk(gateway, closing)


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_a_page_asks_for_leave_first(gateway, method, path):
    asked = {"Origin": ALLOWED, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"}
    leave = gateway.api_with(None).request("OPTIONS", path, headers=asked)
    assert leave.status_code == 204
    assert leave.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert method in leave.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in leave.headers["Access-Control-Allow-Headers"]
    answer = gateway.api_with(None).request(method, path, headers={"Origin": ALLOWED}, json={} if method == "POST" else None)
    assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED
    exposed = answer.headers["Access-Control-Expose-Headers"].lower()
    for name in ("location", "x-workflow-run-id", "x-workflow-stream-tail-index", "retry-after"):
        assert name in exposed


@pytest.mark.parametrize("origin", [{}, {"Origin": "https://evil.example"}, {"Origin": ALLOWED}])
def test_what_is_kept_is_kept_for_one_origin(gateway, origin):
    assert gateway.api_with(None).get("/ag-ui/info", headers=origin).headers["Vary"] == "Origin"


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_a_page_of_a_foreign_origin_is_refused(gateway, method, path):
    foreign = {"Origin": "https://evil.example"}
    leave = gateway.api_with(None).request("OPTIONS", path, headers=foreign | {"Access-Control-Request-Method": method})
    assert "Access-Control-Allow-Origin" not in leave.headers
    body = {} if method == "POST" else None
    assert_refused(gateway.api_with(None).request(method, path, headers=foreign, json=body), 403, "origin_not_allowed")


class TestStrangers:
    def test_a_chat_whose_name_is_a_secret(self, gateway, agent, stranger, closing):
        chat, message = new_chat(), user_message()
        run_id = stranger.send(chat, message).headers["x-workflow-run-id"]
        answer = answer_to(gateway, agent)
        assert answer.envelope["user_id"] is None
        answer.say("hello")
        again = stranger.send(chat, message)
        resumed = stranger.resume(chat)
        answer.end()
        assert again.headers["x-workflow-run-id"] == run_id
        assert text_of(again.chunks()) == text_of(resumed.chunks()) == "hello"
        # Somebody with a session is somebody else.
        ada = AiSdk(gateway, closing, gateway.new_session(user_id="ada"))
        assert ada.resume(chat).status == 204

    def test_one_that_others_could_guess_is_nobodys(self, gateway, agent, stranger):
        message = user_message(message_id="m1")
        ids = [stranger.send("short", message).headers["x-workflow-run-id"] for _ in range(2)]
        assert ids[0] != ids[1]
        assert stranger.resume("short").status == 204

    def test_a_run_id_that_others_could_guess_names_no_run(self, gateway, agent):
        def run(run_id):
            body = {"threadId": f"t-{uuid.uuid4().hex}", "runId": run_id, "messages": []}
            with gateway.api_with(None)._http.stream("POST", "/ag-ui/agent/guide/run", json=body) as response:
                return response.headers["Location"]

        assert run("r1") != run("r1")
        secret = uuid.uuid4().hex
        assert run(secret) == run(secret)
