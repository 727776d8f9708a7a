"""A Redis (or Valkey) of a test's own: started on a free port of loopback, disturbed, and ended.

    with RedisServer() as redis, Gateway("--engine", "redis", "--redis-url", redis.url) as gateway:
        redis.stop_process()

The binary is $REDIS_SERVER, else redis-server on the PATH, else what scripts/test made. No other server than the one
started here is ever touched.
"""

import contextlib
import os
import shutil
import socket
import time
from pathlib import Path
from urllib.parse import quote

import redis

from support.certificates import make_certificates
from support.redis_monitor import Monitor
from support.server_process import ServerProcess, free_port
from support.wait import eventually

# Until a test asks for it, nothing is written to disk.
DEFAULTS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no")


class RedisServer(ServerProcess):
    """One server process. Its directory outlives kill() and restart().

    `flags` are appended to the defaults. `password` is the default user's; `users` maps names of others to
    their ACL rules, such as {"gateway": ">secret ~* &* +@all"}. With `tls` the port speaks TLS only, with a
    certificate of `ca_file`.
    """

    def __init__(self, *flags, password=None, users=None, tls=False):
        super().__init__()
        self.flags = [str(flag) for flag in flags]
        self.password = password
        self.users = users or {}
        self.tls = tls
        self.port = None
        self.died_at = None  # time.monotonic() when it was last killed

    # Life.

    def prepare(self):
        if self.tls:
            make_certificates(self.directory)

    def launch(self):
        """Starts without waiting: while it loads its data, it answers nothing but errors."""
        again = self.port is not None
        for _ in range(20):
            if not again:
                self.port = free_port()
            super().launch()
            if self._listens() or again:
                return
        raise AssertionError(f"no free port found for a server:\n{self.log_text[-2000:]}")

    def answers(self):
        with self.client() as client, contextlib.suppress(redis.RedisError):
            return client.ping()
        return False

    def kill(self, *, keep_data=False):
        """At once: SIGKILL, which may fall between an answer and the messages that it counts, and what it held is gone.

        With `keep_data` between two turns of its loop, and all that it had answered is saved: as a server would that
        writes each command to disk before the answer.
        """
        if not self.is_running:
            return
        if keep_data:
            with self.client() as client, contextlib.suppress(redis.ConnectionError):
                client.execute_command("SHUTDOWN", "SAVE", "NOW", "FORCE")
        else:
            self.dump_file.unlink(missing_ok=True)
            super().kill()
        self.wait_exit(10)
        self.died_at = time.monotonic()

    def restart(self, *, keep_data):
        """Killed and started again on the same port."""
        self.kill(keep_data=keep_data)
        return self.start()

    # Where it is.

    @property
    def url(self):
        return self.url_with(password=self.password)

    def url_with(self, *, user="", password=None, database=None):
        path = "" if database is None else f"/{database}"
        return f"{'rediss' if self.tls else 'redis'}://{credentials(user, password)}127.0.0.1:{self.port}{path}"

    def unix_url(self, *, user="", password=None, database=0):
        return f"redis+unix://{credentials(user, password or self.password)}{self.unix_socket}?db={database}"

    @property
    def unix_socket(self):
        return self.directory / "redis.sock"

    @property
    def ca_file(self):
        return self.directory / "ca.crt"

    @property
    def dump_file(self):
        return self.directory / "dump.rdb"

    # What it tells.

    def client(self, **options) -> redis.Redis:
        """A redis-py client of everything, for `with` or close(). Texts are str; nothing is retried."""
        options = {
            "username": None, "password": self.password, "decode_responses": True, "protocol": 2,
            "socket_timeout": 20, "retry": None, **self._tls_options(),
        } | options  # fmt: skip
        return redis.Redis(host="127.0.0.1", port=self.port, **options)

    def monitor(self) -> Monitor:
        """Records every command from here on; see support.redis_monitor."""
        return Monitor(self.client())

    def command_stats(self) -> dict:
        """How often each command was called since the start or since CONFIG RESETSTAT, by its name."""
        with self.client() as client:
            stats = client.info("commandstats")
        return {name.removeprefix("cmdstat_"): figures["calls"] for name, figures in stats.items()}

    # Inside.

    def command(self):
        port = ("--port", "0", "--tls-port", self.port) if self.tls else ("--port", self.port)
        arguments = [*DEFAULTS, *port, "--dir", self.directory, "--unixsocket", self.unix_socket]
        if self.tls:
            for name, file in (("cert", "server.crt"), ("key", "server.key"), ("ca-cert", "ca.crt")):
                arguments += [f"--tls-{name}-file", self.directory / file]
            arguments += ["--tls-auth-clients", "no"]
        if self.password:
            arguments += ["--requirepass", self.password]
        for name, rules in self.users.items():
            arguments += ["--user", name, "on", *rules.split()]
        return [binary(), *arguments, *self.flags]

    def _tls_options(self):
        return {"ssl": True, "ssl_ca_certs": str(self.ca_file)} if self.tls else {}

    def _listens(self) -> bool:
        """Whether it took the port; it ends when another process has."""

        def decided():
            return not self.is_running or can_connect(self.unix_socket)

        eventually(decided, 20, "the server listens or ends")
        return self.is_running


def binary() -> str:
    made = Path(__file__).resolve().parents[2] / "build/tools/redis-server"
    return os.environ.get("REDIS_SERVER") or shutil.which("redis-server") or str(made)


def credentials(user, password):
    return f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""


def can_connect(unix_socket) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(unix_socket)) == 0
