"""A primary, a replica and sentinels that watch them, all of a test's own."""

import contextlib
from urllib.parse import quote

import redis

from support.redis_server import RedisServer, binary
from support.server_process import ServerProcess, free_ports
from support.wait import eventually

NAME = "mymaster"


class Sentinel(ServerProcess):
    """One of them; `settings` are lines of its configuration, which it goes on writing itself."""

    def __init__(self, port, settings, password):
        super().__init__()
        self.port = port
        self.settings = settings
        self.password = password

    def prepare(self):
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.directory}", *self.settings]
        self.file.write_text("\n".join(lines) + "\n")

    def command(self):
        return [binary(), self.file, "--sentinel"]

    def answers(self):
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return client.ping()
        return False

    @property
    def file(self):
        return self.directory / "sentinel.conf"

    def client(self) -> redis.Redis:
        options = {"decode_responses": True, "protocol": 2, "retry": None, "password": self.password}
        return redis.Redis(host="127.0.0.1", port=self.port, **options)


class SentinelSet:
    """Known once entered: servers (the first is the primary to begin with), url."""

    def __init__(self, sentinels=3, *, password=None, sentinel_password=None):
        self.servers = [RedisServer(*self._auth(password), password=password) for _ in range(2)]
        self._password = password
        self._sentinel_password = sentinel_password
        self._quorum = sentinels // 2 + 1
        self._sentinels = [Sentinel(port, (), sentinel_password) for port in free_ports(sentinels)]
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            for server in self.servers:
                self._stack.enter_context(server)
            with self.servers[1].client() as client:
                client.replicaof("127.0.0.1", self.servers[0].port)
                eventually(lambda: client.info("replication")["master_link_status"] == "up", 30)
            for sentinel in self._sentinels:
                sentinel.settings = self._settings()
                self._stack.enter_context(sentinel)
            for sentinel in self._sentinels:
                eventually(lambda one=sentinel: self._knows_all(one), 30, "the sentinels know one another and the replica")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    @property
    def url(self):
        query = f"?sentinel_password={quote(self._sentinel_password, safe='')}" if self._sentinel_password else ""
        return self.url_without_sentinel_password + query

    @property
    def url_without_sentinel_password(self):
        user = f":{self._password}@" if self._password else ""
        return f"redis+sentinel://{user}{','.join(f'127.0.0.1:{sentinel.port}' for sentinel in self._sentinels)}/{NAME}/0"

    @property
    def sentinel_port(self):
        return self._sentinels[0].port

    @property
    def primary(self) -> RedisServer:
        """As the first sentinel sees it."""
        with self._sentinels[0].client() as client:
            _, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return next(server for server in self.servers if server.port == int(port))

    def swap_roles(self, *, demote=True):
        """By hand, and the sentinels are told: no client is killed. Without `demote` the old one is not told."""
        old, new = self.servers
        with new.client() as client:
            client.replicaof("NO", "ONE")
        if demote:
            with old.client() as client:
                client.replicaof("127.0.0.1", new.port)
        for sentinel in self._sentinels:
            with sentinel.client() as client:
                client.execute_command("SENTINEL", "REMOVE", NAME)
                client.execute_command("SENTINEL", "MONITOR", NAME, "127.0.0.1", new.port, self._quorum)

    def kill_sentinel(self, index):
        self._sentinels[index].kill()

    def _settings(self) -> list:
        settings = [
            f"sentinel monitor {NAME} 127.0.0.1 {self.servers[0].port} {self._quorum}",
            f"sentinel down-after-milliseconds {NAME} 1000",
            f"sentinel failover-timeout {NAME} 5000",
        ]
        if self._sentinel_password:
            settings += [f"requirepass {self._sentinel_password}", f"sentinel sentinel-pass {self._sentinel_password}"]
        if self._password:
            settings.append(f"sentinel auth-pass {NAME} {self._password}")
        return settings

    def _knows_all(self, sentinel):
        with contextlib.suppress(redis.RedisError), sentinel.client() as client:
            state = client.execute_command("SENTINEL", "MASTER", NAME)
            told = state if isinstance(state, dict) else dict(zip(state[::2], state[1::2], strict=True))
            return int(told["num-other-sentinels"]) == len(self._sentinels) - 1 and int(told["num-slaves"]) == 1

    @staticmethod
    def _auth(password):
        return ("--masterauth", password) if password else ()
