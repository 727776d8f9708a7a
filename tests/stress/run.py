"""One stress: gateways on one engine, all kinds of peers at once, and what has to be true of it afterwards."""

import asyncio
import contextlib
import ctypes
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis

from stress import agents, callers, clients
from stress.outages import outages, repair
from stress.wire import POST_OFFICE, Gone
from stress.world import KEYS_FILE, ROOT, World
from support.gateway import SANITIZER_REPORT, Gateway
from support.redis_server import RedisServer
from support.wait import end_tasks, eventually_async

# What an engine is started with.
ENGINES = {
    "memory": ("--engine", "memory"),
    "redis": ("--engine", "redis", "--inbox", "pubsub"),
    "stream": ("--engine", "redis", "--inbox", "stream"),
}
REPORT_LINES, LAST_LINES = 60, 8
PATIENCE = 60.0
DESCRIPTORS_MORE = 3  # a connection to Redis more, say
# Ends of a peer's life that say nothing of the gateway.
EXPECTED = (Gone, OSError, TimeoutError, ValueError, redis.RedisError)
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1",
}
ADDR_NO_RANDOMIZE = 0x0040000


class Failed(Exception):
    """What is wrong with the gateway, in one text."""


@dataclass
class Outcome:
    engine: str
    seconds: float
    lives: Counter
    tally: Counter
    failure: str = ""


