"""A Redis (or Valkey) Cluster of a test's own: three masters, each with a replica.

    with RedisCluster() as redis, Gateway("--engine", "redis", "--redis-url", redis.url) as gateway:
        redis.masters[0].kill()

Nodes are started with the file that each would have written had they met before: they need no time to meet. Node i is
a master, i + 3 its replica, until a test changes that.
"""

import contextlib
import shutil

import redis
from redis.crc import key_slot

from support.redis_server import RedisServer, credentials
from support.server_process import free_ports
from support.wait import eventually

MASTERS = 3
SLOTS = 16384
# A cluster goes on with what it has when a part of it is away, and a replica takes over within seconds.
SETTINGS = (
    "--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--cluster-require-full-coverage", "no",
    "--cluster-allow-replica-migration", "no", "--cluster-replica-validity-factor", "0",
    "--repl-diskless-sync-delay", "0",
)  # fmt: skip


class Node(RedisServer):
    def __init__(self, cluster, index, port, bus_port, *flags, **options):
        super().__init__(*SETTINGS, "--cluster-port", bus_port, *flags, **options)
        self.cluster, self.index, self.port, self.bus_port = cluster, index, port, bus_port

    @property
    def id(self):
        return f"{self.index + 1:040}"

    def prepare(self):
        first = self.cluster.nodes[0]
        if self is first:
            super().prepare()
        elif self.tls:
            for name in ("ca.crt", "server.crt", "server.key"):
                shutil.copy(first.directory / name, self.directory)
        (self.directory / "nodes.conf").write_text(self.cluster.known_to(self))

    def ask(self, *words):
        """What CLUSTER WORDS answers, as it is."""
        with self.client() as client:
            return client.execute_command(" ".join(("CLUSTER", words[0])), *words[1:])

    def info(self, field):
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return client.info("replication").get(field)
        return None

    def is_linked(self):
        """The cluster is whole, as this one sees it, and it has its master's data."""
        with contextlib.suppress(redis.RedisError), self.client() as client:
            if client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                return False
            return self.index < MASTERS or client.info("replication")["master_link_status"] == "up"
        return False


class RedisCluster:
    """Known once entered: nodes. `password`, `users` and `tls` as RedisServer has them."""

    def __init__(self, *flags, password=None, users=None, tls=False):
        auth = ("--masterauth", password) if password else ()
        encrypted = ("--tls-cluster", "yes", "--tls-replication", "yes") if tls else ()
        ports = free_ports(4 * MASTERS)
        self.tls, self.password = tls, password
        self.nodes = []
        for index in range(2 * MASTERS):
            options = {"password": password, "users": users, "tls": tls}
            node = Node(self, index, ports.pop(), ports.pop(), *auth, *encrypted, *flags, **options)
            self.nodes.append(node)
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            for node in self.nodes:
                self._stack.callback(node.stop)
                node.launch()
            for node in self.nodes:
                node.wait_answering()
            for node in self.nodes:
                eventually(node.is_linked, 30, "the cluster is whole")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            if node.is_running:
                node.continue_process()
        self._stack.close()

    @property
    def url(self):
        return self.url_with(password=self.password)

    def url_with(self, *, user="", password=None):
        """Names two of them."""
        hosts = ",".join(f"127.0.0.1:{self.nodes[index].port}" for index in (0, 4))
        return f"{'rediss' if self.tls else 'redis'}+cluster://{credentials(user, password)}{hosts}"

    @property
    def ca_file(self):
        return self.nodes[0].ca_file

    def master_of(self, key) -> Node:
        """As it says itself."""
        return next(node for node in self.nodes if node.is_running and self._serves(node, key))

    def replica_of(self, master) -> Node:
        return self.nodes[(master.index + MASTERS) % len(self.nodes)]

    def wait_for_replica_of(self, master):
        """What has been answered is there as well."""
        replica = self.replica_of(master)
        eventually(lambda: master.info("master_repl_offset") == replica.info("slave_repl_offset"), 20)

    def migrate(self, key, between=lambda: None) -> Node:
        """Moves the slot of that name to another master, a name at a time; its new master."""
        slot, old = key_slot(key.encode()), self.master_of(key)
        new = next(node for node in self.nodes if node.info("role") == "master" and node is not old)
        new.ask("SETSLOT", slot, "IMPORTING", old.id)
        old.ask("SETSLOT", slot, "MIGRATING", new.id)
        with old.client() as client:
            for name in client.execute_command("CLUSTER GETKEYSINSLOT", slot, SLOTS):
                client.migrate("127.0.0.1", new.port, name, 0, 5000, auth=self.password)
                between()
        for node in (new, old):
            node.ask("SETSLOT", slot, "NODE", new.id)
        return new

    def known_to(self, node) -> str:
        lines = []
        for other in self.nodes:
            share = other.index % MASTERS
            role = "master -" if other.index < MASTERS else f"slave {self.nodes[share].id}"
            slots = f" {share * SLOTS // MASTERS}-{(share + 1) * SLOTS // MASTERS - 1}" if other.index < MASTERS else ""
            own = "myself," if other is node else ""
            address = f"127.0.0.1:{other.port}@{other.bus_port}"
            lines.append(f"{other.id} {address} {own}{role} 0 0 {share + 1} connected{slots}")
        return "\n".join([*lines, f"vars currentEpoch {MASTERS} lastVoteEpoch 0", ""])

    @staticmethod
    def _serves(node, key):
        with contextlib.suppress(redis.RedisError), node.client(socket_timeout=2) as client:
            client.execute_command("EXISTS", key)
            return True
        return False
