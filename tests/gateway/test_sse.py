"""Clients whose WebSockets are blocked: messages come as events, and go as POSTs. The rest is as over /ws."""

import json
import queue
import time

import pytest

from support.gateway import Gateway, run_to_exit
from support.peer import TEXT, frame
from support.runs import Run
from support.sse_client import SEND, STREAM, SseClient
from support.wait import eventually

PAGE = "https://app.example.org"


@pytest.fixture(scope="module")
def gateway():
    flags = ["--allowed-origin", PAGE, "--cookie", "__Host-session", "--heartbeat-interval", "1", "--max-message-bytes", "2000"]
    with Gateway(*flags) as gateway:
        yield gateway


@pytest.fixture
def client(gateway):
    return gateway.connect_by_events()


def refused(gateway, token, **options):
    """The close that a connection gets instead of its welcome."""
    client = SseClient(gateway.url, token, **options)
    assert client.stream.status == 200
    return client.closed()


# The stream


def test_it_is_no_answer_to_be_kept_or_held_back(client):
    headers = client.stream.headers
    assert headers["Content-Type"] == "text/event-stream"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["Vary"] == "Origin" and headers["Date"]


def test_a_question_and_its_answer(gateway, client):
    agent = gateway.subscribe("guide")
    asked = {"channel": "guide", "intent": "query", "payload": {"message": "a\nb\r\u2028 ü", "conversation_id": "c"}}
    text = json.dumps(asked, ensure_ascii=False)
    assert client.ask(text[:-1] + ', "id":"1"}')["status"] == "published"
    envelope = agent.next_from(client).json()
    assert envelope["message"] == asked | {"id": "1"}
    gateway.api.send({"a": "x\ny", "b": [1, "ü"]}, connection_id=client.connection_id)
    assert client.receive() == {"a": "x\ny", "b": [1, "ü"]}
    gateway.api.publish("guide", {"to": "all"})
    assert client.receive() == {"to": "all"}


def test_line_ends_between_tokens_are_one_event(gateway, client):
    text = '{"connection_id":"%s","message":{\r\n"event"\r:\n"close"}}' % client.connection_id
    sent = gateway.api.request("POST", "/api/post-office/websocket/send", content=text)
    assert sent.status_code == 200
    event = client.stream.next()
    assert (event.event, event.json()) == ("message", {"event": "close"})


def test_a_run_of_its_answer(gateway):
    session = gateway.new_session(user_id="reader")
    client = gateway.connect_by_events(session)
    agent = gateway.subscribe("guide")
    client.send({"channel": "guide", "payload": {"message": "x"}, "run": {}, "id": "q"})
    ack = client.receive()
    assert (ack["type"], ack["status"]) == ("ack", "published")
    run = Run(gateway.api, ack["run_id"], "agent:2")
    agent.close()
    assert client.receive()["event"] == "top"
    run.epoch = run.claim().json()["epoch"]
    run.append("Hello ")
    run.append("world")
    run.end()
    text = ""
    while (message := client.receive())["event"] != "end":
        text += message.get("text", "")
    assert text == "Hello world"


def test_it_goes_on_in_a_websocket_where_it_was(gateway):
    """One client, whichever way it comes: ids and runs are its own."""
    session = gateway.new_session(user_id="switches")
    agent = gateway.subscribe("guide")
    first = gateway.connect_by_events(session, query={"client_id": "tab"})
    assert first.say(id="once")["status"] == "published"
    first.close()
    second = gateway.connect(session, query="&client_id=tab")
    assert second.say(id="once")["status"] == "duplicate"
    agent.next()
    agent.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_either_method_opens_it(gateway, method):
    assert gateway.connect_by_events(method=method).welcome["send_token"]


def test_a_websocket_has_no_send_token(gateway):
    assert "send_token" not in gateway.connect().welcome


# Who may come in


