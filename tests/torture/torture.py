"""One torture from its start to its verdict: everybody lives and everything breaks for a while, then it becomes quiet."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field

from support.wait import end_tasks
from torture.checker import check
from torture.faults import Faults, repair
from torture.run_history import OVER
from torture.journal import Journal
from torture.producer import NoAnswer, Refused
from torture.scenarios import SCENARIOS
from torture.starved import Starved
from torture.world import EXPECTED, World

PROGRESS_SECONDS = 5.0
LIVES_END_WITHIN = 10.0  # what has begun is brought to its end
ENDED_WITHIN = 12.0  # cancel grace, and what a slow machine needs
LAST_LOOKS_MAX = 600
QUIET = 3.0


@dataclass
class Options:
    seconds: float
    seed: int
    engine: str = "redis"
    instances: int = 2
    faults: tuple = ()
    margin: float = 2.0
    pace: float = 1.0
    sentinel: bool = False
    flags: tuple = ()
    journal: object = None  # a path


@dataclass
class Result:
    options: Options
    found: dict
    lives: Counter
    tally: dict
    faults: list
    entries: list
    gateway_failures: list
    seconds: float = 0.0
    notes: list = field(default_factory=list)
    starved: float = 0.0  # seconds in which the machine gave nothing to run on

    @property
    def violated(self) -> list:
        return [name for name, found in self.found.items() if found.violations]

    @property
    def ok(self) -> bool:
        """A torture that exercised nothing proves nothing."""
        return not self.violated and not self.gateway_failures and self.found["I1"].checked > 0


class Torture:
    def __init__(self, options, say=print):
        self.options, self.say = options, say
        self.journal = Journal()
        self.world = World(self.journal, seed=options.seed, engine=options.engine, instances=options.instances,
                           sentinel=options.sentinel, flags=options.flags)  # fmt: skip
        self.lives = Counter()
        self.gateway_failures, self.notes = [], []
        self.starved = 0.0
        self._begun = time.monotonic()

    async def run(self) -> Result:
        try:
            await asyncio.to_thread(self.world.start)
            self._begun = time.monotonic()
            with Starved(self.journal) as starved:
                await self._live()
            self.starved = starved.seconds
        finally:
            await asyncio.to_thread(self.world.end)
        entries = self.journal.in_order()
        self.say(f"checking {len(entries)} entries")
        found = await asyncio.to_thread(check, entries, engine=self.options.engine, margin=self.options.margin)
        faults = [entry for entry in entries if entry["what"] in ("fault", "died")]
        if self.options.journal:
            with open(self.options.journal, "w") as file:
                file.writelines(json.dumps(entry) + "\n" for entry in entries)
        return Result(self.options, found, self.lives, dict(self.world.tally), faults, entries, self.gateway_failures,
                      time.monotonic() - self._begun, self.notes, self.starved)  # fmt: skip

    async def _live(self):
        slots = [asyncio.create_task(self._slot(scenario, number), name=scenario.__name__) for scenario, count in SCENARIOS for number in range(count)]
        faults = asyncio.create_task(Faults(self.world, self.options.faults, pace=self.options.pace, margin=self.options.margin).run())
        progress = asyncio.create_task(self._tell())
        try:
            await asyncio.wait(slots, timeout=self.options.seconds, return_when=asyncio.FIRST_EXCEPTION)
            self.world.stopping.set()
            await asyncio.wait([faults], timeout=60)
            await asyncio.to_thread(repair, self.world)
            await self._settle(slots)
        finally:
            self.world.stopping.set()
            await end_tasks((faults, progress, *slots))
        for task in (faults, progress, *slots):
            if not task.cancelled():
                task.result()
        await self._drain()

    async def _slot(self, scenario, number):
        """One life after another; each is drawn from the seed, its number and its own alone."""
        name, life = scenario.__name__, 0
        while not self.world.stopping.is_set():
            rng = self.world.rng(name, number, life)
            life += 1
            try:
                await scenario(self.world, rng)
                self.lives[name] += 1
            except (Refused, NoAnswer, *EXPECTED) as error:
                self.lives[f"{name} cut short"] += 1
                if len(self.notes) < 200:
                    self.notes.append(f"{name}: {type(error).__name__} {str(error)[:200]}")
                await self.world.pause(0.2)

    async def _settle(self, slots):
        """Lives come to their end, what nobody ends is cancelled, and everything is looked at once more."""
        async with self.world.producer("settler", self.world.rng("settle"), direct=True) as api:
            await asyncio.wait(slots, timeout=LIVES_END_WITHIN)
            await self._each(lambda run: self._cancel_open(api, run))
            end = time.monotonic() + ENDED_WITHIN
            open_runs = list(self.world.made)
            while open_runs and time.monotonic() < end:
                await asyncio.sleep(0.5)
                open_runs = [run for run in open_runs if await self._is_open(api, run)]
            if open_runs:
                self.notes.append(f"still open in the end: {open_runs[:10]}")
            _, left = await asyncio.wait(slots, timeout=QUIET + self.options.margin + 2)
            self.notes += [f"did not come to its end: {task.get_name()}" for task in left]
            await self._each(lambda run: self._look(api, run))

    async def _each(self, act):
        runs = list(dict.fromkeys(self.world.made))[-LAST_LOOKS_MAX:]
        for at in range(0, len(runs), 16):
            await asyncio.gather(*(act(run) for run in runs[at : at + 16]), return_exceptions=True)

    async def _cancel_open(self, api, run):
        if await self._is_open(api, run):
            with contextlib.suppress(Refused, NoAnswer):
                await api.cancel(run)

    async def _is_open(self, api, run) -> bool:
        record = await api.read(run, 0, log=False)
        return record is not None and record["status"] not in OVER

    async def _look(self, api, run):
        for instance in self.world.instances:
            await api.read(run, instance.number)

    async def _drain(self):
        for agent in self.world.agents:
            await asyncio.to_thread(agent.end)
        for instance in self.world.instances:
            try:
                code = await asyncio.to_thread(instance.drain)
                if code != 0:
                    self.gateway_failures.append(f"the drain of gateway {instance.number} ended with {code}")
            except AssertionError as error:
                self.gateway_failures.append(str(error))
            self.gateway_failures += instance.unexpected
        self.gateway_failures += self.world.failures

    async def _tell(self):
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            counts = Counter(entry["what"] for entry in self.journal.entries)
            faults = sum(count for name, count in self.world.tally.items() if name.startswith("fault "))
            self.say(f"{time.monotonic() - self._begun:4.0f} s: {self.world.tally.get('runs', 0)} runs, {counts['asked']} requests, "
                     f"{counts['heard']} messages heard, {counts['opened']} connections, {counts['envelope']} envelopes, {faults} faults")  # fmt: skip