def fix_addresses():
    """GCC 12's sanitizers place their shadow where a kernel with much address randomisation may map libraries."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)


def drawn_flags(rng) -> list:
    """Bounds and times so small that a stress meets them; half of them as the seed has it."""
    flags = ["--heartbeat-interval", "1s", "--idle-timeout", "4s", "--message-timeout", "2s", "--close-timeout", "500ms",
             "--circuit-open-time", "1s", "--session-retention", "5s", "--log-level", "info"]  # fmt: skip
    for name, values in (
        ("--session-policy", ("required", "optional")), ("--compression", ("on", "off")), ("--shards", (1, 2)),
        ("--handshake-timeout", ("300ms", "5s", "5s")), ("--max-connections-per-user", (0, 2, 5)), ("--outbox-bytes", ("256KiB", "1MiB")),
        ("--queue-size", (20, 1000)), ("--queue-age", ("2s", "5m")), ("--inbox-size", (100, 100_000)),
        ("--agent-buffer-bytes", ("1MiB", "16MiB")), ("--message-rate", (0, 100)),
    ):  # fmt: skip
        flags += [name, str(rng.choice(values))]
    return flags


class Stress:
    def __init__(self, engine, seed, seconds):
        self.engine, self.seconds = engine, seconds
        self.world = World(seed, [])
        self.gateways = []
        self.lives = Counter()
        self._descriptors = []
        self._stack = contextlib.ExitStack()

    async def run(self) -> Outcome:
        started, failure = time.monotonic(), ""
        try:
            await asyncio.to_thread(self._start)
            for step in (self._live, self._leave, self._drain):
                self._say(step.__name__.removeprefix("_"))
                await step()
        except (Failed, AssertionError) as fault:
            await asyncio.sleep(2)  # for the gateway's last words
            failure = f"{fault}\n{self.report() or self._last_words()}"
        finally:
            await asyncio.to_thread(self._end)
        return Outcome(self.engine, time.monotonic() - started, self.lives, self.world.tally, failure)

    def report(self) -> str:
        """What a sanitizer or an assertion of the gateway's has said."""
        for gateway in self.gateways:
            lines = gateway.log_lines
            found = next((i for i, line in enumerate(lines) if SANITIZER_REPORT.search(line)), None)
            if found is not None:
                return "".join(lines[found : found + REPORT_LINES])
        return ""

    def _last_words(self) -> str:
        return "\n".join("".join(gateway.log_lines[-LAST_LINES:]) for gateway in self.gateways)

    # The parts of a run.

    def _start(self):
        rng = self.world.rng(self.engine, "settings")
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="stress-"))
        keys = Path(directory, "gateway.toml")
        keys.write_text(KEYS_FILE)
        flags = [*ENGINES[self.engine], *drawn_flags(rng), "--config", keys]
        if self.engine != "memory":
            self.world.redis = self._stack.enter_context(RedisServer("--maxmemory-policy", "noeviction"))
            flags += ["--redis-url", self.world.redis.url]
        self._say(" ".join(map(str, flags[2:-2])))
        options = {name: os.environ.get(name, value) for name, value in SANITIZER_OPTIONS.items()}
        for _ in range(1 if self.engine == "memory" else 2):
            gateway = Gateway(*flags, env={"GATEWAY_API_KEY": ROOT, **options})
            self.gateways.append(gateway)
            gateway.start()
            self.world.addresses.append(gateway.address)
        self._descriptors = [open_descriptors(gateway) for gateway in self.gateways]

    async def _live(self):
        slots = [self._slot(kind, number) for kind, count in self._kinds() for number in range(count)]
        tasks = [asyncio.create_task(slot) for slot in slots]
        if self.world.redis:
            tasks.append(asyncio.create_task(outages(self.world, self.world.rng(self.engine, "outages"))))
        tasks.append(asyncio.create_task(self._watch()))
        try:
            await asyncio.wait(tasks, timeout=self.seconds, return_when=asyncio.FIRST_EXCEPTION)
            await eventually_async(lambda: self._any_failed(tasks) or not self._quiet(), PATIENCE,
                                   f"a stress without {self._quiet()} proves nothing")  # fmt: skip
        finally:
            await end_tasks(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    @staticmethod
    def _any_failed(tasks) -> bool:
        return any(task.done() for task in tasks)

    def _quiet(self) -> list:
        """What has not got through a single time yet."""
        return [name for name in ("welcomes", "acks", "events") if not self.world.tally[name]]

    def _kinds(self):
        kinds = agents.KINDS + clients.KINDS + callers.KINDS
        if self.engine != "memory":
            kinds += agents.REDIS_KINDS
        if self.engine == "stream":
            kinds += agents.STREAM_KINDS
        return kinds

    async def _slot(self, kind, number):
        """One life after another; each is drawn from its number alone."""
        name = kind.__name__
        life = 0
        while True:
            rng = self.world.rng(self.engine, name, number, life)
            life += 1
            try:
                await kind(self.world, rng)
                self.lives[name] += 1
            except EXPECTED:
                self.lives[f"{name} cut short"] += 1
                await asyncio.sleep(0.01)  # while nothing is accepted, there are others

    async def _watch(self):
        while True:
            await asyncio.sleep(0.2)
            self._check_alive()

    def _check_alive(self):
        for gateway in self.gateways:
            if (code := gateway.process.poll()) is not None:
                raise Failed(f"the gateway has ended with {code}")
        if self.report():
            raise Failed("a sanitizer reports")

    async def _leave(self):
        """Everybody has: the gateways answer, and hold nothing of them."""
        if self.world.redis:
            await repair(self.world)
        rng = self.world.rng(self.engine, "afterwards")

        async def answers(path, expected):
            self._check_alive()
            with contextlib.suppress(*EXPECTED):
                return all([expected(*await one.call(rng, "GET", path)) for one in self._each()])

        async def all_let_go():
            self._check_alive()
            return all(open_descriptors(g) <= before + DESCRIPTORS_MORE for g, before in zip(self.gateways, self._descriptors, strict=True))

        await eventually_async(lambda: answers("/health/live", lambda status, _: status == 200), PATIENCE, "the gateways live")
        await eventually_async(lambda: answers("/health/websocket-gateway", lambda status, _: status == 200), PATIENCE, "the gateways are ready")
        await eventually_async(lambda: answers(f"{POST_OFFICE}/connection-count", lambda _, counts: counts.get("global") == 0),
                               PATIENCE, "no connection is counted once all have left")  # fmt: skip
        await eventually_async(all_let_go, PATIENCE, "no descriptor is held once all have left")

    async def _drain(self):
        for gateway in self.gateways:
            code = await asyncio.to_thread(gateway.stop, PATIENCE)
            if code != 0:
                raise Failed(f"the drain ended with {code}")

    def _say(self, what):
        print(f"{self.engine}: {what}", flush=True)

    def _each(self):
        """The world as seen at one gateway."""
        return [World(self.world.seed, [address]) for address in self.world.addresses]

    def _end(self):
        for gateway in self.gateways:
            if gateway.process.poll() is None:
                gateway.process.kill()
                gateway.process.wait(10)
        self._stack.close()


def open_descriptors(gateway) -> int:
    return psutil.Process(gateway.pid).num_fds()


def told(outcome) -> str:
    lives, tally = (", ".join(f"{count} {name}" for name, count in sorted(counts.items())) for counts in (outcome.lives, outcome.tally))
    verdict = f"FAILED\n{outcome.failure}" if outcome.failure else "ok"
    return f"{outcome.engine}: {outcome.seconds:.0f} s; {lives}; {tally}; {verdict}"


