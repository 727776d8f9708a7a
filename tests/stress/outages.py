"""What may happen to a Redis: killed with or without its data, stopped, slow, full, a replica, its connections reset."""

import asyncio
import contextlib

import redis
from redis.asyncio import Redis


async def outages(world, rng):
    """One after another, for ever; repair() ends the last."""
    while True:
        await asyncio.sleep(2 + rng.random() * 6)
        with contextlib.suppress(redis.RedisError, OSError):
            await rng.choice((killed, stopped, stopped, paused, reset, reset, reset, full, replica))(world, rng)


async def killed(world, rng):
    await asyncio.to_thread(alone, world, world.redis.kill, keep_data=rng.random() < 0.5)
    await asyncio.sleep(rng.random() * 2)
    await asyncio.to_thread(alone, world, world.redis.start)


async def stopped(world, rng):
    await asyncio.to_thread(world.redis.stop_process)
    try:
        await asyncio.sleep(rng.choice((0.05, 0.7, 4)) * rng.random())
    finally:
        world.redis.continue_process()


async def paused(world, rng):
    async with admin(world) as client:
        await client.execute_command("CLIENT", "PAUSE", rng.randint(10, 1500), rng.choice(("ALL", "WRITE")))


async def reset(world, rng):
    """Connections of one kind, again and again."""
    async with admin(world) as client:
        for _ in range(rng.randint(1, 10)):
            await client.execute_command("CLIENT", "KILL", "TYPE", rng.choice(("normal", "pubsub")), "SKIPME", "yes")
            await asyncio.sleep(rng.random() * 0.3)


async def full(world, rng):
    async with admin(world) as client:
        await client.config_set("maxmemory", "1")
        await asyncio.sleep(rng.random() * 2)
        await client.config_set("maxmemory", "0")


async def replica(world, rng):
    """Of a master that is not there: it takes no writes."""
    async with admin(world) as client:
        await client.execute_command("REPLICAOF", "127.0.0.1", "1")
        await asyncio.sleep(rng.random() * 2)
        await client.execute_command("REPLICAOF", "NO", "ONE")


async def repair(world):
    """Whatever it was in."""
    await asyncio.to_thread(alone, world, lambda: bring_back(world.redis))
    async with admin(world) as client:
        await client.execute_command("CLIENT", "UNPAUSE")
        await client.config_set("maxmemory", "0")
        await client.execute_command("REPLICAOF", "NO", "ONE")


def bring_back(server):
    if server.process.poll() is None:
        server.continue_process()
    else:
        server.start()


def alone(world, act, **options):
    """A thread goes on when who waits for it is told to end: whoever comes next waits for it."""
    with world.acting:
        act(**options)


def admin(world) -> Redis:
    return Redis(port=world.redis.port, socket_timeout=20, decode_responses=True, protocol=2, retry=None)
