"""Settings: flags, then variables, then a file, then defaults; a wrong one stops the start."""

import contextlib
import http.client
import tomllib

import psutil
import pytest

from support.gateway import run_to_exit
from support.peer import Peer


def printed(*flags, env=None):
    result = run_to_exit("--print-config", *flags, env=env)
    assert result.returncode == 0, result.stderr
    return result.stdout


def effective(*flags, env=None):
    """The settings that --print-config shows: a TOML file that says the same."""
    return tomllib.loads(printed(*flags, env=env))


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        return path

    return write


def test_the_defaults_are_as_documented():
    expected = {
        "max_connections": "100000",
        "max_connections_per_user": "5",
        "max_message_bytes": "64KiB",
        "message_rate": "100",
        "message_burst": "200",
        "rate_action": "pause",
        "session_policy": "required",
        "engine": "memory",
        "queue_size": "1000",
        "compression": "off",
        "console": "on",
        "inbox": "stream",
    }
    assert {key: str(effective()[key]) for key in expected} == expected
    assert effective()["listen"] == ["127.0.0.1:8000"]
    assert effective()["channels"] == [
        "guide",
        "pillar:content",
        "pillar:insights",
        "pillar:operations",
        "pillar:business_outcomes",
    ]


def test_flags_go_before_variables_before_the_file(file):
    path = file("max_connections = 1\n")
    variable = {"GATEWAY_MAX_CONNECTIONS": "2"}
    assert effective("--config", path)["max_connections"] == 1
    assert effective("--config", path, env=variable)["max_connections"] == 2
    assert effective("--config", path, "--max-connections", "3", env=variable)["max_connections"] == 3


def test_what_is_printed_can_be_read_again(file):
    flags = [
        "--message-rate",
        "7",
        "--channels",
        "guide,other",
        "--idle-timeout",
        "90s",
        "--allowed-origin",
        "https://a.example",
    ]
    assert effective("--config", file(printed(*flags))) == effective(*flags) != effective()


@pytest.mark.parametrize("given, shown", [("45", "45s"), ("45s", "45s"), ("1500ms", "1500ms"), ("2m", "2m")])
def test_durations_carry_a_unit_or_are_seconds(given, shown):
    assert effective("--heartbeat-interval", given)["heartbeat_interval"] == shown


def test_no_secret_is_printed():
    shown = printed("--redis-url", "redis://user:hunter2@127.0.0.1:6379", env={"GATEWAY_API_KEY": "sesame-0123456789"})
    assert "hunter2" not in shown and "sesame" not in shown


def test_check_config(file):
    good, bad = run_to_exit("--check-config"), run_to_exit("--check-config", "--max-connections", "none")
    assert (good.returncode, bad.returncode) == (0, 2)
    assert "max-connections" in bad.stderr


WRONG = [
    (["--max-connections", "-1"], "max-connections"),
    (["--max-connections", "many"], "max-connections"),
    (["--max-connections", "0"], "max-connections"),
    (["--max-message-bytes", "1e3"], "max-message-bytes"),
    (["--listen", "nowhere"], "listen"),
    (["--listen", "127.0.0.1:70000"], "listen"),
    (["--engine", "etcd"], "engine"),
    (["--session-policy", "maybe"], "session-policy"),
    (["--rate-action", "explode"], "rate-action"),
    (["--heartbeat-interval", "soon"], "heartbeat-interval"),
    (["--heartbeat-interval", "-5s"], "heartbeat-interval"),
    (["--idle-timeout", "5 parsecs"], "idle-timeout"),
    (["--compression", "maybe"], "compression"),
    (["--allowed-origin", "https://app.example/path"], "allowed-origin"),
    (["--allowed-origin", "app.example"], "allowed-origin"),
    (["--public-url", "ftp://x"], "public-url"),
    (["--config", "/nonexistent/gateway.toml"], "config"),
    (["--no-such-flag"], "no-such-flag"),
    (["stray"], "stray"),
    (["--max-connections"], "max-connections"),
    *[
        (["--channels", f"guide,{channel}"], "channels")
        for channel in ("events", "fanout:x", "gateway:x", "connection:x", "channel:x", "user:x", "session:x", "inbox:x", "UPPER", "a b", "x" * 65, "ü", "guide")
    ],
]  # fmt: skip


