"""/asyncapi.json describes the WebSocket: its schemas hold for messages that were really exchanged (contract 2)."""

import json

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

GATEWAY_FLAGS = ["--heartbeat-interval", "1", "--idle-timeout", "60"]


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
    assert document["asyncapi"].startswith(("2.6", "3."))
    assert document["info"]["title"] and document["info"]["version"]
    assert "/ws" in json.dumps(document["channels"])


def test_every_schema_is_a_schema(document):
    for name, message in document["components"]["messages"].items():
        Draft202012Validator.check_schema(message["payload"])
        assert message.get("summary") or message.get("title") or message.get("description"), name


@pytest.fixture(scope="module")
def heard(gateway):
    """One of everything that the gateway itself says, as it came."""
    gateway.subscribe("guide")
    client = gateway.connect(gateway.new_session(user_id="ada"))
    fresh = gateway.new_session(user_id="ada")
    heard = {
        "welcome": client.welcome,
        "ack": client.say(id="a"),
        "error": client.ask("not json"),
        "error with an id": client.say("nowhere", id=7),
        "pong": client.ask({"type": "ping"}),
        "heartbeat": client.ask({"type": "heartbeat"}),
        "subscribe": client.ask({"type": "subscribe", "channel": "guide"}),
        "unsubscribe": client.ask({"type": "unsubscribe", "channel": "guide"}),
        "authenticated": client.ask({"type": "authenticate", "session_token": fresh}),
        "ping": json.loads(client.socket.recv(10)),
    }
    client.close()
    return heard


@pytest.mark.parametrize(
    "name",
    [
        "welcome",
        "ack",
        "error",
        "error with an id",
        "pong",
        "heartbeat",
        "subscribe",
        "unsubscribe",
        "authenticated",
        "ping",
    ],
)
def test_what_the_gateway_says_is_documented(validators, heard, name):
    message = heard[name]
    strict = {n: v for n, v in validators.items() if not v.is_valid({"any": "thing"}) and not v.is_valid({})}
    assert [n for n, v in strict.items() if v.is_valid(message)], f"{message} is no documented message"
    for missing in ("type", "timestamp"):
        mutilated = {key: value for key, value in message.items() if key != missing}
        documented_as = [n for n, v in strict.items() if v.is_valid(mutilated) and v.is_valid(message)]
        assert documented_as == [], f"{missing} is not required by {documented_as}"


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
    {"type": "subscribe"},
    {"agent_type": "liaison", "message": "hi"},
]


@pytest.fixture(scope="module")
def sent_by_clients(document, validators):
    """The validators of what a client may send, by the document's own word for the direction."""
    names = names_sent_by_clients(document)
    assert names, "the document says which messages clients send"
    return {name: validators[name] for name in names}


def names_sent_by_clients(document):
    if document["asyncapi"].startswith("2"):
        message = document["channels"]["/ws"]["publish"]["message"]
        references = message.get("oneOf", [message])
    else:
        receive = [operation for operation in document["operations"].values() if operation["action"] == "receive"]
        references = [reference for operation in receive for reference in operation["messages"]]
    return {reference["$ref"].rsplit("/", 1)[1] for reference in references}


@pytest.mark.parametrize("message", TAKEN, ids=str)
def test_what_the_gateway_takes_is_documented(gateway, sent_by_clients, message):
    client = gateway.connect()
    client.send(message)
    client.send({"type": "ping", "last": True})
    while (answer := client.receive())["type"] != "pong":
        assert answer["type"] != "error", answer
    assert [name for name, validator in sent_by_clients.items() if validator.is_valid(message)]


@pytest.mark.parametrize("message", REFUSED, ids=str)
def test_what_the_gateway_refuses_is_not_documented(gateway, sent_by_clients, message):
    assert gateway.connect().ask(json.dumps(message))["type"] == "error"
    assert not [name for name, validator in sent_by_clients.items() if validator.is_valid(message)]


def test_the_close_codes_are_told(document):
    text = json.dumps(document)
    for code in (1002, 1003, 1007, 1009, 1012, 4001, 4003, 4004, 4005, 4008, 4009, 4029):
        assert str(code) in text, code
