"""Names from outside are of the grammar or refused; none of them can form another key."""

import json
import re
import string
import unicodedata
from urllib.parse import quote, quote_from_bytes

import pytest

from support.gateway import run_to_exit
from support.redis_agent import RedisAgent
from support.wait import eventually

SESSIONS = "/api/traffic-cop/sessions"
PUBLISH = "/api/post-office/websocket/publish"
ID_BYTES = set((string.ascii_letters + string.digits + "._@+=-").encode())
CHANNEL_BYTES = set((string.ascii_lowercase + string.digits + "_.:-").encode())
ODD = [
    "*", "websocket:*", "a?b", "[a-z]", "\r\nDEL x\r\n", "$3\r\nfoo", "*1\r\n$8\r\nFLUSHALL\r\n", "a:connections", "a:b",
    "..", "../x", "a/b", "{tag}", "{a}b", "a b", "", " ", "é", "ａ", "a\u200b", "\u202eabc", "\ud83d\ude00", "ada\x00", "İ",
    "a" * 129, "a" * 10_000, "%41", "'; return 1 --", "a\\b", "#", "~", "null\n",
]  # fmt: skip
GOOD = ["a", "A.b_c@d+e=f-g", "." * 3, "-", "a" * 128, "null", "undefined", "0", "=", "@@"]
PART = r"[A-Za-z0-9._@+=-]{1,128}"
USER = r"([A-Za-z0-9._@+=-]|%[0-9A-F]{2}){1,256}"
KEY = re.compile(
    rf"websocket:(connection:ws_[A-Za-z0-9_-]+(:at)?|partition|channel:[a-z0-9_.:-]+:(connections|parked|inbox:(waiting|fed|removed|aside|held))|waiting|connections|user:{USER}:(connections|sessions)"
    rf"|tenant:({PART})?:user:{USER}:connections|tenant:{PART}:(connections(:listed)?|sessions(:made)?|revocations)|sessions(:made)?|revocations|gateway:{PART}(:connections|:lease|:report)|session:[A-Za-z0-9_:-]+|session:{PART}:connections|users|gateways|parked|session:changed|session:webhooks|webhooks(:revision)?|events"
    rf"|runs(:due:\d+|:(asked|pushed):[0-9a-f]+|:{{[^{{}}]+}}:(open|bytes|kept|logs))?|run:{{[A-Za-z0-9_.~-]{{1,128}}}}(:log|:producers)?|run:pushed|thread:[0-9a-f]+"
    rf"|fanout:[a-z0-9_.:-]+|inbox:[a-z0-9_.:-]+(/(feed|group)(/{PART})?)?|channel:[a-z0-9_.:-]+:(presence|tenant:{PART})|tenant:({PART})?:presence(-revision)?:[a-z0-9_.:-]+|guide|pillar:[a-z_]+|gateway:.*)"
)


def is_id(text) -> bool:
    return re.fullmatch(PART, text) is not None


def is_user_id(text) -> bool:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    visible = all(unicodedata.category(c) not in ("Cc", "Cf", "Zs", "Zl", "Zp") for c in text)
    return visible and 1 <= len(text.encode()) <= 256


@pytest.fixture
def post(gateway):
    """Posts a body whose bytes are made here, for names that JSON text could not hold otherwise."""

    def post(path, body: bytes):
        return gateway.api.request("POST", path, content=body, headers={"content-type": "application/json"})

    return post


@pytest.fixture
def watched(redis):
    """After the test: every key and Pub/Sub name that Redis was asked for is one of the contract's."""
    with redis.monitor() as monitor:
        yield
        commands = monitor.commands()
    with redis.client() as client:
        for key in client.scan_iter():
            assert KEY.fullmatch(key), key
        for name in client.pubsub_channels():
            assert KEY.fullmatch(name), name
    of_scripts = [command for command in commands if command.client == "lua"]
    direct = [command for command in commands if command.name in ("GET", "SET", "DEL", "HGETALL", "SMEMBERS", "PUBLISH")]
    for command in of_scripts + direct:
        if command.name != "TIME" and len(command.arguments) > 1:
            name = command.arguments[2 if command.name in ("XINFO", "XGROUP", "PUBSUB") else 1]
            assert KEY.fullmatch(name.decode("utf-8", "replace")), command


def in_json(byte: int) -> bytes:
    """The byte inside a JSON string, escaped where JSON wants it."""
    return b"\\u%04x" % byte if byte < 32 or byte in b'"\\' else bytes([byte])


@pytest.mark.parametrize("field", ["user_id", "session_id"])
def test_every_byte_in_a_session(post, watched, field):
    good = {"user_id": range(0x21, 0x7F), "session_id": ID_BYTES}[field]
    for byte in range(256):
        body = b'{"user_id":"u","%s":"x%sy%013x"}' % (field.encode(), in_json(byte), byte)
        response = post(SESSIONS, body)
        assert response.status_code == (201 if byte in good else 400), (byte, response.text)


def test_every_byte_in_a_tenant(post, watched):
    for byte in range(256):
        response = post(SESSIONS, b'{"user_id":"u","context":{"tenant_id":"x%sy"}}' % in_json(byte))
        assert response.status_code == (201 if byte in ID_BYTES else 400), (byte, response.text)


def test_every_byte_in_a_realm(post, watched):
    for byte in range(256):
        response = post(PUBLISH, b'{"channel":"guide","message":{},"realm":"x%sy"}' % in_json(byte))
        assert response.status_code == (200 if byte in ID_BYTES else 400), (byte, response.text)