@pytest.mark.parametrize(
    "flags, name", WRONG, ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else ""
)
def test_a_wrong_flag_stops_the_start_and_is_named(flags, name):
    result = run_to_exit(*flags)
    assert result.returncode == 2
    assert name in result.stderr
    assert result.stdout == ""


def test_all_problems_are_reported_at_once(file):
    path = file('max_connections = "many"\nno_such_key = 1\nqueue_size = -1\n')
    result = run_to_exit(
        "--config", path, "--message-rate", "fast", "--engine", "etcd", env={"GATEWAY_IDLE_TIMEOUT": "never"}
    )
    assert result.returncode == 2
    for name in ("max_connections", "no_such_key", "queue_size", "message-rate", "engine", "GATEWAY_IDLE_TIMEOUT"):
        assert name in result.stderr, name
    assert len(result.stderr.splitlines()) >= 6


@pytest.mark.parametrize("variable", ["GATEWAY_MAX_CONECTIONS", "GATEWAY_NO_SUCH"])
def test_a_misspelt_variable_is_named(variable):
    result = run_to_exit("--check-config", env={variable: "1"})
    assert result.returncode == 2
    assert variable in result.stderr


@pytest.mark.parametrize(
    "text", ["max_connections = ", "= 1", "[table\n", "max_connections = 1\nmax_connections = 2\n", "\x00"]
)
def test_a_file_that_is_not_toml_is_named(file, text):
    path = file(text)
    result = run_to_exit("--config", path)
    assert result.returncode == 2
    assert str(path) in result.stderr


KEY = 'realm = "r"\nkey = "0123456789abcdef"\nscopes = ["publish"]\n'


@pytest.mark.parametrize(
    "table, name",
    [
        (KEY.replace('realm = "r"\n', ""), "realm"),
        (KEY.replace("0123456789abcdef", "short"), "key"),
        (KEY.replace('["publish"]', '["everything"]'), "everything"),
        (KEY.replace('["publish"]', "[]"), "scopes"),
        (KEY + 'channels = ["nowhere"]\n', "nowhere"),
        (KEY + 'tenant = "a b"\n', "tenant"),
        (KEY + "colour = 1\n", "colour"),
        (KEY + "\n[[api_keys]]\n" + KEY, "api_keys"),
    ],
)
def test_a_wrong_key_entry_is_named_and_its_key_is_not_shown(file, table, name):
    result = run_to_exit("--config", file("[[api_keys]]\n" + table))
    assert result.returncode == 2
    assert name in result.stderr
    assert "0123456789abcdef" not in result.stderr


def test_what_needs_a_loopback_address_refuses_another():
    result = run_to_exit("--listen", "0.0.0.0:0", "--test-endpoints", env={"GATEWAY_API_KEY": "root-key-0123456789"})
    assert result.returncode == 2
    assert "test-endpoints" in result.stderr


@pytest.mark.parametrize("key, outside", [("x", 2), ("0123456789abcde", 2), ("0123456789abcdef", 0)])
def test_a_key_that_can_be_guessed_is_for_loopback_alone(key, outside):
    env = {"GATEWAY_API_KEY": key}
    result = run_to_exit("--check-config", "--listen", "0.0.0.0:0", env=env)
    assert result.returncode == outside
    assert outside == 0 or "GATEWAY_API_KEY" in result.stderr
    inside = run_to_exit("--check-config", "--listen", "127.0.0.1:0", env=env)
    assert inside.returncode == 0
    assert ("Warning: variable GATEWAY_API_KEY" in inside.stdout) == (outside == 2)


def test_variables_of_our_own_tools_are_passed_over():
    env = {"GATEWAY_URL": "http://127.0.0.1:8000", "GATEWAY_BINARY": "build/release/websocket-gateway"}
    assert run_to_exit("--check-config", env=env).returncode == 0


