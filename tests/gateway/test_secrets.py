"""No token, key or payload in a log, a metric, an id or an address that the gateway makes."""

import json
import re
from hashlib import sha256

import pytest

from support.api import POST_OFFICE, SESSIONS
from support.gateway import Gateway
from support.peer import frame
from support.wait import eventually

KEY = "the-api-key-0123456789"
TOKENS = ["sesame-open-query", "sesame-open-header", "sesame-open-protocol", "sesame-open-unknown", "sesame-open-fresh"]
PAYLOAD = "payload-that-is-nobodys-business"
USER = "ada"


@pytest.fixture(scope="module")
def busy():
    """A gateway at its most talkative, after everything that could make it say a secret."""
    with Gateway("--log-level", "debug", env={"GATEWAY_API_KEY": KEY}) as gateway:
        live_a_little(gateway)
        yield gateway


def live_a_little(gateway):
    for token in TOKENS:
        if token != "sesame-open-unknown":
            gateway.new_session(user_id=USER, session_id=token)
    agent = gateway.subscribe("guide")
    client = gateway.connect("sesame-open-query", query="&client_id=tab-1")
    client.say(text=PAYLOAD, id=PAYLOAD)
    client.ask('{"payload":"%s"' % PAYLOAD)
    client.ask({"channel": PAYLOAD, "payload": {}})
    client.ask({"type": "authenticate", "session_token": "sesame-open-fresh"})
    client.ask({"type": "authenticate", "session_token": "sesame-open-unknown"})
    gateway.envelope = agent.next_from(client).json()
    gateway.record = gateway.api.connection_record(client.connection_id).json()
    gateway.api.send({"message": PAYLOAD}, connection_id=client.connection_id)
    gateway.api.publish("guide", {"message": PAYLOAD})
    gateway.peer().upgrade("/ws", [("Authorization", "Bearer sesame-header")])
    gateway.peer().upgrade("/ws", [("Sec-WebSocket-Protocol", "gateway.v1, bearer.sesame-protocol")])
    gateway.peer().upgrade("/ws?session_token=sesame-unknown")
    gateway.peer().upgrade("/ws?session_token=sesame-query", drop=["Sec-WebSocket-Key"])
    gateway.peer().upgrade("/ws?session_token=sesame-query", [("Origin", "https://evil.example")])
    gateway.peer().request("GET", f"/nothing?session_token=sesame-query&api_key={KEY}")
    gateway.peer().request("GET", f"{SESSIONS}/sesame-query", [("Authorization", f"Bearer {KEY}x")])
    bad = gateway.raw_connect("sesame-open-header")
    bad.send(frame(3, PAYLOAD))
    bad.closed()
    gateway.api.get(f"{POST_OFFICE}/endpoint", params={"session_token": "sesame-open-query", "realm": "r"})
    gateway.api.validate_session("sesame-open-query")
    gateway.api.patch_session("sesame-open-header", status="suspended")
    gateway.api.delete_session("sesame-open-fresh")
    assert client.closed()[0] == 4003
    eventually(lambda: "close" in gateway.log_text, message="the log tells of it")


SECRETS = [*TOKENS, PAYLOAD, KEY, "sesame"]


@pytest.mark.parametrize("secret", SECRETS)
def test_not_in_the_log(busy, secret):
    assert len(busy.log_lines) >= 3, "a log that says nothing proves nothing"
    assert secret not in busy.log_text


@pytest.mark.parametrize("secret", SECRETS)
def test_not_in_the_metrics_or_health(busy, secret):
    for path in ("/metrics", "/health/websocket-gateway/detailed", "/openapi.json", "/asyncapi.json"):
        assert secret not in busy.api.get(path).text


@pytest.mark.parametrize("token", ["sesame", KEY])
def test_not_in_what_agents_and_operators_are_shown(busy, token):
    envelope = {name: value for name, value in busy.envelope.items() if name != "message"}
    assert token not in json.dumps(envelope)
    assert token not in json.dumps(busy.record)
    assert token not in json.dumps(busy.api.connection_count())


def test_nor_its_digest(busy):
    """A digest of a guessable token can be looked up: where one is needed (the engine) it stays inside."""
    digest = sha256(b"sesame-open-query").hexdigest()
    for text in (busy.log_text, json.dumps(busy.envelope), json.dumps(busy.record), busy.api.get("/metrics").text):
        assert digest not in text
        assert digest[:16] not in text


def test_log_lines_can_not_be_forged(gateway_factory):
    gateway = gateway_factory("--log-level", "debug")
    gateway.new_session(user_id="ada", context={"x": "\n2026-01-01T00:00:00.000Z info  forged"})
    gateway.peer().upgrade("/ws?session_token=x%0a2026-01-01T00:00:00.000Z%20info%20forged")
    gateway.api.get("/x%0aforged")
    gateway.connect().ask({"channel": "x\nforged", "payload": {}})
    gateway.stop()
    assert not [line for line in gateway.log_lines if line.startswith("forged") or re.match(r"2026-01-01T", line)]
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in gateway.log_lines), "every line begins with its time"
