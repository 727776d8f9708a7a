"""Random bytes, from a seed, at every door: answered or cut, and nobody else notices."""

import random

import pytest

from support.peer import TEXT, frame, upgrade_request

GATEWAY_FLAGS = ["--compression", "on", "--message-rate", "0", "--close-timeout", "1"]
ROUNDS = 60


@pytest.fixture(params=range(4))
def chance(request):
    return random.Random(request.param)


@pytest.fixture
def bystander(gateway):
    client = gateway.connect()
    yield client
    client.assert_silent()
    assert gateway.api.get("/health/websocket-gateway").status_code == 200


def noise(chance, length):
    return chance.randbytes(chance.randrange(1, length))


def deliver(peer, data):
    """Sends what the gateway still takes, and does not wait for what it thinks of it."""
    try:
        peer.send(data)
    except OSError:
        pass
    peer.close()


def test_random_bytes_for_frames(gateway, bystander, chance):
    for _ in range(ROUNDS):
        deliver(gateway.raw_connect(), noise(chance, 2000))


def test_random_lawful_looking_frames(gateway, bystander, chance):
    """Past the first checks: opcodes, flags and lengths that are often right."""
    for _ in range(ROUNDS):
        peer = gateway.raw_connect(headers=[("Sec-WebSocket-Extensions", "permessage-deflate")])
        frames = [
            frame(chance.choice([0, 0, 1, 1, 1, 8, 9, 10]), noise(chance, 120), fin=chance.random() < 0.6,
                  rsv=chance.choice([0, 0, 0, 4]))
            for _ in range(20)
        ]  # fmt: skip
        deliver(peer, b"".join(frames))


def test_messages_with_a_few_bytes_changed(gateway, bystander, chance):
    lawful = b'{"channel":"guide","intent":"chat","payload":{"message":"\\ud83d\\ude00 h\\u00e9","n":[1e5,null,true]},"id":"m1"}'
    client = gateway.connect()
    for _ in range(ROUNDS * 5):
        text = bytearray(lawful)
        for _ in range(chance.randrange(1, 4)):
            text[chance.randrange(len(text))] = chance.choice(b'"\\{}[]:,0eE+-.\x00\x1f abu')
        client.send(text.decode())
    client.send({"type": "ping", "last": True})
    while client.receive()["type"] != "pong":
        pass


def test_requests_with_a_few_bytes_changed(gateway, bystander, chance):
    session = gateway.new_session(user_id="noise")
    lawful = upgrade_request(f"/ws?session_token={session}&client_id=c", f"127.0.0.1:{gateway.port}")
    lawful += frame(TEXT, '{"payload":{}}')
    body = b"POST /api/post-office/websocket/publish HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    for n in range(ROUNDS * 2):
        request = bytearray(lawful if n % 2 else body)
        for _ in range(chance.randrange(1, 5)):
            position = chance.randrange(len(request))
            request[position : position + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        deliver(gateway.peer(), bytes(request))


def test_random_bytes_for_requests(gateway, bystander, chance):
    for _ in range(ROUNDS):
        deliver(gateway.peer(), noise(chance, 4000))
