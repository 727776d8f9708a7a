"""scripts/run as a person uses it: start, follow the printed address, Ctrl-C."""

import contextlib
import os
import queue
import re
import signal
import socket
import subprocess
import threading

import httpx
import psutil
import pytest

from support.api import Api
from support.client import Client
from support.gateway import REPOSITORY
from support.peer import Peer
from support.process import Process
from support.redis_server import RedisServer
from support.server_process import free_port
from support.wait import eventually

DEADLINE = 60
RUN = REPOSITORY / "scripts/run"
# Its own key and port, whatever the environment of the tests says.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}


def default_interrupt():
    """A shell cannot trap a signal that was ignored when it began, and whoever started the tests may ignore this one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running(Process):
    """scripts/run as the leader of its own process group, as a terminal would have it."""

    def __init__(self, *flags, env=None):
        super().__init__([RUN, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         env=ENVIRONMENT | (env or {}), process_group=0, preexec_fn=default_interrupt)
        self.text = ""
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def line(self, pattern):
        """The first line that matches."""
        while True:
            line = self._lines.get(timeout=DEADLINE)
            assert line is not None, f"ended before {pattern!r}:\n{self.text}"
            self.text += line
            if found := re.search(pattern, line):
                return found

    def children(self):
        return psutil.Process(self.pid).children(recursive=True)

    def stop(self):
        """It ends what it started; what it leaves is killed."""
        if not self.is_running:
            return
        children = self.children()
        self.terminate()
        self.wait_exit(DEADLINE)
        _, left = psutil.wait_procs(children, timeout=1)
        for child in left:
            child.kill()


@pytest.fixture
def start():
    running = []

    def start_one(*flags, **options):
        running.append(Running(*flags, **options))
        return running[-1]

    yield start_one
    for one in running:
        one.stop()


def open_client(url, api):
    return Client.open(url.replace("http", "ws") + "/ws", api.create_session(user_id=os.urandom(8).hex())["session_id"])


def assert_answered(client):
    client.say("pillar:insights", text="ping")
    frame = client.receive()
    while not frame["data"]["final"]:
        frame = client.receive()
    assert "ping" in frame["message"] and frame["pillar"] == "insights"


def assert_ends(run, children, number=signal.SIGINT):
    os.killpg(run.pid, number)
    assert run.wait_exit(DEADLINE) == 128 + number
    _, alive = psutil.wait_procs(children, timeout=DEADLINE)
    assert not alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_starts_prints_answers_and_ends_everything(start, number):
    run = start("--port", "0", "--", "--drain-timeout", "1")
    console = run.line(r"Console\s+(http://127\.0\.0\.1:\d+)/#key=(\S+)")
    url, key = console[1], console[2]
    run.line("Stop")
    with contextlib.closing(Api(url, key)) as api, contextlib.closing(open_client(url, api)) as client:
        assert_answered(client)
    children = run.children()
    assert len(children) >= 2
    assert_ends(run, children, number)


def test_it_says_what_it_waits_for_and_a_second_interrupt_hurries_it(start):
    run = start("--port", "0", "--", "--drain-timeout", "300", "--close-timeout", "300")
    url = run.line(r"Console\s+(http://127\.0\.0\.1:\d+)/#key=(\S+)")
    run.line("Stop")
    with contextlib.closing(Api(url[1], url[2])) as api:
        token = api.create_session(user_id="ada")["session_id"]
    host, port = url[1].removeprefix("http://").split(":")
    with contextlib.closing(Peer((host, int(port)))) as mute:  # it never answers a close
        assert mute.upgrade(f"/ws?session_token={token}").status == 101
        children = run.children()
        os.killpg(run.pid, signal.SIGINT)
        run.line(r"Waiting for the gateway: clients .* \(pid \d+\); Ctrl-C again")
        if "drain_began" not in run.text:
            run.line("drain_began")
        assert_ends(run, children)
    run.line("stopped_at_once")


def test_a_second_interrupt_hurries_an_agent_that_does_not_end(start):
    run = start("--port", "0", "--", "--drain-timeout", "1")
    run.line("Stop")
    children = run.children()
    agent = next(child for child in children if "agent.py" in " ".join(child.cmdline()))
    agent.suspend()  # it gets no signal but the last
    os.killpg(run.pid, signal.SIGINT)
    run.line(rf"Waiting for the demo agent \(pid {agent.pid}\); Ctrl-C again")
    assert_ends(run, children)


def test_the_printed_line_works(start):
    run = start("--port", "0", "--", "--drain-timeout", "1")
    command = run.line(r"Try\s+(curl .*)")[1]
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=DEADLINE)
    assert '"status":"published"' in answer.stdout, answer


def test_the_chat_page_is_built_and_served(start):
    run = start("--chat", "--port", "0", "--", "--drain-timeout", "1", env={"RUN_CHAT_PORT": str(free_port())})
    chat = run.line(r"Chat\s+(http://127\.0\.0\.1:\d+)")[1]
    run.line("Stop")
    with httpx.Client(base_url=chat, timeout=DEADLINE) as page:
        eventually(lambda: is_served(page))  # it asks the gateway first
        session = page.post("/session").json()
    client = Client.open(session["gateway"].replace("http", "ws") + "/ws", session["token"], origin=chat)
    with contextlib.closing(client):
        assert_answered(client)
    assert_ends(run, run.children())


def is_served(page):
    with contextlib.suppress(httpx.TransportError):
        return '<div id="root">' in page.get("/").text
    return False


def test_without_npm_it_says_what_the_chat_page_needs(tmp_path):
    (tmp_path / "basename").symlink_to("/usr/bin/basename")  # and nothing else is there
    said = subprocess.run(["/bin/bash", "-c", f'root={tmp_path}; source "$0/common.sh"; source "$0/npm.sh"; find_npm', RUN.parent / "lib"],
                          env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=DEADLINE)  # fmt: skip
    assert said.returncode == 1 and "Node.js 20 or newer with npm" in said.stderr


class TestRedis:
    FLAGS = ("--redis", "--port", "0", "--", "--drain-timeout", "1")

    @staticmethod
    def addresses(run):
        """Gateways' pids, what is said of Redis, the url and the key."""
        pids = [int(pid) for pid in re.findall(r"pid (\d+)", run.line(r"Gateway  \S+ +\((gateway-1.*)\)")[1])]
        redis = run.line(r"Redis    (\S+) +\((.*)\)")
        console = run.line(r"Console\s+(http://127\.0\.0\.1:\d+)/#key=(\S+)")
        run.line("Stop")
        return pids, redis, console[1], console[2]

    def test_two_gateways_share_an_address_and_a_redis_of_their_own(self, start):
        run = start(*self.FLAGS, env={"RUN_REDIS_PORT": str(free_port())})
        pids, redis, url, key = self.addresses(run)
        redis_pid = int(re.fullmatch(r"pid (\d+), ends with this script", redis[2])[1])
        children = run.children()
        assert {*pids, redis_pid} <= {child.pid for child in children}
        instances = set()
        with contextlib.closing(Api(url, key)) as api:
            for _ in range(60):  # the kernel chooses one for each connection
                with contextlib.closing(open_client(url, api)) as client:
                    assert_answered(client)
                    instances.add(client.welcome["instance_id"])
                if len(instances) == 2:
                    break
        assert instances == {"gateway-1", "gateway-2"}
        psutil.Process(pids[0]).kill()
        run.line(f"A gateway ended .pid {pids[0]}.; those left: {pids[1]}")
        with contextlib.closing(Api(url, key)) as api, contextlib.closing(open_client(url, api)) as client:
            assert client.welcome["instance_id"] == "gateway-2"
        assert_ends(run, children)

    def test_a_redis_that_was_there_is_used_and_left(self, start):
        with RedisServer() as redis:
            run = start(*self.FLAGS, env={"RUN_REDIS_PORT": str(redis.port)})
            _, said, _, _ = self.addresses(run)
            assert (said[1], said[2]) == (redis.url, "was there before")
            assert_ends(run, run.children())
            with redis.client() as client:
                assert client.ping()

    def test_another_redis_and_another_number(self, start):
        with RedisServer(password="hush") as redis:
            run = start("--redis-url", redis.url, "--instances", "3", "--no-agent", *self.FLAGS)
            pids, said, url, key = self.addresses(run)
            assert len(pids) == 3
            assert said[1] == f"redis://…@127.0.0.1:{redis.port}"
            assert not any("hush" in word for pid in pids for word in psutil.Process(pid).cmdline())
            with contextlib.closing(Api(url, key)) as api:
                counts = api.get("/api/post-office/websocket/connection-count").json()
            names = sorted(counts["by_gateway"])
            # On a Redis that was there before they have names that nobody else has.
            assert [re.sub(r"-\d+$", "", name) for name in names] == ["gateway-1", "gateway-2", "gateway-3"]
            assert_ends(run, run.children())


def test_a_taken_port_is_named_before_anything_is_built(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = subprocess.run([RUN, "--port", str(port)], capture_output=True, text=True, env=ENVIRONMENT, timeout=DEADLINE)
    assert run.returncode == 1
    assert f"port {port} is taken" in run.stderr


def test_a_wrong_flag_is_explained(start):
    run = start("--port", "0", "--", "--no-such-flag")
    run.line("no-such-flag")
    assert run.wait_exit(DEADLINE) == 1
