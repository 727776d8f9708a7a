"""The gateway as a process: started with flags and environment on a free port, stopped, and checked.

    with Gateway("--max-connections", "3") as gateway:
        session = gateway.new_session(user_id="ada")
        client = gateway.connect(session)

The binary is $GATEWAY_BINARY (relative to the repository), else build/release/websocket-gateway.
"""

import atexit
import contextlib
import functools
import json
import os
import queue
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from support.api import Api
from support.certificates import make_certificate
from support.client import Client
from support.peer import Peer
from support.process import Process
from support.sse_client import SseClient

REPOSITORY = Path(__file__).resolve().parents[2]
# Moves descriptors to 3 and on, by way of numbers that none of them has, and becomes the command behind.
PASS_SOCKETS = """
import os, sys
apart = [os.dup2(int(fd), 200 + n) for n, fd in enumerate(sys.argv[1].split(","))]
for n, fd in enumerate(apart):
    os.dup2(fd, 3 + n)
    os.close(fd)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(apart)), "LISTEN_FDNAMES": sys.argv[2]}
os.execv(sys.argv[3], sys.argv[3:])
"""
SANITIZER_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:")


# With GATEWAY_TESTS_TLS=1 whoever does not ask for an address gets one that speaks TLS.
ALL_OVER_TLS = os.environ.get("GATEWAY_TESTS_TLS") == "1"


@functools.cache
def own_certificate() -> tuple:
    """Of all gateways that this process starts."""
    directory = tempfile.mkdtemp(prefix="gateway-tls-")
    atexit.register(shutil.rmtree, directory)
    return make_certificate(Path(directory), "own")


def binary_path() -> Path:
    path = REPOSITORY / os.environ.get("GATEWAY_BINARY", "build/release/websocket-gateway")
    assert path.is_file(), f"no gateway at {path}: build it, or set GATEWAY_BINARY"
    return path


def is_sanitized() -> bool:
    """Whether the binary carries a sanitizer: its memory and CPU figures then say nothing."""
    return any(name in binary_path().read_bytes() for name in (b"__asan_init", b"__tsan_init"))


