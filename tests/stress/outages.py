"""What may happen to a Redis: killed with or without its data, stopped, slow, full, a replica, its connections reset."""

import asyncio
import contextlib
import threading

import redis
from redis.asyncio import Redis

ACTING = threading.Lock()


async def outages(world, rng):
    """One after another, for ever; repair() ends the last."""
    while True:
        await asyncio.sleep(2 + rng.random() * 6)
        with contextlib.suppress(redis.RedisError, OSError):
            await rng.choice((killed, stopped, stopped, paused, reset, reset, reset, full, replica))(world.redis, rng)


async def killed(server, rng):
    await asyncio.to_thread(alone, server.kill, keep_data=rng.random() < 0.5)
    await asyncio.sleep(rng.random() * 2)
    await asyncio.to_thread(alone, server.start)


async def stopped(server, rng):
    await asyncio.to_thread(server.stop_process)
    try:
        await asyncio.sleep(rng.choice((0.05, 0.7, 4)) * rng.random())
    finally:
        server.continue_process()


async def paused(server, rng):
    async with admin(server) as client:
        await client.execute_command("CLIENT", "PAUSE", rng.randint(10, 1500), rng.choice(("ALL", "WRITE")))


async def reset(server, rng):
    """Connections of one kind, again and again."""
    async with admin(server) as client:
        for _ in range(rng.randint(1, 10)):
            await client.execute_command("CLIENT", "KILL", "TYPE", rng.choice(("normal", "pubsub")), "SKIPME", "yes")
            await asyncio.sleep(rng.random() * 0.3)


async def full(server, rng):
    async with admin(server) as client:
        await client.config_set("maxmemory", "1")
        await asyncio.sleep(rng.random() * 2)
        await client.config_set("maxmemory", "0")


async def replica(server, rng):
    """Of a master that is not there: it takes no writes."""
    async with admin(server) as client:
        await client.execute_command("REPLICAOF", "127.0.0.1", "1")
        await asyncio.sleep(rng.random() * 2)
        await client.execute_command("REPLICAOF", "NO", "ONE")


async def repair(server):
    """Whatever it was in."""
    await asyncio.to_thread(alone, lambda: bring_back(server))
    async with admin(server) as client:
        await client.execute_command("CLIENT", "UNPAUSE")
        await client.config_set("maxmemory", "0")
        await client.execute_command("REPLICAOF", "NO", "ONE")


def bring_back(server):
    if server.process.poll() is None:
        server.continue_process()
    else:
        server.start()


def alone(act, **options):
    """A thread goes on when who waits for it is told to end: whoever comes next waits for it."""
    with ACTING:
        act(**options)


def admin(server) -> Redis:
    return Redis(port=server.port, socket_timeout=20, decode_responses=True, protocol=2, retry=None)
