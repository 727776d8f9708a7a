"""Consul late, hung or nonsense: traffic goes on, and the registration is there soon after its return."""

import contextlib
import socket
import threading
import time

import pytest

from support.gateway import Gateway
from support.wait import eventually

RETURN_SECONDS = 2.0
NONSENSE = {
    "an error": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops",
    "no HTTP": b"\x00\x01garbage\r\n\r\n",
    "no JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
    "a huge body": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"a" * 100_000,
    "an end": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
    "silence": None,
}


class Nonsense:
    """Answers every connection with the same bytes, or with none."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0
        self._kept = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for kept in self._kept:
            kept.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self.asked += 1
                if self.answer is None:
                    self._kept.append(peer)
                    continue
                with contextlib.suppress(OSError), peer:
                    peer.recv(65536)
                    peer.sendall(self.answer)


def slowest_answer(gateway, count=50) -> float:
    """The slowest of some acknowledged messages, in seconds."""
    client = gateway.connect()
    slowest = 0.0
    for number in range(count):
        began = time.monotonic()
        client.send({"channel": "guide", "payload": {}, "id": f"m{number}"})
        assert client.receive()["type"] == "ack"
        slowest = max(slowest, time.monotonic() - began)
    client.close()
    return slowest


def is_passing(consul, gateway):
    return gateway.instance_id in consul.passing()


def test_consul_comes_late(late_consul, gateway_factory, record_property):
    gateway = gateway_factory("--consul-url", late_consul.url)
    eventually(lambda: "consul_unreachable" in gateway.log_text)
    record_property("slowest_answer", slowest_answer(gateway))
    late_consul.start()
    began = time.monotonic()
    eventually(lambda: is_passing(late_consul, gateway))
    assert time.monotonic() - began < RETURN_SECONDS
    assert gateway.log_text.count("consul_unreachable") == 1


def test_consul_hangs(consul, gateway_factory, record_property):
    gateway = gateway_factory("--consul-url", consul.url)
    eventually(lambda: is_passing(consul, gateway))
    consul.stop_process()
    eventually(lambda: "consul_unreachable" in gateway.log_text)
    record_property("slowest_answer", slowest_answer(gateway))
    assert gateway.api.get("/health/websocket-gateway").status_code == 200
    assert "gateway_consul_registered 0\n" in gateway.api.get("/metrics").text
    consul.continue_process()
    began = time.monotonic()
    eventually(lambda: "gateway_consul_registered 1\n" in gateway.api.get("/metrics").text)
    assert time.monotonic() - began < RETURN_SECONDS


def test_a_hung_consul_does_not_hold_up_the_drain(consul):
    with Gateway("--consul-url", consul.url) as gateway:
        eventually(lambda: is_passing(consul, gateway))
        consul.stop_process()
        began = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - began < 10
        assert "consul_deregistration_failed" in gateway.log_text
        consul.continue_process()


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_is_refused(kind, gateway_factory, record_property):
    with contextlib.closing(Nonsense(NONSENSE[kind])) as nonsense:
        gateway = gateway_factory("--consul-url", nonsense.url)
        eventually(lambda: nonsense.asked >= 3, 30)
        eventually(lambda: "consul_refused" in gateway.log_text or "consul_unreachable" in gateway.log_text)
        record_property("slowest_answer", slowest_answer(gateway))
        assert gateway.api.get("/health/websocket-gateway").status_code == 200
        assert "gateway_consul_registered 0\n" in gateway.api.get("/metrics").text
        assert gateway.log_text.count("consul_refused") + gateway.log_text.count("consul_unreachable") == 1
