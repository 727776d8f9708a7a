"""A primary, a replica and sentinels that watch them, all of a test's own."""

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import redis

from support.redis_server import RedisServer, binary, free_port
from support.wait import eventually

NAME = "mymaster"


class SentinelSet:
    """Known once entered: servers (the first is the primary to begin with), url."""

    def __init__(self, sentinels=3, *, password=None, sentinel_password=None):
        self.servers = [RedisServer(*self._auth(password), password=password) for _ in range(2)]
        self._password = password
        self._sentinel_password = sentinel_password
        self._ports = [free_port() for _ in range(sentinels)]
        self._processes = []
        self._directory = Path(tempfile.mkdtemp(prefix="sentinel-"))
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            for server in self.servers:
                self._stack.enter_context(server)
            with self.servers[1].client() as client:
                client.replicaof("127.0.0.1", self.servers[0].port)
                eventually(lambda: client.info("replication")["master_link_status"] == "up", 30)
            for port in self._ports:
                self._start_sentinel(port)
            for port in self._ports:
                eventually(lambda port=port: self._knows_all(port), 30, "the sentinels know one another and the replica")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.kill()
            process.wait(10)
        self._stack.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def url(self):
        query = f"?sentinel_password={quote(self._sentinel_password, safe='')}" if self._sentinel_password else ""
        return self.url_without_sentinel_password + query

    @property
    def url_without_sentinel_password(self):
        user = f":{self._password}@" if self._password else ""
        return f"redis+sentinel://{user}{','.join(f'127.0.0.1:{port}' for port in self._ports)}/{NAME}/0"

    @property
    def sentinel_port(self):
        return self._ports[0]

    @property
    def primary(self) -> RedisServer:
        """As the first sentinel sees it."""
        with self._sentinel(self._ports[0]) as client:
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
        for port in self._ports:
            with self._sentinel(port) as client:
                client.execute_command("SENTINEL", "REMOVE", NAME)
                client.execute_command("SENTINEL", "MONITOR", NAME, "127.0.0.1", new.port, len(self._ports) // 2 + 1)

    def kill_sentinel(self, index):
        self._processes[index].kill()
        self._processes[index].wait(10)

    def _start_sentinel(self, port):
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {self._directory}",
            f"sentinel monitor {NAME} 127.0.0.1 {self.servers[0].port} {len(self._ports) // 2 + 1}",
            f"sentinel down-after-milliseconds {NAME} 1000",
            f"sentinel failover-timeout {NAME} 5000",
        ]
        if self._sentinel_password:
            lines += [f"requirepass {self._sentinel_password}", f"sentinel sentinel-pass {self._sentinel_password}"]
        if self._password:
            lines.append(f"sentinel auth-pass {NAME} {self._password}")
        file = self._directory / f"{port}.conf"
        file.write_text("\n".join(lines) + "\n")
        log = open(self._directory / f"{port}.log", "ab")
        command = [binary(), str(file), "--sentinel"]
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._processes.append(process)

    def _knows_all(self, port):
        with contextlib.suppress(redis.RedisError), self._sentinel(port) as client:
            state = client.execute_command("SENTINEL", "MASTER", NAME)
            told = state if isinstance(state, dict) else dict(zip(state[::2], state[1::2], strict=True))
            return int(told["num-other-sentinels"]) == len(self._ports) - 1 and int(told["num-slaves"]) == 1

    def _sentinel(self, port):
        options = {"decode_responses": True, "protocol": 2, "retry": None, "password": self._sentinel_password}
        return redis.Redis(host="127.0.0.1", port=port, **options)

    @staticmethod
    def _auth(password):
        return ("--masterauth", password) if password else ()