def test_every_byte_in_a_channel(post, watched):
    """Those that could be a channel's are of no channel there is."""
    for byte in range(256):
        response = post(PUBLISH, b'{"channel":"guide%s","message":{},"realm":"tests"}' % in_json(byte))
        assert response.status_code in ((400, 404) if byte in CHANNEL_BYTES else (400,)), (byte, response.text)


def test_every_byte_in_a_clients_name(gateway, watched):
    session = gateway.new_session()
    for byte in range(256):
        name = quote_from_bytes(b"x" + bytes([byte]) + b"y", safe="")
        peer = gateway.peer()
        status = peer.upgrade(f"/ws?session_token={session}&client_id={name}").status
        assert status == (101 if byte in ID_BYTES else 400), byte
        peer.close()


def test_every_byte_in_a_path_and_a_token(gateway, watched):
    for byte in range(256):
        name = quote_from_bytes(b"x" + bytes([byte]) + b"y", safe="")
        response = gateway.api.get(f"{SESSIONS}/{name}")
        assert response.status_code in (400, 404), (byte, response.text)
        peer = gateway.peer()
        response = peer.upgrade(f"/ws?session_token={name}")
        if byte < 32 or byte >= 127:
            assert response.status == 400, "a target is UTF-8 without control characters"
        else:
            assert response.status == 101 and peer.closed()[0] == 4001, byte
        peer.close()


def test_every_byte_in_a_message(gateway, redis, closing, watched):
    """A client may write what it likes: as an id, a channel, or a conversation."""
    closing(RedisAgent(redis, "guide"))
    client = gateway.connect()
    for byte in range(256):
        text = chr(byte)
        assert client.say(id=f"a{text}b")["type"] == "ack"
        assert client.say(f"guide{text}", id=f"{byte}")["code"] in ("unknown_channel", "invalid_message")
        answer = client.ask({"type": "subscribe", "channel": f"guide{text}"})
        assert answer["type"] == "error", answer


@pytest.mark.parametrize("name", ODD, ids=lambda name: ascii(name)[:30])
def test_odd_names_are_refused_everywhere(gateway, post, watched, name):
    text = json.dumps(name).encode()
    assert not is_id(name) or name == ".."
    wanted = 201 if is_id(name) else 400
    assert post(SESSIONS, b'{"user_id":%s}' % text).status_code == (201 if is_user_id(name) else 400)
    if name:  # empty is absent, where it may be
        long_enough = json.dumps("0123456789abcdef" + name).encode()
        assert post(SESSIONS, b'{"user_id":"u","session_id":%s}' % long_enough).status_code == wanted
        assert post(SESSIONS, b'{"user_id":"u","context":{"tenant_id":%s}}' % text).status_code == wanted
    response = post(PUBLISH, b'{"channel":%s,"message":{},"realm":"tests"}' % text)
    assert response.status_code in (400, 404), response.text
    for target in ("connection_id", "session_id", "session_ref", "user_id"):
        response = post("/api/post-office/websocket/send", b'{"%s":%s,"message":{}}' % (target.encode(), text))
        assert response.status_code in (400, 404), response.text


@pytest.mark.parametrize("name", GOOD, ids=lambda name: name[:30])
def test_good_names_work_to_the_letter(gateway, redis, watched, name):
    session = gateway.new_session(user_id=name, context={"tenant_id": name})
    client = gateway.connect(session, query=f"&client_id={quote_from_bytes(name.encode(), safe='')}")
    with redis.client() as store:
        members = f"websocket:user:{name}:connections"
        eventually(lambda: store.smembers(members) == {client.connection_id}, 5)
    assert gateway.api.connection_count()["per_user"] == {name: 1}
    assert gateway.api.send({"n": 1}, user_id=name)["delivered"] == 1
    assert client.receive() == {"n": 1}


@pytest.mark.parametrize("name", sorted(filter(is_user_id, ODD)), ids=ascii)
def test_a_users_name_of_any_provider_is_encoded_where_it_becomes_a_name(gateway, redis, watched, name):
    name = json.loads(json.dumps(name))
    client = gateway.connect(gateway.new_session(user_id=name))
    with redis.client() as store:
        members = f"websocket:user:{quote(name, safe='@+=')}:connections".replace("~", "%7E")
        assert store.smembers(members) == {client.connection_id}
    assert gateway.api.connection_count()["per_user"] == {name: 1}
    assert gateway.api.send({"n": 1}, user_id=name)["delivered"] == 1
    assert client.receive() == {"n": 1}
    client.close()
    with redis.client() as store:
        eventually(lambda: store.keys("websocket:user*:connections") == [], 5)


def test_a_users_name_that_ends_like_a_key_is_nobody_elses(gateway, redis):
    """`.` and `-` are letters here, `:` is none: no user's set can be another's, or a channel's."""
    names = ["ada", "ada.connections", "connections", "guide", "lease", "ada-1"]
    clients = {name: gateway.connect(gateway.new_session(user_id=name)) for name in names}
    with redis.client() as store:
        for name, client in clients.items():
            assert store.smembers(f"websocket:user:{name}:connections") == {client.connection_id}


@pytest.mark.parametrize(
    "channel", ["events", "fanout:a", "gateway:a", "connection:a", "channel:a", "user:a", "session:a", "inbox:a", "A", "a b", "é",
                "x" * 65, "a*", ""],
)  # fmt: skip
def test_channels_that_would_be_other_names_stop_the_start(redis, channel):
    flags = ("--listen", "127.0.0.1:0", "--engine", "redis", "--redis-url", redis.url)
    done = run_to_exit(*flags, "--channels", f"guide,{channel}")
    assert done.returncode == 2 and "channels" in done.stderr
