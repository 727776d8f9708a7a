"""Certificates are read again: newcomers see the new one, and whoever is connected stays."""

import shutil
import ssl
import threading

import pytest

from support.certificates import any_certificate, make_certificate
from support.peer import Peer
from support.settings_file import hang_up
from support.wait import eventually

CLIENTS = 300


@pytest.fixture
def certificates(tmp_path):
    """The flags for the files that are to be replaced, and what replaces them."""
    flags = make_certificate(tmp_path, "own", "DNS:before.example")
    make_certificate(tmp_path, "next", "DNS:after.example")

    def replace():
        for ending in ("crt", "key"):
            shutil.copy(tmp_path / f"next.{ending}", tmp_path / f"own.{ending}")

    return flags, replace


@pytest.fixture
def gateway(gateway_factory, certificates):
    return gateway_factory("--listen", "127.0.0.1:0?tls", "--session-policy", "optional", *certificates[0])


def shown(gateway):
    peer = gateway.peer()
    certificate = peer.socket.getpeercert(binary_form=True)
    peer.close()
    return certificate


def test_a_new_certificate_for_newcomers_and_nobody_drops(gateway, certificates):
    before = shown(gateway)
    peers = []
    for _ in range(CLIENTS):
        peers.append(gateway.peer())
        assert peers[-1].upgrade("/ws").status == 101
        peers[-1].welcome()
    halfway = Peer(gateway.address)  # its handshake is under way
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = any_certificate().wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    halfway.send(outgoing.read())
    halfway.fill()
    stop = threading.Event()
    answered = []

    def talk():
        talker = peers[0]
        while not stop.is_set():
            talker.send_message({"type": "ping"})
            answered.append(talker.next_message()["type"])

    talking = threading.Thread(target=talk)
    talking.start()
    certificates[1]()
    answer = gateway.api.post("/api/admin/reload")
    assert answer.json() == {"success": True, "changed": ["tls-certificate"]}
    eventually(lambda: shown(gateway) != before)
    count = len(answered)
    eventually(lambda: len(answered) > count)
    stop.set()
    talking.join()
    assert set(answered) == {"pong"}
    for peer in peers:
        peer.send_message({"type": "ping"})
    for peer in peers:
        assert peer.next_message()["type"] == "pong"
    incoming.write(bytes(halfway.buffer))
    tls.do_handshake()
    assert tls.getpeercert(binary_form=True) == before
    # Its tickets have gone with it: who comes back shakes hands in full, and is let in.
    assert shown(gateway) == shown(gateway)


def test_a_signal_is_enough(gateway, certificates):
    before = shown(gateway)
    certificates[1]()
    hang_up(gateway)
    eventually(lambda: "reloaded changed=tls-certificate" in gateway.log_text)
    eventually(lambda: shown(gateway) != before)


@pytest.mark.parametrize("broken, why", [
    ("crt", "no certificate in PEM"), ("key", "no private key in PEM"), ("both", "belongs to another"), ("gone", "cannot be read"),
])  # fmt: skip
def test_files_that_do_not_fit_change_nothing(gateway, certificates, tmp_path, broken, why):
    before = shown(gateway)
    if broken == "both":  # half of a renewal
        shutil.copy(tmp_path / "next.crt", tmp_path / "own.crt")
    elif broken == "gone":
        (tmp_path / "own.key").unlink()
    else:
        (tmp_path / f"own.{broken}").write_text("")
    answer = gateway.api.post("/api/admin/reload")
    assert answer.status_code == 409, answer.text
    assert why in answer.json()["error"]
    assert shown(gateway) == before
    gateway.log_lines.clear()  # the refusal is an error, and it is meant


def test_one_more_certificate(gateway_factory, tmp_path):
    own = make_certificate(tmp_path, "own")
    make_certificate(tmp_path, "other", "DNS:other.example")
    settings = tmp_path / "gateway.toml"

    def write(*names):
        files = {ending: ", ".join(f'"{tmp_path}/{name}.{ending}"' for name in names) for ending in ("crt", "key")}
        settings.write_text(f'session_policy = "optional"\ntls_certificate = [{files["crt"]}]\ntls_key = [{files["key"]}]\n')

    assert own
    write("own")
    gateway = gateway_factory("--listen", "127.0.0.1:0?tls", "--config", settings)
    write("own", "other")
    assert gateway.api.post("/api/admin/reload").json()["changed"] == ["tls-certificate", "tls-key"]
    eventually(lambda: named(gateway, "other.example") != named(gateway, "own.example"))


def named(gateway, name):
    peer = gateway.peer(server_name=name)
    certificate = peer.socket.getpeercert(binary_form=True)
    peer.close()
    return certificate
