"""resumable(fetch) against the real gateway, through a proxy that cuts."""

import json
import random
import subprocess
from pathlib import Path

from clients.js_pages import js_client
from support.run_copies import Owner
from support.tcp_proxy import TcpProxy
from support.wait import eventually, paced

GATEWAY_FLAGS = ("--log-level", "error")
READER = Path(__file__).parent / "js_read_stream.mjs"
CUTS = 40


def test_a_stream_that_is_cut_again_and_again_is_read_once(gateway, record_property):
    rng = random.Random(5)
    token = gateway.new_session(user_id="reader")
    owner = Owner.create(gateway.api, to={"user_id": "reader"}, lease_ms=60_000)
    said = ""
    with TcpProxy(gateway.address) as proxy:
        address = f"http://127.0.0.1:{proxy.port}/v1/stream/{owner.run_id}"
        command = [js_client() / "node", READER, js_client() / "dist", address, token]
        reading = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert reading.stdout.readline() == "200\n"
            cuts = 0
            for _ in paced(0.02, 60):
                text = rng.choice(["word ", "ünï ", "𝄞 ", "漢字 "]) * rng.randrange(1, 300)
                owner.append(text)
                said += text
                if rng.random() < 0.5:
                    cuts += proxy.cut()
                if cuts >= CUTS:
                    break
            owner.end(result={"tokens": 7})
            told = json.loads(reading.communicate(timeout=60)[0])
        finally:
            reading.kill()
            reading.wait()
    assert told["text"] == said
    assert (told["last"]["streamClosed"], told["last"]["status"], told["last"]["result"]) == (True, "completed", {"tokens": 7})
    assert told["requests"] > CUTS / 2
    record_property("requests", told["requests"])
    record_property("bytes", len(said.encode()))


def test_a_stream_that_is_over_is_not_asked_for_again(gateway):
    token = gateway.new_session(user_id="reader")
    owner = Owner.create(gateway.api, to={"user_id": "reader"})
    owner.append("all of it")
    owner.end()
    eventually(lambda: owner.record()["status"] == "completed")
    command = [js_client() / "node", READER, js_client() / "dist", f"{gateway.url}/v1/stream/{owner.run_id}", token]
    _, told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=30).stdout.splitlines()
    assert (json.loads(told)["text"], json.loads(told)["requests"]) == ("all of it", 1)
