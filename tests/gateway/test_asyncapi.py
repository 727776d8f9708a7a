"""/asyncapi.json describes the WebSocket: its schemas hold for messages that were really exchanged."""

import json
import signal

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from support.gateway import Gateway
from support.run_copies import Owner

GATEWAY_FLAGS = ["--heartbeat-interval", "1", "--idle-timeout", "60", "--presence", "guide"]

# Said when the engine was away, which this one never is: src/protocol/server_message_test.cc has its form.
GAP = {
    "type": "system",
    "event": "gap",
    "message": "Messages on this channel may have been missed.",
    "channel": "pillar:content",
    "timestamp": "2026-01-02T03:04:05.678Z",
}


@pytest.fixture(scope="module")
def document(gateway):
    response = gateway.api_with(None).get("/asyncapi.json")
    assert response.status_code == 200
    return response.json()


@pytest.fixture(scope="module")
def validators(document):
    """By the name of a message in components.messages."""
    registry = Registry().with_resource(
        "urn:asyncapi", Resource.from_contents(document, default_specification=DRAFT202012)
    )
    names = document["components"]["messages"]
    return {
        name: Draft202012Validator({"$ref": f"urn:asyncapi#/components/messages/{name}/payload"}, registry=registry)
        for name in names
    }


def test_it_is_asyncapi(document):
    assert document["asyncapi"].startswith("3.")
    assert document["info"]["title"] and document["info"]["version"]
    assert "/ws" in json.dumps(document["channels"])


def test_every_schema_is_a_schema(document):
    for name, message in document["components"]["messages"].items():
        Draft202012Validator.check_schema(message["payload"])
        assert message.get("summary") or message.get("title") or message.get("description"), name


RUN_EVENTS = ("snapshot", "delta", "reset", "top", "end")


@pytest.fixture(scope="module")
def heard(gateway):
    """One of everything that a client is told, by its name in the document."""
    with Gateway() as leaving:
        client = leaving.connect()
        leaving.process.send_signal(signal.SIGTERM)
        draining = client.receive()
        client.close()
        leaving.wait_exit()
    with gateway.scope():
        client = gateway.connect(gateway.new_session(user_id="ada"))
        fresh = gateway.new_session(user_id="ada")
        gateway.api.send({"from": "an agent"}, connection_id=client.connection_id)
        return {
            "welcome": [client.welcome],
            "draining": [draining],
            "fromAgent": [client.receive()],
            "ack": [client.say(id="a"), client.say(id="a"), client.say(id=7)],
            "error": [client.ask("not json"), client.say("nowhere", id=7)],
            "subscribed": [client.ask({"type": "subscribe", "channel": "guide"})],
            "unsubscribed": [client.ask({"type": "unsubscribe", "channel": "guide"})],
            "authenticated": [client.ask({"type": "authenticate", "session_token": fresh})],
            "gap": [GAP],
            **heard_of_presence(gateway),
            "serverPing": [json.loads(client.socket.recv(10))],
            "serverPong": [client.ask({"type": "ping"})],
            "heartbeatPong": [client.ask({"type": "heartbeat"})],
        } | heard_of_runs(gateway)


def heard_of_presence(gateway):
    """The answer, and what is told of somebody who comes and goes."""
    watcher = gateway.connect(gateway.new_session(user_id="hedy"))
    shown = watcher.ask({"type": "presence", "channel": "guide", "watch": True, "id": 1})
    other = gateway.connect(gateway.new_session(user_id="joan"))
    heard = iter(watcher.receive, None)  # she herself may come in between
    joined = next(event for event in heard if event["user_id"] == "joan")
    other.close()
    return {"presenceShown": [shown], "presenceEvent": [joined, next(e for e in heard if e["event"] == "leave")]}


def heard_of_runs(gateway):
    """One of each event of a run, and the answer to a detach."""
    client = gateway.connect(gateway.new_session(user_id="grace"))
    owner = Owner.create(gateway.api, to={"user_id": "grace"})
    attach = {"type": "attach", "run_id": owner.run_id}
    owner.append("Once")
    heard = [client.ask(attach), client.ask(attach | {"cursor": "1.0.00000000000000"})]
    owner.append(" upon")
    heard += [client.receive()]
    Owner.claim(gateway.api, owner.run_id, owner.producer, keep=4).end(error={"code": "tired", "message": "No more"})
    while heard[-1].get("event") != "end":
        heard.append(client.receive())
    cursor = "2.{pos}.{hash}".format(**heard[-1])
    heard += [client.ask(attach | {"cursor": cursor}), client.receive()]
    names = {f"run{event.capitalize()}": [m for m in heard if m["event"] == event] for event in RUN_EVENTS}
    return names | {"detached": [client.ask({"type": "detach", "run_id": owner.run_id})]}