def test_the_token_stands_where_it_may_for_a_websocket(gateway):
    session = gateway.new_session(user_id="anywhere")
    own = f"http://{gateway.host}:{gateway.port}"
    ways = [
        {"query": {"session_token": session}},
        {"query": {"token": session}},
        {"headers": {"Authorization": f"Bearer {session}"}},
        {"headers": {"Cookie": f"__Host-session={session}", "Origin": PAGE}},
        {"headers": {"Cookie": f"__Host-session={session}", "Origin": own}},
    ]
    for way in ways:
        client = SseClient.open(gateway.url, **way)
        record = gateway.api.connection_record(client.connection_id).json()["connection"]
        assert record["user_id"] == "anywhere", way
        client.close()
        eventually(lambda: gateway.api.connection_count()["per_user"].get("anywhere", 0) == 0)


@pytest.mark.parametrize("token", ["", "null", "nobodys-session-0123"])
def test_no_session_is_told_in_an_event(gateway, token):
    assert refused(gateway, token) == (4001, "invalid session")


def test_the_limit_of_a_user_counts_both_kinds(gateway):
    session = gateway.new_session(user_id="many")
    kept = [gateway.connect(session) for _ in range(3)] + [gateway.connect_by_events(session) for _ in range(2)]
    assert refused(gateway, session) == (4004, "Connection limit exceeded")
    kept[4].close()
    eventually(lambda: gateway.api.connection_count()["per_user"]["many"] == 4)
    gateway.connect_by_events(session)


def test_the_same_client_takes_its_own_place(gateway):
    session = gateway.new_session(user_id="same")
    tabs = [gateway.connect_by_events(session, query={"client_id": f"tab{n}"}) for n in range(5)]
    gateway.connect(session, query="&client_id=tab2")
    assert tabs[2].closed() == (4010, "replaced")


def test_a_full_instance_says_so():
    with Gateway("--max-connections", "1") as small:
        small.connect_by_events()
        assert refused(small, small.new_session(user_id="late")) == (4005, "Server at capacity")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Cookie": "__Host-session=s"}, 403),
        ({"Cookie": "__Host-session=s", "Origin": "https://evil.example"}, 403),
        ({"Expect": "200-ok"}, 417),
    ],
)
def test_a_page_that_may_not_gets_a_status(gateway, fields, status):
    assert SseClient(gateway.url, headers=fields).stream.status == status


@pytest.mark.parametrize("query", [{"client_id": "a/b"}, {"runs": "2"}, {"protocol": "ai-sdk"}, {"protocol": "x"}])
def test_what_the_query_may_not_say(gateway, query):
    assert SseClient(gateway.url, gateway.new_session(), query=query).stream.status == 400


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("PUT", [], 405),
        ("HEAD", [], 405),
        ("OPTIONS", [], 405),
        ("POST", [("Content-Length", "5")], 413),
        ("POST", [("Transfer-Encoding", "chunked")], 413),
        ("POST", [("Content-Length", "0"), ("Transfer-Encoding", "chunked")], 400),
    ],
)
def test_a_stream_is_asked_for_without_a_body(gateway, method, fields, status):
    peer = gateway.peer()
    host = ("Host", f"{gateway.host}:{gateway.port}")
    lines = [f"{method} {STREAM} HTTP/1.1", *(f"{name}: {value}" for name, value in [host, *fields])]
    peer.send("\r\n".join([*lines, "", "hello"]).encode())
    assert peer.response(head=method == "HEAD").status == status


def test_those_without_a_session_are_bounded_by_address():
    flags = ["--session-policy", "optional", "--max-connections-per-address", "4", "--shards", "1", "--trusted-proxy", "127.0.0.1"]
    with Gateway(*flags) as open_to_all:
        there = {"X-Forwarded-For": "203.0.113.7"}
        kept = [SseClient.open(open_to_all.url, headers=there) for _ in range(4)]
        assert SseClient(open_to_all.url, headers=there).stream.status == 429
        assert SseClient.open(open_to_all.url, headers={"X-Forwarded-For": "203.0.113.8"}).welcome
        kept[0].close()
        eventually(lambda: SseClient(open_to_all.url, headers=there).stream.status == 200)