def test_a_file_may_begin_with_a_byte_order_mark(file):
    assert effective("--config", file("\ufeffmax_connections = 7\n"))["max_connections"] == 7


def test_a_bare_ipv6_address_can_be_advertised():
    assert effective("--advertise", "fd00::7")["advertise"] == "[fd00::7]"


def is_live(host, port):
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=10)) as connection:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200


def test_the_unspecified_ipv6_address_takes_ipv4_too(gateway_factory):
    gateway = gateway_factory("--listen", "[::]:0", "--shards", "3", env={"GATEWAY_API_KEY": "0123456789abcdef"})
    for host in ("127.0.0.1", "::1"):
        for _ in range(10):  # at each shard
            assert is_live(host, gateway.port)


def test_it_leaves_ipv4_to_an_address_of_its_own(gateway_factory):
    first = gateway_factory()
    port = first.port
    first.stop()
    gateway = gateway_factory(
        "--listen", f"[::]:{port}", "--listen", f"0.0.0.0:{port}", env={"GATEWAY_API_KEY": "0123456789abcdef"}
    )
    listening = [c.laddr.ip for c in psutil.Process(gateway.pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert set(listening) == {"::", "0.0.0.0"}
    for host in ("127.0.0.1", "::1"):
        assert is_live(host, port)


def test_an_address_in_use_stops_the_start(gateway_factory):
    first = gateway_factory()
    result = run_to_exit("--listen", f"127.0.0.1:{first.port}")
    assert result.returncode in (1, 2)
    assert str(first.port) in result.stderr
    assert result.stdout == ""


def test_help_and_version():
    for flag in ("--help", "--version"):
        result = run_to_exit(flag)
        assert (result.returncode, result.stderr) == (0, "")
    help_text = run_to_exit("--help").stdout
    for flag in (
        "--listen", "--engine", "--redis-url", "--session-policy", "--channels", "--max-connections", "--max-connections-per-user",
        "--max-message-bytes", "--message-rate", "--message-burst", "--rate-action", "--outbox-bytes", "--queue-size", "--queue-bytes",
        "--inbox", "--heartbeat-interval", "--idle-timeout", "--allowed-origin", "--compression", "--public-url", "--drain-timeout",
        "--shards", "--ops-listen", "--console", "--test-endpoints", "--config",
    ):  # fmt: skip
        assert flag in help_text


class TestReadyLine:
    def test_it_is_the_one_line_on_standard_output(self, gateway_factory):
        gateway = gateway_factory()
        assert gateway.ready == {
            "event": "ready",
            "url": f"http://127.0.0.1:{gateway.port}",
            "instance_id": gateway.instance_id,
            "pid": gateway.process.pid,
            "api_key": gateway.api_key,
        }
        gateway.connect().say(id=1)
        assert gateway.stop() == 0
        assert len(gateway.stdout_lines) == 1

    def test_when_it_comes_the_gateway_serves(self, gateway_factory):
        for _ in range(5):
            gateway = gateway_factory("--session-policy", "optional")
            assert gateway.peer().upgrade("/ws").status == 101
            assert gateway.api_with(None).get("/health/websocket-gateway").status_code == 200

    def test_several_addresses(self, gateway_factory):
        gateway = gateway_factory("--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0")
        sockets = psutil.Process(gateway.pid).net_connections("tcp")
        second = {c.laddr for c in sockets if c.status == psutil.CONN_LISTEN and c.laddr.ip == "127.0.0.2"}
        (address,) = second
        peer = Peer((address.ip, address.port))
        assert peer.request("GET", "/health/live").status == 200
        peer.close()

    def test_more_shards_serve_the_same(self, gateway_factory):
        gateway = gateway_factory("--shards", "4")
        clients = [gateway.connect() for _ in range(20)]
        gateway.api.publish("guide", {"to": "all"})
        assert [gateway.received_by(client) for client in clients] == [[{"to": "all"}]] * 20
        assert gateway.connection_count() == 20
