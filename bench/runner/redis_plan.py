"""What is measured on Redis, and how much of it."""

import dataclasses

from . import redis_servers, scenarios, servers
from .tables import Row, Table


@dataclasses.dataclass
class Size:
    rounds: int
    # Counted: commands.
    connects: int
    counted_messages: int
    quiet: int  # connections that are only heard by their heartbeats
    heartbeat_s: int
    quiet_s: int  # a multiple of it
    background_s: int
    # Measured: CPU time and memory.
    messages: int
    open: tuple  # connections beside those that talk
    subscribers: int
    bursts: dict  # publications at a time -> how often
    instances: tuple
    idle: int


SIZES = {
    "smoke": Size(rounds=1, connects=300, counted_messages=5_000, quiet=100, heartbeat_s=3, quiet_s=6, background_s=3,
                  messages=2_000, open=(100, 200), subscribers=100, bursts={16: 3}, instances=(1, 2), idle=200),
    "quick": Size(rounds=2, connects=500, counted_messages=10_000, quiet=500, heartbeat_s=5, quiet_s=10, background_s=5,
                  messages=20_000, open=(500, 2_000), subscribers=1_000, bursts={1: 30, 16: 6}, instances=(1, 2, 4),
                  idle=2_000),
    "full": Size(rounds=5, connects=2_000, counted_messages=20_000, quiet=2_000, heartbeat_s=30, quiet_s=60, background_s=20,
                 messages=60_000, open=(1_000, 10_000, 19_000), subscribers=1_000, bursts={1: 100, 16: 20}, instances=(1, 2, 4),
                 idle=10_000),
}


class Fleet:
    """The servers: the gateway on its memory engine, and so many instances on a Redis."""

    def __init__(self, binary, shards, flags):
        self.make = lambda *more: servers.Gateway(binary, shards, [*flags, *more])
        self.memory = self.make()
        self.memory.name = "memory"

    def on_redis(self, instances=1, inbox="stream"):
        gateways = [self.make("--inbox", inbox) for _ in range(instances)]
        return redis_servers.RedisGateways(f"redis-{instances}", gateways)


def route(fleet, size, in_flight):
    command = ["route", "--in-flight", in_flight, "--messages", size.messages, "--warm-up", size.messages // 4]
    return Table(
        name=f"redis-route-{in_flight}", title=f"Route: 64 connections with {in_flight} in flight each",
        figure="cpu_us_per_message", unit="ms CPU a 1 000 messages", rounds=size.rounds,
        columns={"messages/s": "messages_per_s", "p50 µs": "answer_p50_us", "p99 µs": "answer_p99_us"},
        rows=[Row("memory engine", fleet.memory, command), Row("Redis", fleet.on_redis(), command),
              Row("Redis, --inbox pubsub", fleet.on_redis(inbox="pubsub"), command),
              Row("Redis, the agent with a Redis client alone", fleet.on_redis(), [*command, "--agent-on-redis"])])


def connections(name, engine, server, size):
    def row(count):
        return Row(f"{count} open", server, [
            "route", "--in-flight", 4, "--messages", size.messages, "--warm-up", size.messages // 4, "--silent", count])

    return Table(
        name=name, title=f"Route on {engine}, with connections beside that say nothing: 64 with 4 in flight each",
        figure="cpu_us_per_message", unit="ms CPU a 1 000 messages", rounds=size.rounds,
        columns={"messages/s": "messages_per_s"}, rows=[row(scenarios.connections_max(count)) for count in size.open])


def fanout(fleet, size, burst, bursts):
    command = ["fanout", "--connections", size.subscribers, "--burst", burst, "--bursts", bursts,
               "--warm-up", max(3, bursts // 4)]
    rows = [Row(f"Redis, {count} instance{'s'[:count > 1]}", fleet.on_redis(count), command) for count in size.instances]
    return Table(
        name=f"redis-fanout-burst-{burst}",
        title=f"Fan-out: 128 bytes to {size.subscribers} connections, {burst} at a time",
        figure="cpu_us_per_delivery", unit="µs CPU a delivery", rounds=size.rounds,
        columns={"deliveries/s": "deliveries_per_s"}, rows=[Row("memory engine", fleet.memory, command), *rows])


def storm(fleet, size):
    command = ["storm", "--connections", size.connects, "--warm-up", size.connects // 4]
    return Table(
        name="redis-storm", title=f"Storm: {size.connects} connect, 128 handshakes at once, then leave",
        figure="cpu_us_per_connect", unit="µs CPU a connect", rounds=min(2, size.rounds),
        columns={"connects/s": "connects_per_s", "a disconnect, gateway µs": "cpu_us_per_disconnect",
                 "a disconnect, Redis µs": "redis_cpu_us_per_disconnect"},
        rows=[Row("memory engine", fleet.memory, command), Row("Redis", fleet.on_redis(), command)])


def idle(fleet, size):
    command = ["idle", "--connections", scenarios.connections_max(size.idle)]
    return Table(
        name="redis-idle", title=f"Idle: resident memory of {command[2]} connections, each with its own session and user",
        figure="rss_bytes_per_connection", unit="bytes", rounds=min(2, size.rounds),
        rows=[Row("memory engine", fleet.memory, command), Row("Redis", fleet.on_redis(), command)])


def tables(fleet, size):
    routes = [route(fleet, size, in_flight) for in_flight in (1, 16)] if size.rounds > 1 else [route(fleet, size, 4)]
    curves = [connections("redis-connections", "Redis", fleet.on_redis(), size),
              connections("redis-connections-memory", "the memory engine", fleet.memory, size)]
    return [*routes, *curves, *(fanout(fleet, size, *burst) for burst in size.bursts.items()),
            storm(fleet, size), idle(fleet, size)]
