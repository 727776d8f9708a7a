"""What goes wrong, from the seed: one thing after another, and beside it one after another to agents; each bounded in time and
written into the journal when it is over.

Between them it is calm for a while, so that what is promised in seconds can be measured.
"""

import asyncio
import contextlib
import time

import redis

from support.gateway import Gateway
from support.tcp_proxy import sent

KINDS = ("kill", "stop", "cut", "slow", "redis", "tail")
OF_REDIS = ("redis", "tail")
FAULTS_MAX = 2000
# What a started gateway or Redis takes until everybody has found it again, in seconds.
FOUND_AGAIN = 2.0
# After a lost delta nothing else happens for so long: it has to be repaired, not found on the way.
REPAIRED = 2.5


class Faults:
    def __init__(self, world, kinds, *, pace=1.0, margin=2.0):
        self.world, self.rng, self.pace, self.margin = world, world.rng("faults"), pace, margin
        self.done = 0
        self._of_agents = asyncio.Lock()  # an agent is killed, stopped or started by one at a time
        usable = [kind for kind in kinds if world.engine == "redis" or kind not in OF_REDIS]
        self._acts = [act for kind in usable for act in self._acts_of(kind)]
        if world.sentinel and "redis" in usable:
            self._acts = [act for act in self._acts if act not in (self._redis_restarted, self._tail_lost, self._redis_stopped)] + [self._failed_over]
        self._acts_on_agents = [self._agent_killed] * 2 * ("kill" in usable) + [self._agent_stopped] * ("stop" in usable)

    def _acts_of(self, kind) -> list:
        with_redis = self.world.engine == "redis" and not self.world.sentinel
        return {
            "kill": [self._gateway_killed, self._gateway_drained],
            "stop": [self._gateway_stopped] + ([self._redis_stopped] if with_redis else []),
            "cut": [self._clients_cut, self._agents_cut, self._half_open] + ([self._redis_cut, self._delta_lost] if with_redis else []),
            "slow": [self._clients_slow, self._agents_slow] + ([self._redis_slow] if with_redis else []),
            "redis": [self._redis_restarted],
            "tail": [self._tail_lost],
        }[kind]

    async def run(self):
        """Until the world stops; what has begun is ended."""
        await asyncio.gather(self._one_by_one(self._acts, self.rng), self._one_by_one(self._acts_on_agents, self.world.rng("faults of agents"), 2))

    async def _one_by_one(self, acts, rng, calm=1):
        """Each act once before any comes twice."""
        bag = []
        while acts and not self.world.stopping.is_set() and self.done < FAULTS_MAX:
            await self.world.pause(calm * self.pace * rng.choice((1, 2, 4, 9)) * (0.5 + rng.random()))
            if self.world.stopping.is_set():
                return
            if not bag:
                bag = rng.sample(acts, len(acts))
            act = bag.pop()
            try:
                await act()
            except (redis.RedisError, OSError):
                pass
            except AssertionError as error:  # what a process of ours says of its end
                self.world.failures.append(str(error))
                await asyncio.to_thread(repair, self.world)
            self.done += 1
            self.world.count(f"fault {act.__name__.strip('_').replace('_', ' ')}")

    @contextlib.contextmanager
    def _fault(self, kind, target=None, *, after=0.0, **fields):
        since = time.monotonic()
        try:
            yield fields
        finally:
            self.world.journal.note("fault", kind=kind, target=target, since=since, until=time.monotonic() + after, **fields)

    def _instance(self):
        return self.rng.choice(self.world.instances)

    def _moment(self, *scales) -> float:
        return self.rng.choice(scales) * (0.3 + 0.7 * self.rng.random())

    # Processes.

    async def _gateway_killed(self):
        instance = self._instance()
        with self._fault("kill", instance.number, after=FOUND_AGAIN):
            await asyncio.to_thread(instance.kill)
            if self.rng.random() < 0.3 and not self._of_agents.locked():  # an agent with it
                await self._agent_killed()
            else:
                await asyncio.sleep(self._moment(0.1, 2))
            await asyncio.to_thread(self._start, instance)

    async def _gateway_drained(self):
        instance = self._instance()
        with self._fault("drain", instance.number, after=FOUND_AGAIN):
            code = await asyncio.to_thread(instance.drain)
            if code != 0:
                instance.unexpected.append(f"the drain of gateway {instance.number} ended with {code}")
            await asyncio.to_thread(self._start, instance)

    def _start(self, instance):
        instance.start()
        with contextlib.suppress(Exception):  # it may wait for its engine; whoever needs it tries again
            instance.gateway._ready_queue.get(timeout=15)

    async def _agent_killed(self):
        async with self._of_agents:
            agent = self.rng.choice(self.world.agents)
            await asyncio.to_thread(agent.kill_now)
            await asyncio.sleep(self._moment(0.1, 3))
            await asyncio.to_thread(agent.start)

    async def _gateway_stopped(self):
        instance = self._instance()
        with self._fault("stop", instance.number, after=FOUND_AGAIN):
            await self._stopped(instance.gateway, self._moment(0.2, 2, 4))

    async def _agent_stopped(self):
        """Now and then for longer than a lease."""
        async with self._of_agents:
            with self._fault("agent-stop", after=1):
                await self._stopped(self.rng.choice(self.world.agents), self._moment(0.5, 3, 13))

    async def _redis_stopped(self):
        with self._fault("redis-stop", after=FOUND_AGAIN):
            await self._stopped(self.world.redis, self._moment(0.2, 2))

    async def _stopped(self, process, seconds):
        await asyncio.to_thread(process.stop_process)
        try:
            await self.world.pause(seconds)
        finally:
            process.continue_process()

    # The network.

    async def _clients_cut(self):
        instance = self._instance()
        with self._fault("cut", instance.number, after=1):
            for _ in range(self.rng.randint(1, 4)):
                await asyncio.to_thread(instance.front.cut, reset=self.rng.random() < 0.7)
                await asyncio.sleep(self._moment(0.3))

    async def _agents_cut(self):
        instance = self._instance()
        with self._fault("cut", instance.number, after=1):
            for _ in range(self.rng.randint(1, 6)):
                await asyncio.to_thread(instance.back.cut, reset=self.rng.random() < 0.7)
                await asyncio.sleep(self._moment(0.3))

    async def _half_open(self):
        instance = self._instance()
        with self._fault("cut", instance.number, after=20):  # until a tab finds out
            await asyncio.to_thread(instance.front.half_open, dead=self.rng.choice(("target", "client")))

    async def _redis_cut(self):
        instance = self._instance()
        with self._fault("redis-cut", instance.number, after=FOUND_AGAIN):
            for _ in range(self.rng.randint(1, 3)):
                await asyncio.to_thread(instance.redis.cut, reset=self.rng.random() < 0.7)
                await asyncio.sleep(self._moment(0.2))

    async def _delta_lost(self):
        """Nothing that is published reaches an instance for a moment, and its subscriptions are cut before it comes after all."""
        instance = self._instance()
        with self._fault("lost-delta", instance.number):
            await asyncio.to_thread(instance.redis.set, "down", stalled=True, only=sent(b"SUBSCRIBE"))
            await asyncio.sleep(self._moment(0.15))
            await asyncio.to_thread(instance.redis.cut, only=sent(b"SUBSCRIBE"))
            await asyncio.to_thread(instance.redis.clear)
        await self.world.pause(REPAIRED + self.margin)

    async def _clients_slow(self):
        await self._slow("slow", self._instance().front)

    async def _agents_slow(self):
        await self._slow("slow", self._instance().back)

    async def _redis_slow(self):
        await self._slow("redis-slow", self._instance().redis)

    async def _slow(self, kind, proxy):
        with self._fault(kind, after=FOUND_AGAIN):
            shape = self.rng.choice(({"latency_ms": 150}, {"latency_ms": 600}, {"bandwidth": 20_000}))
            await asyncio.to_thread(proxy.set, self.rng.choice(("up", "down", "both")), **shape)
            try:
                await self.world.pause(self._moment(1, 3))
            finally:
                await asyncio.to_thread(proxy.clear)

    # Redis.

    async def _redis_restarted(self):
        with self._fault("redis", after=FOUND_AGAIN):
            await asyncio.to_thread(self.world.redis.kill)
            await asyncio.sleep(self._moment(0.1, 2))
            await asyncio.to_thread(self.world.redis.start)

    async def _tail_lost(self):
        copied_at = time.monotonic()
        copy = await asyncio.to_thread(self.world.save_copy)
        await asyncio.sleep(self._moment(0.3, 2))
        with self._fault("tail", after=FOUND_AGAIN, copied_at=copied_at):
            await asyncio.to_thread(self.world.swap_for, copy)

    async def _failed_over(self):
        """The primary is killed, the replica takes its place, and what it had not heard of is lost."""
        set_ = self.world.sentinel
        with self._fault("failover", after=5, copied_at=time.monotonic() - 2):
            old = await asyncio.to_thread(lambda: set_.primary)
            await asyncio.to_thread(old.kill)
            for _ in range(300):
                await asyncio.sleep(0.1)
                if await asyncio.to_thread(lambda: set_.primary) is not old:
                    break
            await asyncio.to_thread(old.start)


def repair(world):
    """Everybody is there again, whatever they were in."""
    if world.redis and not world.sentinel and not world.redis.is_running:
        world.redis.start()
    for instance in world.instances:
        for proxy in filter(None, (instance.front, instance.back, instance.redis)):
            proxy.clear()
        if isinstance(instance.gateway, Gateway) and not instance.is_alive:
            instance.start()
        instance.gateway.continue_process()
    for agent in world.agents:
        if not agent.is_running:
            agent.start()
        agent.continue_process()