def test_the_first_message_may_say_who_it_is():
    with Gateway("--session-policy", "optional", "--anonymous-channels", "guide") as open_to_all:
        client = open_to_all.connect_by_events("")
        assert client.ask({"type": "subscribe", "channel": "pillar:content"})["code"] == "forbidden_channel"
        session = open_to_all.new_session(user_id="ada")
        assert client.ask({"type": "authenticate", "session_token": session})["type"] == "authenticated"
        assert client.ask({"type": "subscribe", "channel": "pillar:content"})["status"] == "ok"


# The life of a connection


def test_the_end_of_a_session_ends_it(gateway):
    session = gateway.new_session(user_id="ends")
    client = gateway.connect_by_events(session)
    gateway.api.delete_session(session)
    assert client.closed() == (4003, "session ended")


def test_a_drain_says_when_to_come_back():
    with Gateway() as ending:
        client = SseClient.open(ending.url, ending.new_session())
        ending.terminate()
        assert client.receive()["event"] == "draining"
        assert client.closed()[0] == 1012
        ending.wait_exit()


def test_heartbeats_are_a_message_and_a_comment(client):
    event = client.stream.next()
    assert event.json()["type"] == "ping"
    assert client.stream.comments


def test_what_it_posts_is_its_sign_of_life():
    with Gateway("--heartbeat-interval", "1", "--idle-timeout", "3") as impatient:
        silent, lively = impatient.connect_by_events(), impatient.connect_by_events()
        began = time.monotonic()
        while time.monotonic() - began < 5:
            with_timeout = lively.stream.next(timeout=3)
            assert with_timeout.json()["type"] == "ping", with_timeout
            lively.send({"type": "pong"})
        assert silent.closed() == (4009, "Connection evicted (stale)")


def test_a_slow_reader_is_closed():
    with Gateway("--outbox-bytes", "65536") as small:
        client = SseClient(small.url, small.new_session(), stalled=True)
        eventually(lambda: small.connection_count() == 1)
        for _ in range(400):
            small.api.publish("guide", {"fill": "x" * 10_000})
            if small.connection_count() == 0:
                break
        eventually(lambda: small.connection_count() == 0)
        client.stream.read()
        assert client.closed() == (4008, "Slow consumer")


def test_a_client_that_leaves_is_forgotten(gateway, client):
    client.stream.close()
    eventually(lambda: gateway.api.connection_record(client.connection_id).status_code == 404)
    assert client.post('{"type":"ping"}').status_code == 404


def test_what_it_writes_on_its_stream_is_nothing(gateway):
    peer = gateway.peer()
    session = gateway.new_session(user_id="chatty")
    ask = f"GET {STREAM}?session_token={session} HTTP/1.1\r\nHost: {gateway.host}:{gateway.port}\r\n\r\n"
    frames = frame(TEXT, '{"channel":"guide","payload":{},"id":"x"}') * 100
    peer.send(ask.encode() + frames)
    eventually(lambda: gateway.api.connection_count()["per_user"].get("chatty") == 1)
    peer.send(frames)
    gateway.api.send({"still": "here"}, user_id="chatty")
    seen = b""
    while b'data: {"still":"here"}\n\n' not in seen:
        seen += peer.take(1)
    assert b'"ack"' not in seen


# What it posts


def test_several_messages_in_one_post(gateway, client):
    agent = gateway.subscribe("guide")
    lines = [json.dumps({"channel": "guide", "payload": {"n": n}, "id": str(n)}) for n in range(5)]
    answer = client.post("\n".join(lines) + "\r\n\n", headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "next": 2})
    assert [client.receive()["id"] for _ in range(5)] == list("01234")
    assert [agent.next_from(client).json()["message"]["payload"]["n"] for _ in range(5)] == list(range(5))


def test_else_a_body_is_one_message(client):
    assert client.ask('{"type":\n"ping"}')["type"] == "pong"
    assert client.ask('{"type":"ping"}\n{"type":"ping"}')["code"] == "invalid_json"


