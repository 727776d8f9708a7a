"""That the tests' Redis does what the suites rely on: a fault that did not happen would prove nothing."""

import redis as redis_py

import pytest

from support.redis_server import RedisServer
from support.wait import eventually


@pytest.fixture
def server():
    with RedisServer() as started:
        yield started


def test_a_restart_keeps_its_data_or_loses_it_and_keeps_its_port(server):
    with server.client() as client:
        client.set("kept", "1")
    port, pid = server.port, server.pid
    server.restart(keep_data=True)
    assert server.port == port and server.pid != pid
    with server.client() as client:
        assert client.get("kept") == "1"
    server.restart(keep_data=False)
    with server.client() as client:
        assert client.keys("*") == []


def test_a_killed_server_refuses_connections(server):
    server.kill()
    with server.client() as client, pytest.raises(redis_py.ConnectionError):
        client.ping()


def test_a_stopped_server_answers_nothing_until_it_continues(server):
    server.stop_process()
    with server.client(socket_timeout=0.2) as client, pytest.raises(redis_py.TimeoutError):
        client.ping()
    server.continue_process()
    with server.client() as client:
        assert client.ping()


def test_a_loading_server_says_so(server):
    with server.client() as client:
        client.mset({f"key:{n}": "x" * 100 for n in range(3000)})
    server.kill(keep_data=True)
    server.flags += ["--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"]
    server.launch()
    with server.client() as client:
        with pytest.raises(redis_py.exceptions.BusyLoadingError):
            client.get("key:1")
        server.wait_answering()
        assert client.get("key:1")


def test_the_monitor_records_every_command_byte_for_byte(server):
    odd = bytes(range(256))
    with server.monitor() as monitor, server.client() as client:
        client.set(b"key:" + odd, odd)
        client.get('quo"te\\')
        assert [command.arguments for command in monitor.commands("SET", "GET")] == [
            (b"SET", b"key:" + odd, odd),
            (b"GET", b'quo"te\\'),
        ]


def test_command_stats_count_calls(server):
    with server.client() as client:
        client.config_resetstat()
        for _ in range(3):
            client.get("a")
    assert server.command_stats()["get"] == 3


def test_passwords_and_users_are_asked_for():
    with RedisServer(password="s3cret", users={"gateway": ">pass&word ~websocket:* &* +@all"}) as server:
        with server.client(password=None) as client, pytest.raises(redis_py.AuthenticationError):
            client.ping()
        with server.client(username="gateway", password="pass&word") as client:
            assert client.set("websocket:a", 1)
            with pytest.raises(redis_py.exceptions.NoPermissionError):
                client.set("other", 1)
        with server.client() as client:
            assert client.ping()


def test_with_tls_plain_text_is_refused():
    with RedisServer(tls=True) as server:
        assert server.url == f"rediss://127.0.0.1:{server.port}"
        with server.client() as client:
            assert client.set("a", 1)
        with server.client(ssl=False) as client, pytest.raises(redis_py.ConnectionError):
            client.ping()


def test_the_unix_socket_reaches_its_databases(server):
    with redis_py.Redis(unix_socket_path=str(server.unix_socket), db=1) as client:
        client.set("a", 1)
    with server.client(db=1) as client:
        assert client.get("a") == "1"
    with server.client() as client:
        assert client.get("a") is None


def test_nothing_is_left_of_an_ended_server():
    with RedisServer() as server:
        process, directory = server.process, server.log_file.parent
        with server.client() as client:
            client.set("a", 1)
        server.stop_process()
    assert process.returncode is not None
    eventually(lambda: not directory.exists())
