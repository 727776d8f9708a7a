"""What a torture runs against: gateways on one engine, a network between everybody that can be cut, and agents."""

import asyncio
import contextlib
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

from support.gateway import Gateway
from support.redis_sentinel import SentinelSet
from support.redis_server import RedisServer
from support.server_process import free_port
from support.tcp_proxy import TcpProxy
from torture.agents import AgentProcess
from torture.producer import LOST, Producer

SESSIONS = "/api/traffic-cop/sessions"
CHANNEL, SILENT = "guide", "pillar:content"  # nobody answers on the second
# A file that is written before each answer, into the kernel's memory: SIGKILL loses nothing that was answered.
KEEPS_ALL = ("--appendonly", "yes", "--appendfsync", "no")
# Short, so that a torture of a minute sees runs that nobody takes, and messages that another takes over.
START_TIMEOUT, ACK_WAIT = 10, 5
ROOT_KEY, ACME_KEY = (f"{name}-{os.urandom(16).hex()}" for name in ("root", "acme"))
KEYS_FILE = f"""
[[api_keys]]
realm = "acme"
key = "{ACME_KEY}"
scopes = ["runs", "sessions"]
tenant = "acme"
"""


class Instance:
    """One gateway at a time, always at the same port: `front` is the way of clients to it, `back` that of agents."""

    def __init__(self, number, flags):
        self.number, self._flags = number, flags
        self.port = free_port()
        self.gateway, self.logs = None, []
        self.unexpected = []  # exits that nobody asked for
        self.front, self.back, self.redis = TcpProxy(("127.0.0.1", self.port)), TcpProxy(("127.0.0.1", self.port)), None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def back_url(self) -> str:
        return f"http://127.0.0.1:{self.back.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.front.port}/ws"

    @property
    def is_alive(self) -> bool:
        return self.gateway is not None and self.gateway.is_running

    def start(self):
        self.gateway = Gateway(*self._flags, "--listen", f"127.0.0.1:{self.port}", env={"GATEWAY_API_KEY": ROOT_KEY})
        self.gateway.launch()

    def kill(self):
        self._look()
        if self.is_alive:
            self.gateway.crash()
        self.gateway.check_log()

    def drain(self) -> int:
        self._look()
        return self.gateway.stop(60) if self.is_alive else 1

    def _look(self):
        if not self.is_alive:
            self.unexpected.append(f"gateway {self.number} had ended with {self.gateway.process.poll()}:\n{self.gateway.log_text[-1500:]}")


class World:
    def __init__(self, journal, *, seed, engine, instances, sentinel=False, flags=()):
        self.journal, self.seed, self.engine = journal, seed, engine
        self.sentinel = None
        self.redis = None
        self.instances, self.agents = [], []
        self.stopping = asyncio.Event()
        self.failures = []  # of gateways, in words
        self.made = []  # runs that were begun
        self.tally = {}
        self._count = 1 if engine == "memory" else instances
        self._with_sentinel, self._flags = sentinel, list(flags)
        self._stack = contextlib.ExitStack()

    def rng(self, *names) -> random.Random:
        return random.Random(f"{self.seed}/{'/'.join(map(str, names))}")

    def count(self, what, more=1):
        self.tally[what] = self.tally.get(what, 0) + more

    # Its life.

    def start(self):
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="torture-")))
        keys = directory / "gateway.toml"
        keys.write_text(KEYS_FILE)
        flags = ["--engine", self.engine, "--max-connections-per-user", "0", "--message-rate", "0", "--config", keys]
        flags += ["--run-start-timeout", f"{START_TIMEOUT}s", "--ack-wait", f"{ACK_WAIT}s", *self._flags]
        self.journal.note("settings", start_timeout=START_TIMEOUT, ack_wait=ACK_WAIT, wall_ahead=time.time() - time.monotonic())
        if self.engine == "redis":
            self._start_redis()
        for number in range(self._count):
            instance = Instance(number, flags + self._redis_flags(number))
            self.instances.append(instance)
            if self.redis and not self.sentinel:
                instance.redis = self._redis_proxies[number]
            for proxy in (instance.front, instance.back):
                self._stack.enter_context(proxy)
            instance.start()
        self._wait_ready()
        self.start_agents()

    def start_agents(self):
        settings = {"urls": [instance.back_url for instance in self.instances], "key": ROOT_KEY, "channel": CHANNEL}
        for number, group in enumerate(("workers", "workers", None)):
            agent = AgentProcess(self.journal, f"agent-{number}", settings | {"group": group, "seed": f"{self.seed}/{number}"})
            self.agents.append(agent)
            agent.start()
        for agent in self.agents:
            agent.wait_ready()

    def end(self):
        """Whatever state it is in; each process by its own id."""
        for agent in self.agents:
            agent.end()
        for instance in self.instances:
            if instance.is_alive:
                instance.gateway.continue_process()
                instance.gateway.crash()
        self._stack.close()

    def _start_redis(self):
        if self._with_sentinel:
            self.sentinel = self._stack.enter_context(SentinelSet())
            self.redis = self.sentinel.servers[0]
            return
        self.redis = self._stack.enter_context(RedisServer(*KEEPS_ALL))
        self._redis_proxies = [self._stack.enter_context(TcpProxy(("127.0.0.1", self.redis.port))) for _ in range(self._count)]

    def _redis_flags(self, number) -> list:
        if self.redis is None:
            return []
        return ["--redis-url", self.sentinel.url if self.sentinel else f"redis://127.0.0.1:{self._redis_proxies[number].port}"]

    def _wait_ready(self):
        for instance in self.instances:
            line = instance.gateway._ready_queue.get(timeout=60)
            assert line is not None, f"the gateway does not start:\n{instance.gateway.log_text[-3000:]}"

    # Redis, without its tail.

    def save_copy(self) -> Path:
        copy = self.redis.directory / "copy.rdb"
        with self.redis.client() as client:
            client.save()
        shutil.copy(self.redis.dump_file, copy)
        return copy

    def swap_for(self, copy):
        """SIGKILL, and one that has the copy alone takes its place."""
        self.redis.kill()
        shutil.rmtree(self.redis.directory / "appendonlydir", ignore_errors=True)
        shutil.copy(copy, self.redis.dump_file)
        flags, self.redis.flags = self.redis.flags, []
        try:
            self.redis.start()
            with self.redis.client() as client:
                client.config_set("appendfsync", "no")
                client.config_set("appendonly", "yes")
        finally:
            self.redis.flags = flags

    # Who is there.

    @property
    def back_urls(self) -> list:
        return [instance.back_url for instance in self.instances]

    @property
    def ws_urls(self) -> list:
        return [instance.ws_url for instance in self.instances]

    @contextlib.asynccontextmanager
    async def producer(self, name, rng, *, direct=False, **options):
        """`direct`: past the proxies."""
        urls = [instance.url for instance in self.instances] if direct else self.back_urls
        producer = Producer(self.journal, urls, ROOT_KEY, name, rng=rng, **options)
        try:
            yield producer
        finally:
            await producer.close()

    async def new_session(self, producer, user, **context) -> str | None:
        """None when the world ends before there is one."""
        while not self.stopping.is_set():
            told = await producer.ask("session", "POST", SESSIONS, None, {"user_id": user, "context": context}, journaled=False,
                                      gateway=producer.rng.randrange(len(producer.urls)))  # fmt: skip
            if told is not None and told[0] == 201:
                return told[1]["session_id"]
            await asyncio.sleep(0.2)
        return None

    async def pause(self, seconds):
        """Shorter when the world is about to end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()


EXPECTED = (*LOST, AssertionError, TimeoutError)