@pytest.mark.parametrize(("text", "code"), [("{", "invalid_json"), ("[]", "invalid_message"), ('{"channel":"x","payload":{}}', "unknown_channel")])
def test_errors_are_those_of_a_websocket(client, text, code):
    answer = client.ask(text)
    assert (answer["type"], answer["code"]) == ("error", code)


def test_each_is_taken_once_and_in_order(gateway, client):
    agent = gateway.subscribe("guide")

    def say(sequence, n):
        return client.post(json.dumps({"channel": "guide", "payload": {"n": n}}), sequence=sequence)

    assert say(2, "early").json() | {"error": ""} == {"success": False, "error": "", "code": "out_of_order", "next": 1}
    assert say(2, "early").status_code == 409
    assert say(1, "first").json()["next"] == 2
    assert say(1, "again").json()["next"] == 2
    assert say(2, "second").json()["next"] == 3
    assert say(1, "long ago").status_code == 200
    assert [agent.next_from(client).json()["message"]["payload"]["n"] for _ in range(2)] == ["first", "second"]
    with pytest.raises(queue.Empty):
        agent.next(timeout=0.2)


@pytest.mark.parametrize("seq", ["", "0", "-1", "1.5", "x", "18446744073709551616", "1 "])
def test_a_number_is_wanted(client, seq):
    answer = client.post("{}", sequence=seq)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")


def test_a_body_is_wanted(client):
    assert client.post("", sequence=1).status_code == 400
    assert client.post(b'{"a":"\xff"}', sequence=1).status_code == 400
    assert client.post('{"type":"ping"}', sequence=1).status_code == 200


def test_the_bound_of_a_message_is_the_websockets(client):
    message = json.dumps({"channel": "guide", "payload": {"x": ""}})
    fill = "x" * (2000 - len(message))
    assert client.post(message.replace('""', f'"{fill}"'), sequence=1).status_code == 200
    assert client.post(message.replace('""', f'"{fill}y"'), sequence=2).status_code == 413
    assert client.post('{"type":"ping"}', sequence=2).status_code == 200


def test_who_has_no_token_or_a_wrong_one(gateway, client):
    other = gateway.connect_by_events()
    mine, theirs = client.send_token, other.send_token
    wrong = mine[:32] + theirs[32:]  # their secret for my connection
    for token, status in [("", 401), ("x", 401), (mine[:-1] + "!", 401), (wrong, 404), (mine.split(".")[0] + ".another-instance", 404)]:
        answer = client.post('{"type":"ping"}', sequence=1, token=token)
        assert answer.status_code == status, token
    gone = gateway.connect_by_events()
    gone.close()
    eventually(lambda: client.post("{}", sequence=1, token=gone.send_token).status_code == 404)
    assert client.post("{}", sequence=1, token=gone.send_token).json() == client.post("{}", sequence=1, token=wrong).json()
    client.assert_silent()
    other.assert_silent()


def test_guesses_of_streams_elsewhere_slow_down():
    """Each costs a round trip to another instance; who has a stream here is not asked about them."""
    with Gateway("--trusted-proxy", "127.0.0.1") as asked:
        there = {"X-Forwarded-For": "203.0.113.7"}
        client = asked.connect_by_events()
        elsewhere = client.send_token.split(".")[0] + ".another-instance"
        answers = [client.post("{}", sequence=1, token=elsewhere, headers=there).status_code for _ in range(25)]
        assert answers[:20] == [404] * 20 and answers[-1] == 429
        assert client.post('{"type":"ping"}', sequence=1, headers=there).status_code == 200
        assert client.post("{}", sequence=1, token=elsewhere, headers={"X-Forwarded-For": "203.0.113.8"}).status_code == 404


def test_an_api_key_or_a_session_is_no_send_token(gateway, client):
    session = gateway.new_session()
    for token in (gateway.api_key, session):
        assert client.post('{"type":"ping"}', sequence=1, token=token).status_code == 401


