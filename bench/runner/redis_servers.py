"""A Redis of the bench's own, and gateways on it."""

import time

from . import servers, tools


class Redis(servers.Server):
    """On a free port of loopback; nothing is kept on disk."""

    name = "redis"

    def __init__(self):
        super().__init__()
        self.binary = tools.need("redis-server", "redis-server")

    def command(self):
        self.port = servers.free_port()
        return [self.binary, "--bind", "127.0.0.1", "--port", self.port, "--save", "", "--appendonly", "no",
                "--dir", self.folder, "--logfile", self.folder / "stderr"]

    def wait_ready(self):
        deadline = time.monotonic() + servers.START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            # Not by connecting: another server may have taken the port meanwhile.
            if "Ready to accept connections" in self.errors():
                return f"127.0.0.1:{self.port}"
            time.sleep(0.02)
        raise servers.ServerFailed(f"{self.name}: not ready\n{self.errors()}")


class RedisGateways:
    """One or more gateways, which share a Redis and the clients. Used like a servers.Server."""

    def __init__(self, name, gateways):
        self.name = name
        self.gateways = gateways
        self.redis = Redis()
        self.flags = gateways[0].flags
        self.env = gateways[0].env

    def start(self, cpu):
        self.redis.start(cpu)
        for gateway in self.gateways:
            gateway.env = self.env
            gateway.flags = [*self.flags, "--engine", "redis", "--redis-url", f"redis://{self.redis.url}"]
            gateway.start(cpu)

    def load_options(self):
        places = [option for gateway in self.gateways for option in gateway.location()]
        return ["--server", "gateway", *places, "--redis", self.redis.url, "--redis-pid", self.redis.process.pid]

    def errors(self):
        return "".join(server.errors() for server in (*self.gateways, self.redis))

    def stop(self):
        for server in (*self.gateways, self.redis):
            server.stop()