def test_everything_a_client_is_told_is_documented_and_nothing_else(document, heard):
    assert names_by_action(document, "send") == set(heard)


@pytest.mark.parametrize("name", [
    "welcome", "draining", "gap", "fromAgent", "ack", "error", "subscribed", "unsubscribed", "authenticated", "serverPing",
    "presenceShown", "presenceEvent",
    "runSnapshot", "runDelta", "runReset", "runTop", "runEnd", "detached",
    "serverPong", "heartbeatPong",
])  # fmt: skip
def test_what_a_client_is_told_has_the_documented_form(validators, heard, name):
    for message in heard[name]:
        validators[name].validate(message)
        if name == "fromAgent":
            continue
        assert [other for other, v in validators.items() if v.is_valid(message) and other in heard] in (
            [name],
            [name, "fromAgent"],
        )
        for missing in message.keys() - {"id"}:
            mutilated = {key: value for key, value in message.items() if key != missing}
            assert not validators[name].is_valid(mutilated), f"{missing} is not required"


TAKEN = [
    {"payload": {}},
    {
        "channel": "guide",
        "intent": "chat",
        "payload": {"message": "hi", "conversation_id": "c", "metadata": {}},
        "id": "1",
    },
    {"channel": "pillar:content", "intent": "command", "payload": {"anything": [1]}, "id": 2},
    {"agent_type": "guide", "message": "hi"},
    {"agent_type": "liaison", "pillar": "content", "message": "hi"},
    {"type": "subscribe", "channel": "guide"},
    {"type": "unsubscribe", "channel": "guide"},
    {"type": "presence", "channel": "guide", "watch": False},
    {"type": "detach", "run_id": "any"},
    {"payload": {}, "id": "r", "run": {"thread_id": "c1", "format": "json"}},
    {"type": "ping"},
    {"type": "pong"},
    {"type": "heartbeat"},
]

REFUSED = [
    {},
    [],
    7,
    {"payload": "text"},
    {"channel": "guide"},
    {"channel": 7, "payload": {}},
    {"intent": "shout", "payload": {}},
    {"id": "x" * 65, "payload": {}},
    {"id": 1.5, "payload": {}},
    {"type": "launch"},
    {"payload": {}, "run": {}},
    {"payload": {}, "id": 1, "run": {"else": 1}},
    {"type": "attach"},
    {"type": "attach", "run_id": "a", "thread_id": "b"},
    {"type": "attach", "run_id": "a", "cursor": "1"},
    {"type": "cancel"},
    {"type": "subscribe"},
    {"type": "presence"},
    {"type": "presence", "channel": "guide", "watch": 1},
    {"agent_type": "liaison", "message": "hi"},
]


def names_by_action(document, action):
    """The messages that the gateway receives or sends, as the document's operations list them."""
    operations = [operation for operation in document["operations"].values() if operation["action"] == action]
    return {reference["$ref"].rsplit("/", 1)[1] for operation in operations for reference in operation["messages"]}


@pytest.fixture(scope="module")
def sent_by_clients(document, validators):
    return {name: validators[name] for name in names_by_action(document, "receive")}


@pytest.mark.parametrize("message", TAKEN, ids=str)
def test_what_the_gateway_takes_is_documented(gateway, sent_by_clients, message):
    client = gateway.connect()
    client.send(message)
    client.send({"type": "ping", "last": True})
    while (answer := client.receive())["type"] != "pong":
        assert answer["type"] != "error", answer
    assert [name for name, validator in sent_by_clients.items() if validator.is_valid(message)]


def test_every_documented_kind_is_taken_here(gateway, sent_by_clients):
    # Those are answered with an error where there is no such session or run.
    runs = [{"type": "attach", "run_id": "any"}, {"type": "cancel", "run_id": "any"}]
    taken = [*TAKEN, {"type": "authenticate", "session_token": "any"}, *runs]
    unused = [
        name for name, validator in sent_by_clients.items() if not any(validator.is_valid(message) for message in taken)
    ]
    assert unused == []


@pytest.mark.parametrize("message", REFUSED, ids=str)
def test_what_the_gateway_refuses_is_not_documented(gateway, sent_by_clients, message):
    assert gateway.connect().ask(json.dumps(message))["type"] == "error"
    assert not [name for name, validator in sent_by_clients.items() if validator.is_valid(message)]


def test_the_close_codes_are_told(document):
    text = json.dumps(document)
    for code in (1002, 1003, 1007, 1009, 1012, 4001, 4003, 4004, 4005, 4008, 4009, 4010, 4029):
        assert str(code) in text, code