def test_after_its_close_nothing_is_taken(gateway):
    session = gateway.new_session(user_id="closed")
    client = gateway.connect_by_events(session)
    gateway.api.delete_session(session)
    assert client.closed()[0] == 4003
    answer = client.post('{"type":"ping"}')
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_half_a_body_is_nothing(gateway, client):
    peer = gateway.peer()
    head = f"POST {SEND}?seq=1 HTTP/1.1\r\nHost: {gateway.host}:{gateway.port}\r\nAuthorization: Bearer {client.send_token}\r\nContent-Length: 100\r\n\r\n"
    peer.send(head.encode() + b'{"type":"ping"}')
    peer.close()
    client.assert_silent()


def test_above_the_rate_nothing_is_lost():
    with Gateway("--message-rate", "20", "--message-burst", "10") as slow:
        agent = slow.subscribe("guide")
        client = slow.connect_by_events()
        lines = [json.dumps({"channel": "guide", "payload": {"n": n}}) for n in range(20)]
        assert client.post("\n".join(lines), headers={"Content-Type": "application/x-ndjson"}).status_code == 200
        refused = client.post('{"type":"ping"}')
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert [agent.next().json()["message"]["payload"]["n"] for _ in range(20)] == list(range(20))
        eventually(lambda: client.post('{"type":"ping"}', sequence=2).status_code == 200)
        assert client.receive()["type"] == "pong"


def test_above_the_rate_it_may_be_closed():
    with Gateway("--message-rate", "5", "--message-burst", "2", "--rate-action", "close") as strict:
        client = strict.connect_by_events()
        for _ in range(3):
            client.send({"channel": "guide", "payload": {}, "id": "x"})
        kinds = [client.receive() for _ in range(3)]
        assert kinds[2]["code"] == "rate_limited"


# Pages of other origins


@pytest.mark.parametrize(("path", "method"), [(STREAM, "GET"), (STREAM, "POST"), (SEND, "POST")])
def test_a_page_asks_for_leave_first(gateway, path, method):
    asked = {"Origin": PAGE, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"}
    leave = gateway.api_with(None).request("OPTIONS", path, headers=asked)
    assert leave.status_code == 204
    assert leave.headers["Access-Control-Allow-Origin"] == PAGE
    assert method in leave.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in leave.headers["Access-Control-Allow-Headers"]
    assert leave.headers.get("Access-Control-Allow-Credentials") == ("true" if path == STREAM else None)
    denied = gateway.api_with(None).request("OPTIONS", path, headers=asked | {"Origin": "https://evil.example"})
    assert denied.status_code in (403, 404, 405) and "Access-Control-Allow-Origin" not in denied.headers


def test_it_may_read_and_post(gateway):
    client = gateway.connect_by_events(headers={"Origin": PAGE})
    assert client.stream.headers["Access-Control-Allow-Origin"] == PAGE
    assert client.stream.headers["Access-Control-Allow-Credentials"] == "true"
    answer = client.post('{"type":"ping"}', headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    assert client.post('{"type":"ping"}', headers={"Origin": "https://evil.example"}).status_code == 403


# The setting


def test_it_can_be_switched_off():
    with Gateway("--sse-fallback", "off") as plain:
        assert SseClient(plain.url, plain.new_session()).stream.status == 404
        assert plain.api_with(None).request("POST", f"{SEND}?seq=1", content="{}").status_code == 404
    assert "sse-fallback" in run_to_exit("--help").stdout


def test_a_kept_alive_connection_may_become_a_stream(gateway):
    peer = gateway.peer()
    host = f"Host: {gateway.host}:{gateway.port}\r\n\r\n"
    peer.send(f"GET /health/live HTTP/1.1\r\n{host}".encode())
    assert peer.response().status == 200
    session = gateway.new_session(user_id="kept-alive")
    peer.send(f"POST {STREAM}?session_token={session} HTTP/1.1\r\nContent-Length: 0\r\n{host}".encode())
    eventually(lambda: gateway.api.connection_count()["per_user"].get("kept-alive") == 1)