def environment(extra=None) -> dict:
    """This process's environment without settings for the gateway, which a test gives itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    kept.setdefault("ASAN_OPTIONS", "detect_leaks=1")
    kept.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    return kept | (extra or {})


def run_to_exit(*flags, env=None, timeout=30) -> subprocess.CompletedProcess:
    """Runs the binary to its end, for --print-config and for starts that must fail."""
    return subprocess.run(
        [binary_path(), *map(str, flags)], env=environment(env), capture_output=True, text=True, timeout=timeout
    )


class Gateway(Process):
    """One gateway process. Known once started: url, ws_url, host, port, instance_id, pid, api_key.

    `flags` are appended to the defaults (port 0 on loopback, a drain of one second); a "--listen" among
    them replaces the default address.
    `open_files`: the soft and hard RLIMIT_NOFILE of the process.
    `passed`: listening sockets by name, which it gets as systemd would pass them.
    `read_log`: False leaves its standard error unread until read_log().
    `binary`: another program than the one under test.
    """

    def __init__(self, *flags, env=None, open_files=None, passed=None, read_log=True, binary=None):
        super().__init__()
        self.flags = [str(flag) for flag in flags]
        self.env = env or {}
        self.open_files = open_files
        self.passed = passed or {}
        self._read_log = read_log
        self._binary = binary
        self.ready = None
        self.stdout_lines = []
        self.log_lines = []
        self._ready_queue = queue.Queue()
        self._readers = []
        self._closing = contextlib.ExitStack()
        self._api = None
        self._ended = False  # by the test, which looked at the exit itself

    # Life.

    def start(self, deadline=60):
        """Returns once it has said that it is ready."""
        self.launch()
        try:
            line = self._ready_queue.get(timeout=deadline)
        except queue.Empty:
            line = None
        if line is None:
            super().kill()
            self.wait_exit(10)
            raise AssertionError(f"gateway did not become ready (exit {self.process.returncode}):\n{self.log_text}")
        self.ready = json.loads(line)
        return self

    def launch(self):
        command = [*self._passing(), self._binary or binary_path()]
        if "--listen" not in self.flags:
            command += ["--listen", "127.0.0.1:0?tls", *own_certificate()] if ALL_OVER_TLS else ["--listen", "127.0.0.1:0"]
        if "--drain-timeout" not in self.flags:
            command += ["--drain-timeout", "1"]
        self.spawn(
            command + self.flags,
            env=environment(self.env),
            pass_fds=[passed.fileno() for passed in self.passed.values()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            preexec_fn=self._limit_open_files if self.open_files else None,
        )
        self._readers = []
        self._read_by_thread(self._read_stdout)
        if self._read_log:
            self.read_log()

    def read_log(self):
        """Called where it was not to be read at first."""
        self._read_by_thread(self._read_stderr)

    def stop(self, deadline=30) -> int:
        """SIGTERM, waits for the drain, and returns the exit code (0 when drained).

        Fails when the process had died before, does not end, or a sanitizer reported anything.
        """
        self._closing.close()
        died = None if self._ended else self.process.poll()
        if self.is_running:
            self.terminate()
        code = self.wait_exit(deadline)
        self.check_log()
        assert died is None, f"gateway had died with {died}:\n{self.log_text[-4000:]}"
        return code

    def kill(self):
        """SIGKILL: no drain, no goodbye."""
        self._closing.close()
        self.crash()
        self.check_log()

    def crash(self):
        """SIGKILL while its clients are connected."""
        super().kill()
        self.wait_exit(10)

    def wait_exit(self, deadline=30) -> int:
        """Its exit code. One that takes longer is killed, and that is a failure."""
        try:
            code = super().wait_exit(deadline)
        except subprocess.TimeoutExpired:
            super().kill()
            raise AssertionError(f"gateway did not end within {deadline} s:\n{self.log_text[-4000:]}") from None
        self._ended = True
        for reader in self._readers:
            reader.join(10)
        return code

    def check_log(self):
        report = SANITIZER_REPORT.search(self.log_text)
        assert report is None, f"sanitizer report:\n{self.log_text[report.start() :][:8000]}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # What it says of itself.

    @property
    def url(self):
        return self.ready["url"]

    @property
    def is_secure(self):
        return self.url.startswith("https:")

    @property
    def host(self):
        return self.url.split("//")[1].rsplit(":", 1)[0]

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    @property
    def address(self):
        return self.host, self.port

    @property
    def ws_url(self):
        return self.url.replace("http", "ws", 1) + "/ws"

    @property
    def instance_id(self):
        return self.ready["instance_id"]

    @property
    def api_key(self):
        return self.env.get("GATEWAY_API_KEY") or self.ready["api_key"]

    @property
    def log_text(self):
        return "".join(self.log_lines)

    # Those who talk to it. What is made here is closed at the end of the innermost scope(), or else before
    # the gateway is stopped.

    @contextlib.contextmanager
    def scope(self):
        outer, self._closing = self._closing, contextlib.ExitStack()
        try:
            with self._closing:
                yield self
        finally:
            self._closing = outer

    @property
    def api(self) -> Api:
        """The service API with the key that may everything."""
        if self._api is None:
            self._api = Api(self.url, self.api_key)
        return self._api

    def api_with(self, key) -> Api:
        """The service API with another key, or with none (None)."""
        return self._keep(Api(self.url, key))

    def new_session(self, user_id="ada", **fields) -> str:
        """A fresh session's token."""
        return self.api.create_session(user_id=user_id, **fields)["session_id"]

    def connect(self, token=None, **options) -> Client:
        """A welcomed client. Without a token it gets a session of a user of its own."""
        if token is None:
            token = self.new_session(user_id=f"user-{os.urandom(6).hex()}")
        return self._keep(Client.open(self.ws_url, token, **options))

    def connect_by_events(self, token=None, **options) -> SseClient:
        """The same for a client without a WebSocket."""
        if token is None:
            token = self.new_session(user_id=f"user-{os.urandom(6).hex()}")
        return self._keep(SseClient.open(self.url, token, **options))

    def peer(self, **options) -> Peer:
        """A TCP connection, nothing sent yet."""
        return self._keep(Peer(self.address, **({"tls": True} if self.is_secure else {}) | options))

    def raw_connect(self, token=None, *, headers=(), query="", **options) -> Peer:
        """A raw peer behind a handmade handshake that was accepted; its welcome not yet read."""
        if token is None:
            token = self.new_session(user_id=f"user-{os.urandom(6).hex()}")
        peer = self.peer(**options)
        response = peer.upgrade(f"/ws?session_token={token}{query}", headers=headers)
        assert response.status == 101, response
        return peer

    def subscribe(self, channel, group=None, **options):
        """An agent's event stream on a channel; see support.sse."""
        return self._keep(self.api.subscribe(channel, group, **options))

    def connection_count(self) -> int:
        return self.api.get("/api/post-office/websocket/connection-count").json()["global"]

    def received_by(self, client) -> list:
        """What has been sent to a client up to now: everything before a marker that follows it."""
        marker = {"marker": os.urandom(8).hex()}
        self.api.send(marker, connection_id=client.connection_id)
        received = []
        while (message := client.receive()) != marker:
            received.append(message)
        return received

    # Inside.

    def _keep(self, closable):
        self._closing.callback(closable.close)
        return closable

    def _passing(self):
        """What goes before the command: sd_listen_fds(3) wants them from 3 on, and the process named."""
        if not self.passed:
            return []
        fds = ",".join(str(passed.fileno()) for passed in self.passed.values())
        return [sys.executable, "-c", PASS_SOCKETS, fds, ":".join(self.passed)]

    def _limit_open_files(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.open_files, self.open_files))

    def _read_by_thread(self, target):
        self._readers.append(threading.Thread(target=target, daemon=True))
        self._readers[-1].start()

    def _read_stdout(self):
        for line in self.process.stdout:
            self.stdout_lines.append(line)
            if len(self.stdout_lines) == 1:
                self._ready_queue.put(line)
        self._ready_queue.put(None)

    def _read_stderr(self):
        for line in self.process.stderr:
            self.log_lines.append(line)
