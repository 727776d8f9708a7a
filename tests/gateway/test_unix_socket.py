"""--listen unix:/path: clients and agents by a file, which whoever may open it is trusted by."""

import stat

import httpx
import pytest

from support.gateway import run_to_exit
from support.peer import Peer
from support.wait import eventually

ANONYMOUS = ("--session-policy", "optional")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ws.sock"


@pytest.fixture
def gateway(gateway_factory, path):
    """By both: sessions are made by TCP."""
    return gateway_factory("--listen", "127.0.0.1:0", "--listen", f"unix:{path}", *ANONYMOUS, "--shards", "2")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_clients_agents_and_calls_come_by_it(gateway, path, closing):
    agent = gateway.subscribe("guide")
    peer = closing(Peer(path))
    assert peer.upgrade(f"/ws?session_token={gateway.new_session()}").status == 101
    peer.welcome()
    peer.send_message({"channel": "guide", "payload": {"message": "by a file"}, "id": "1"})
    assert agent.envelope()["message"]["payload"] == {"message": "by a file"}
    assert peer.next_message()["status"] == "published"
    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(transport=transport, base_url="http://localhost", trust_env=False) as client:
        headers = {"Authorization": f"Bearer {gateway.api_key}"}
        count = client.get("/api/post-office/websocket/connection-count", headers=headers).json()
        assert count["global"] == 1


def test_alone_it_is_enough(gateway_factory, path, closing):
    gateway = gateway_factory("--listen", f"unix:{path}", *ANONYMOUS)
    assert gateway.url == f"unix:{path}"
    peer = closing(Peer(path))
    assert peer.upgrade().status == 101
    assert peer.welcome()["instance_id"] == gateway.instance_id


def test_its_clients_are_spread_over_the_shards(gateway, path, closing):
    peers = [closing(Peer(path)) for _ in range(8)]
    for peer in peers:
        assert peer.upgrade().status == 101
        peer.welcome()
    gateway.api.publish("guide", {"to": "all"})
    assert [peer.next_message() for peer in peers] == [{"to": "all"}] * 8


def test_the_file_has_its_mode_and_goes_at_the_end(gateway_factory, path):
    gateway = gateway_factory("--listen", f"unix:{path}")
    assert mode(path) == 0o660
    assert gateway.stop() == 0
    assert not path.exists()
    gateway_factory("--listen", f"unix:{path}?mode=0600")
    assert mode(path) == 0o600


def test_what_a_crash_leaves_is_replaced(gateway_factory, path, closing):
    gateway_factory("--listen", f"unix:{path}").crash()
    assert path.is_socket()
    gateway_factory("--listen", f"unix:{path}", *ANONYMOUS)
    assert closing(Peer(path)).upgrade().status == 101


def test_a_live_one_is_left_alone(gateway, path, closing):
    for flags in ((), ("--reuse-port", "on")):
        ended = run_to_exit("--listen", f"unix:{path}", *flags)
        assert ended.returncode == 1
        assert f"cannot listen on unix:{path}: somebody listens there" in ended.stderr
    assert closing(Peer(path)).upgrade().status == 101


def test_a_file_that_is_none_is_left_alone(path):
    path.write_text("a letter")
    ended = run_to_exit("--listen", f"unix:{path}")
    assert ended.returncode == 1
    assert f"cannot listen on unix:{path}: a file that is no socket is there" in ended.stderr
    assert path.read_text() == "a letter"


def test_a_successors_file_is_left_alone(gateway_factory, path):
    first = gateway_factory("--listen", f"unix:{path}")
    path.unlink()
    gateway_factory("--listen", f"unix:{path}")
    assert first.stop() == 0
    assert path.is_socket()


@pytest.mark.parametrize(
    "address, why",
    [
        ("unix:/" + "a" * 107, "has 108 bytes; the path of a Unix socket has at most 107"),
        ("unix:run/ws.sock", "expected an absolute path behind unix:"),
        ("unix:/ws.sock?mode=0990", "expected a mode of octal digits"),
        ("unix:/ws.sock?owner=www", "expected tls or proxy_protocol behind the ?, or mode=0660"),
        ("127.0.0.1:0?mode=0660", "expected tls or proxy_protocol behind the ?, or mode=0660"),
    ],
)
def test_a_check_says_what_is_wrong(address, why):
    ended = run_to_exit("--listen", address, "--check-config")
    assert ended.returncode == 2
    assert why in ended.stderr and "flag --listen" in ended.stderr


def test_the_same_path_twice_is_refused(path):
    ended = run_to_exit("--listen", f"unix:{path}", "--ops-listen", f"unix:{path}?mode=0600", "--check-config")
    assert ended.returncode == 2 and "expected another port or path" in ended.stderr


def test_health_and_metrics_by_a_file_of_their_own(gateway_factory, path, tmp_path, closing):
    gateway = gateway_factory("--listen", "127.0.0.1:0", "--ops-listen", f"unix:{path}?mode=0600")
    assert mode(path) == 0o600
    response = closing(Peer(path)).request("GET", "/metrics")
    assert response.status == 200 and b"websocket_connections_active" in response.body
    assert gateway.stop() == 0
    assert not path.exists()


class TestWhoComesByIt:
    """It is a proxy that is trusted: what it says of its clients counts, and it stands for all of them."""

    FLAGS = (*ANONYMOUS, "--shards", "1", "--max-connections-per-address", "2")

    @pytest.fixture
    def gateway(self, gateway_factory, path):
        return gateway_factory("--listen", "127.0.0.1:0", "--listen", f"unix:{path}", *self.FLAGS)

    def upgrade(self, path, closing, *headers):
        return closing(Peer(path)).upgrade(headers=headers).status

    def test_many_without_a_name_are_not_one(self, gateway, path, closing):
        assert [self.upgrade(path, closing) for _ in range(5)] == [101] * 5

    def test_one_that_it_names_is_bounded(self, gateway, path, closing):
        ada, grace = ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "203.0.113.10")
        assert [self.upgrade(path, closing, ada) for _ in range(3)] == [101, 101, 429]
        assert self.upgrade(path, closing, grace) == 101

    @pytest.mark.parametrize("headers, address", [((), "unix"), ((("X-Forwarded-For", "203.0.113.9"),), "203.0.113.9")])
    def test_the_audit_log_names_it(self, gateway, path, closing, headers, address):
        key = ("Authorization", f"Bearer {gateway.api_key}")
        body = b'{"user_id":"ada"}'
        fields = [key, ("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers]
        assert closing(Peer(path)).request("POST", "/api/traffic-cop/sessions", fields, body).status == 201
        eventually(lambda: f"address={address}\n" in gateway.log_text, message=gateway.log_text[-500:])

    def test_any_name_may_stand_in_the_host(self, gateway, path, closing):
        """No page of a browser gets at a file, so there is no name to be deceived by."""
        peer = closing(Peer(path))
        assert peer.upgrade(host="chat.example").status == 101
        assert closing(Peer(path)).request("GET", "/health/live").status == 200
