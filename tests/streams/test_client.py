"""@durable-streams/client, unmodified, through a proxy that cuts every connection every 300 ms."""

import contextlib
import json
import os
import random
import subprocess
import threading
import uuid
from pathlib import Path

import pytest

from streams.conformance import packages
from support.run_copies import Owner
from support.tcp_proxy import TcpProxy
from support.wait import paced

GATEWAY_FLAGS = ("--log-level", "error", "--stream-poll-wait", "2s")
PROGRAM = Path(__file__).parent / "client.mjs"
CUT_EVERY = 0.3
SECONDS = 3.0
PATIENCE = 60


@contextlib.contextmanager
def cutting_proxy(gateway):
    over = threading.Event()
    with TcpProxy(gateway.address) as proxy:

        def cut():
            while not over.wait(CUT_EVERY):
                proxy.cut()

        thread = threading.Thread(target=cut, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.port}"
        finally:
            over.set()
            thread.join()


@contextlib.contextmanager
def client(tmp_path, gateway, *arguments):
    program = tmp_path / "client.mjs"
    program.write_text(PROGRAM.read_text())
    if not (tmp_path / "node_modules").exists():
        (tmp_path / "node_modules").symlink_to(packages() / "node_modules")
    running = subprocess.Popen([packages() / "node", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=os.environ | {"GATEWAY_API_KEY": gateway.api_key})
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def last_line(running):
    return json.loads(running.communicate(timeout=PATIENCE)[0].splitlines()[-1])


def pieces(seed):
    """Something to say every few milliseconds."""
    rng = random.Random(seed)
    for _ in paced(0.02, SECONDS):
        yield rng.choice(["word ", "ünï ", "𝄞 ", "漢字 "]) * rng.randrange(1, 60)


@pytest.fixture
def stream(gateway):
    path = f"/v1/stream/{uuid.uuid4().hex}"
    assert gateway.api.request("PUT", path, headers={"Content-Type": "text/plain"}).status_code == 201
    return path


def post(gateway, path, data=b"", **headers):
    response = gateway.api.request("POST", path, content=data, headers={"Content-Type": "text/plain"} | headers)
    assert response.status_code in (200, 204), response.text


@pytest.mark.parametrize("live", ["sse", "long-poll"])
def test_a_plain_stream_is_read_exactly(gateway, stream, tmp_path, live):
    said = ""
    with cutting_proxy(gateway) as proxy, client(tmp_path, gateway, "read", proxy + stream, live) as reading:
        assert reading.stdout.readline() == "reading\n"
        for text in pieces(live):
            post(gateway, stream, text.encode())
            said += text
        post(gateway, stream, **{"Stream-Closed": "true"})
        told = last_line(reading)
    assert (told["text"], told["closed"]) == (said, True)


@pytest.mark.parametrize("live", ["sse", "long-poll"])
def test_a_run_is_read_exactly(gateway, tmp_path, live):
    owner = Owner.create(gateway.api, lease_ms=60_000)
    said = ""
    with cutting_proxy(gateway) as proxy, client(tmp_path, gateway, "read", f"{proxy}/v1/stream/{owner.run_id}", live) as reading:
        assert reading.stdout.readline() == "reading\n"
        for text in pieces(live):
            owner.append(text)
            said += text
        owner.end()
        told = last_line(reading)
    assert (told["text"], told["closed"]) == (said, True)


def test_its_producer_writes_each_piece_once(gateway, stream, tmp_path):
    said = []
    with cutting_proxy(gateway) as proxy, client(tmp_path, gateway, "write", proxy + stream) as writing:
        assert writing.stdout.readline() == "writing\n"
        for text in pieces("write"):
            writing.stdin.write(json.dumps(text) + "\n")
            writing.stdin.flush()
            said.append(text)
        told = last_line(writing)
    written = gateway.api.get(stream)
    assert written.text == "".join(said)
    assert (written.headers["stream-closed"], written.headers["stream-next-offset"]) == ("true", told["offset"])
