"""The gateway and its peers: how each is started on a free loopback port, what it said of itself, how it ends."""

import json
import os
import pathlib
import secrets
import select
import shutil
import socket
import subprocess
import tempfile
import time

from support.process import Process
from support.server_process import free_port

from . import tools

START_S = 20
STOP_S = 15


class ServerFailed(Exception):
    pass


class Server(Process):
    """One server process. start() and stop() alternate; between runs nothing of it is left."""

    name = ""
    dialect = "plain"  # gateway-load --server
    env = {}
    scenario_flags = ()  # of the gateway, in this run alone

    def __init__(self):
        super().__init__()
        self.version = self.name
        self.folder = None

    def command(self):
        raise NotImplementedError

    def start(self, cpu):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gateway-bench-"))
        self.log = open(self.folder / "stderr", "wb")

        def on_cpu():
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})

        self.spawn(self.command(), env={**os.environ, **self.env}, preexec_fn=on_cpu, stdout=subprocess.PIPE,
                   stderr=self.log, cwd=self.folder)
        self.url = self.wait_ready()
        self.pids = self.worker_pids()

    def wait_ready(self):
        deadline = time.monotonic() + START_S
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise ServerFailed(f"{self.name}: not ready after {START_S} s\n{self.errors()}")
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                raise ServerFailed(f"{self.name}: ended at start\n{self.errors()}")
            line += piece
        ready = json.loads(line)
        self.version = ready.get("version", self.version)
        return ready["url"]

    def worker_pids(self):
        return [self.pid]

    def load_options(self):
        """What tells gateway-load where it is."""
        return ["--server", self.dialect, *self.location()]

    def location(self):
        return ["--url", self.url, *(f"--pid={pid}" for pid in self.pids)]

    def errors(self):
        return (self.folder / "stderr").read_text(errors="replace")[-2000:]

    def stop(self):
        if self.process is None:
            return
        self.end(STOP_S)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


class Gateway(Server):
    name = "gateway"
    dialect = "gateway"

    def __init__(self, binary, shards, flags, name="gateway"):
        super().__init__()
        self.name = name
        self.binary = pathlib.Path(binary).resolve()
        self.flags = ["--listen", "127.0.0.1:0", "--shards", str(shards),
                      "--max-connections-per-user", "0", "--message-rate", "0", "--drain-timeout", "1", *flags]
        self.env = {"GATEWAY_API_KEY": secrets.token_hex(16)}

    def command(self):
        return [self.binary, *self.flags, *self.scenario_flags]


class WsNode(Server):
    name = "ws-node"

    def __init__(self):
        super().__init__()
        self.node, modules = tools.ws_node()
        self.env = {"NODE_PATH": str(modules), "NODE_ENV": "production", "NODE_OPTIONS": ""}

    def command(self):
        return [self.node, tools.PEERS / "ws-node" / "server.js"]


class Gorilla(Server):
    name = "gorilla"
    # On one CPU one running goroutine at a time is what Go would choose itself since 1.25.
    env = {"GOMAXPROCS": "1", "GOGC": "100", "GODEBUG": ""}

    def __init__(self):
        super().__init__()
        self.binary = tools.gorilla()

    def command(self):
        return [self.binary]


class Nchan(Server):
    name = "nchan"
    dialect = "nchan"

    def __init__(self):
        super().__init__()
        self.root = tools.nchan()
        self.version = f"nchan {tools.NCHAN_VERSION}, Debian's nginx"

    def command(self):
        # nginx has no port 0.
        self.port = free_port()
        text = (tools.PEERS / "nchan" / "nginx.conf.in").read_text()
        for key, value in {"ROOT": self.root, "RUN": self.folder, "PORT": self.port}.items():
            text = text.replace(f"@{key}@", str(value))
        (self.folder / "nginx.conf").write_text(text)
        # nchan insists on /var/lib/nginx, whatever the configuration says: it gets one that only it sees.
        namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
        nginx = f"exec {self.root}/usr/sbin/nginx -p {self.folder} -e stderr -c nginx.conf"
        return [*namespace, "sh", "-c", f"mount -t tmpfs none /var/lib && mkdir /var/lib/nginx && {nginx}"]

    def wait_ready(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.is_running:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0 and self.worker_pids():
                    return f"http://127.0.0.1:{self.port}"
            time.sleep(0.05)
        raise ServerFailed(f"{self.name}: not ready\n{self.errors()}")

    def worker_pids(self):
        pid = self.pid
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Uws(Server):
    """bench/peers/uws, built by whoever has uWebSockets."""

    name = "uws"

    def __init__(self, binary):
        super().__init__()
        self.binary = pathlib.Path(binary).resolve()

    def command(self):
        return [self.binary]


PEERS = {peer.name: peer for peer in (WsNode, Gorilla, Nchan)}
