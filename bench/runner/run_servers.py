"""Centrifugo with channels that keep a history, on its memory engine or on a Redis of the bench's own."""

import json
import secrets
import socket
import subprocess
import time

from . import redis_servers, servers, tools

VERSION = "6.9.1"  # as in tools/centrifugo/go.mod
# History as a run has it: everything is kept until its end. 16 KiB in appends of 16 bytes are 1 024.
HISTORY_SIZE = 4096


def centrifugo_if_built():
    """The binary's path, or None: it is not built for a smoke run."""
    found = subprocess.run([tools.ROOT / "scripts/lib/go_tools.sh", "centrifugo", "--if-built"], stdout=subprocess.PIPE, text=True, check=True)
    return found.stdout.strip() or None


def centrifugo():
    made = subprocess.run([tools.ROOT / "scripts/lib/go_tools.sh", "centrifugo"], stdout=subprocess.PIPE, text=True, check=True)
    return made.stdout.strip()


class Centrifugo(servers.Server):
    """Its clients come without a token: it has less to check than the gateway has of a session."""

    name = "centrifugo"
    dialect = "centrifugo"

    def __init__(self, binary=None):
        super().__init__()
        self.version = VERSION
        self.binary = binary or centrifugo()
        self.key = secrets.token_hex(16)
        # The generator's name for any key.
        self.env = {"GATEWAY_API_KEY": self.key, "GOGC": "100", "GODEBUG": ""}
        self.engine = {"type": "memory"}

    def config(self):
        for_anybody = {"allow_subscribe_for_anonymous": True, "allow_subscribe_for_client": True}
        namespace = {"name": "runs", "history_size": HISTORY_SIZE, "history_ttl": "3600s", "force_recovery": True, **for_anybody}
        return {
            "http_server": {"address": "127.0.0.1", "port": self.port},
            "log": {"level": "error"},
            "engine": self.engine,
            "http_api": {"key": self.key},
            "client": {"allow_anonymous_connect_without_token": True, "allowed_origins": ["*"],
                       "recovery_max_publication_limit": HISTORY_SIZE},
            "channel": {"namespaces": [namespace], "without_namespace": for_anybody},
            "usage_stats": {"disabled": True},
        }

    def start(self, cpu):
        # On one CPU one running goroutine at a time is what Go chooses itself; the bench's own limit may hide that.
        self.env["GOMAXPROCS"] = "" if cpu is None else "1"
        super().start(cpu)

    def command(self):
        self.port = servers.free_port()
        config = self.folder / "config.json"
        config.write_text(json.dumps(self.config()))
        return [self.binary, "--config", config]

    def wait_ready(self):
        deadline = time.monotonic() + servers.START_S
        while time.monotonic() < deadline and self.is_running:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return f"http://127.0.0.1:{self.port}"
            time.sleep(0.05)
        raise servers.ServerFailed(f"{self.name}: not ready\n{self.errors()}")


class CentrifugoOnRedis:
    """With a Redis of its own. Used like a servers.Server."""

    name = "centrifugo-redis"

    def __init__(self, binary=None):
        self.server = Centrifugo(binary)
        self.env = self.server.env
        self.redis = redis_servers.Redis()

    def start(self, cpu):
        self.redis.start(cpu)
        self.server.engine = {"type": "redis", "redis": {"address": [f"redis://{self.redis.url}"]}}
        self.server.start(cpu)

    def load_options(self):
        return [*self.server.load_options(), "--redis", self.redis.url, "--redis-pid", self.redis.process.pid]

    def errors(self):
        return self.server.errors() + self.redis.errors()

    def stop(self):
        self.server.stop()
        self.redis.stop()
