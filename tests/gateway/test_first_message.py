"""A token as the first message: a connection that came without a session says whose it is."""

import time

import jwt
import pytest

from support.gateway import Gateway
from support.runs import RUNS, Run
from support.wait import eventually

SECRET = "a-secret-that-issuer-and-gateway-share"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    secret = tmp_path_factory.mktemp("keys") / "secret"
    secret.write_text(SECRET)
    flags = ["--session-policy", "optional", "--anonymous-channels", "guide", "--jwt-secret-file", secret, "--max-connections-per-user", "2"]
    with Gateway(*flags) as gateway:
        yield gateway


def authenticate(client, token):
    return client.ask({"type": "authenticate", "session_token": token})


def token(user, **claims):
    return jwt.encode({"sub": user, "exp": int(time.time()) + 600, **claims}, SECRET, algorithm="HS256")


@pytest.fixture(params=["session", "jwt"])
def token_of(request, gateway):
    return token if request.param == "jwt" else lambda user: gateway.new_session(user_id=user)


def test_it_becomes_the_users(gateway, token_of):
    client = gateway.connect("")
    assert client.say("pillar:content", id="1")["code"] == "forbidden_channel"
    shown = token_of("first-message")
    answer = authenticate(client, shown)
    assert answer["type"] == "authenticated" and answer["expires_at"]
    assert client.ask({"type": "subscribe", "channel": "pillar:content"})["status"] == "ok"
    agent = gateway.subscribe("guide")
    client.say(text="hello")
    envelope = agent.next_from(client).json()
    assert (envelope["user_id"], envelope["session_ref"]) == ("first-message", gateway.api.session(shown)["session_ref"])
    agent.close()
    gateway.api.send({"n": 1}, user_id="first-message")
    assert client.receive() == {"n": 1}
    assert gateway.api.connection_count()["per_user"]["first-message"] == 1
    gateway.api.delete_session(shown)
    assert client.closed()[0] == 4003


def test_his_limit_holds(gateway, token_of):
    """Who shows his token later may have no more connections than who shows it at once."""
    session = token_of(f"limited-{token_of.__name__}")
    clients = [gateway.connect(session), gateway.connect("")]
    assert authenticate(clients[1], session)["type"] == "authenticated"
    late = gateway.connect("")
    late.send({"type": "authenticate", "session_token": session})
    assert late.closed() == (4004, "Connection limit exceeded")
    clients[0].close()
    eventually(lambda: gateway.api.connection_count()["per_user"].get(f"limited-{token_of.__name__}") == 1)
    assert authenticate(gateway.connect(""), session)["type"] == "authenticated"


def test_whose_it_is_stays_so(gateway, token_of):
    client = gateway.connect("")
    assert authenticate(client, token_of("stays"))["type"] == "authenticated"
    assert authenticate(client, token_of("another"))["code"] == "forbidden"
    assert authenticate(client, token_of("stays"))["type"] == "authenticated"


def test_two_at_once_are_one(gateway, token_of):
    client = gateway.connect("")
    for user in ("both-a", "both-b"):
        client.send({"type": "authenticate", "session_token": token_of(user), "id": user})
    answers = [client.receive(), client.receive()]
    assert sorted(answer["type"] for answer in answers) == ["authenticated", "error"]
    assert "both-b" not in gateway.api.connection_count()["per_user"]


def test_a_wrong_token_is_no_second_chance(gateway, token_of):
    client = gateway.connect("")
    assert authenticate(client, "nobodys-session-0123")["code"] == "forbidden"
    assert authenticate(client, token_of("late"))["code"] == "forbidden"
    client.ask({"type": "ping"})


def test_after_five_seconds_it_is_too_late(gateway):
    client = gateway.connect("")
    later = time.monotonic() + 5.2
    shown = gateway.new_session(user_id="late")
    eventually(lambda: time.monotonic() > later)
    assert authenticate(client, shown)["code"] == "forbidden"
    client.ask({"type": "ping"})


def test_it_gets_the_runs_that_are_pushed_to_him(gateway, token_of):
    user = "pushed-to"
    run = Run.create(gateway.api, to={"user_id": user}, push=True)
    client = gateway.connect("", query="&runs=1")
    client.assert_silent()
    assert authenticate(client, token_of(user))["type"] == "authenticated"
    assert eventually(lambda: client.receive())["run_id"] == run.run_id
    gateway.api.delete(f"{RUNS}/{run.run_id}")


def test_with_no_channels_for_anonymous_nothing_goes_before_it(gateway_factory):
    gateway = gateway_factory("--session-policy", "optional", "--anonymous-channels", "")
    client = gateway.connect("")
    assert client.say(id="1")["code"] == "forbidden_channel"
    gateway.api.publish("guide", {"n": 1})
    client.assert_silent()
    assert authenticate(client, gateway.new_session(user_id="ada"))["type"] == "authenticated"
    gateway.api.publish("guide", {"n": 2})
    assert client.receive() == {"n": 2}


def test_where_a_session_is_required_it_has_to_come_with_the_handshake(gateway_factory):
    peer = gateway_factory().peer()
    assert peer.upgrade("/ws").status == 101
    assert peer.closed()[0] == 4001


def test_tokens_and_sessions_of_one_user_count_together(gateway):
    gateway.connect(token("mixed", jti="1"))
    gateway.connect(gateway.new_session(user_id="mixed"))
    for shown in (token("mixed", jti="2"), token("mixed"), gateway.new_session(user_id="mixed")):
        peer = gateway.peer()
        assert peer.upgrade(f"/ws?session_token={shown}").status == 101
        assert peer.closed() == (4004, "Connection limit exceeded")
    gateway.connect(token("mixed", jti="2", tenant_id="acme"))
