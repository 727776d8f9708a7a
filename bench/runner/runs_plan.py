"""What is measured of durable runs, how much of it, and what it may cost."""

import dataclasses

from . import scenarios
from .tables import Row, Table

KIB = 1024


@dataclasses.dataclass
class Size:
    rounds: int
    appends: int
    runs: int  # that the appends go to
    pace: tuple  # runs, seconds
    filled: int  # runs
    centrifugo_filled: int  # it holds a publication for each append
    clients: int
    readers: int
    shared_appends: int  # to the run that they read
    log_bytes: int = 16 * KIB
    # Longer than logs in Redis have to rest until they are stored anew at their length, all of them.
    settle_s: float = 10


SIZES = {
    "smoke": Size(rounds=1, appends=1_000, runs=64, pace=(50, 1), filled=20, centrifugo_filled=20,
                  clients=100, readers=100, shared_appends=10, log_bytes=4 * KIB,
                  settle_s=0.3),
    "quick": Size(rounds=2, appends=20_000, runs=512, pace=(1_000, 5), filled=1_000,
                  centrifugo_filled=200, clients=2_000, readers=1_000, shared_appends=50),
    "full": Size(rounds=5, appends=60_000, runs=512, pace=(1_000, 10), filled=10_000,
                 centrifugo_filled=1_000, clients=10_000, readers=5_000, shared_appends=60),
}


class Fleet:
    """The same servers for every table: Centrifugo first, where it is to be had."""

    def __init__(self, gateways, centrifugo, centrifugo_on_redis):
        self.servers = {"memory": gateways.memory, "Redis": gateways.on_redis()}
        self.peers = {"memory": centrifugo, "Redis": centrifugo_on_redis} if centrifugo else {}

    def rows(self, engine, command, peers_command=None):
        peer = [Row("Centrifugo", self.peers[engine], peers_command or command)] if self.peers else []
        return [*peer, Row("gateway", self.servers[engine], command)]


def append(fleet, size, engine):
    command = ["run-append", "--runs", size.runs, "--appends", size.appends, "--warm-up", size.appends // 4]
    return Table(
        name=f"runs-append-{engine.lower()}", title=f"Append: 64 bytes to one reader, {size.runs} runs, 64 agents, {engine}",
        figure="cpu_us_per_append", unit="µs CPU an append", rounds=size.rounds,
        columns={"appends/s": "appends_per_s", "said to read, p50 µs": "delivery_p50_us", "p99 µs": "delivery_p99_us"},
        rows=fleet.rows(engine, command))


def pace(fleet, size):
    runs, seconds = size.pace
    command = ["run-pace", "--runs", runs, "--seconds", seconds, "--warm-up", min(3, seconds)]
    return Table(
        name="runs-pace", title=f"Pace: {runs} open runs with 25 appends of 64 bytes a second each, every one with its agent and reader, Redis",
        figure="cores", unit="cores", rounds=min(3, size.rounds), pinned=False,
        columns={"µs an append": "cpu_us_per_append", "of it Redis": "redis_cpu_us_per_append", "appends/s": "appends_per_s",
                 "said to read, p50 µs": "delivery_p50_us", "p99 µs": "delivery_p99_us"},
        rows=fleet.rows("Redis", command))


def filled(fleet, size, engine):
    def command(runs):
        return ["run-memory", "--runs", runs, "--bytes", size.log_bytes, "--settle", size.settle_s]

    runs, few = size.filled, size.centrifugo_filled
    return Table(
        name=f"runs-memory-{engine.lower()}",
        title=f"Memory: an open run of {size.log_bytes // KIB} KiB in appends of 16 bytes, {runs} of them (Centrifugo: {few}), {engine}",
        figure="bytes_per_run", unit="bytes", rounds=1, time_limit_s=900,
        columns={"of it anonymous": "anonymous_bytes_per_run"}, rows=fleet.rows(engine, command(runs), command(few)))


def resume(fleet, size, engine):
    clients = scenarios.connections_max(size.clients)
    command = ["run-resume", "--clients", clients]
    rows = fleet.rows(engine, command)
    if engine == "Redis":
        rows.append(Row("gateway, where nobody has read these runs", fleet.servers[engine], [*command, "--were-elsewhere"]))
    return Table(
        name=f"runs-resume-{engine.lower()}",
        title=f"Resume: {clients} come back at once, each to a run of its own of which it lacks 8 appends, {engine}",
        figure="cpu_us_per_resume", unit="µs CPU a client", rounds=min(3, size.rounds),
        columns={"of a connect": "resume_to_connect", "p50 µs": "resume_p50_us", "p99 µs": "resume_p99_us",
                 "p99 of a connect, µs": "connect_p99_us"},
        rows=rows)


def shared(fleet, size):
    readers = scenarios.connections_max(size.readers)
    bursts = ["--bursts", size.shared_appends, "--warm-up", max(3, size.shared_appends // 4)]
    publish = ["fanout", "--connections", readers, *bursts]
    deltas = ["run-append", "--runs", 1, "--agents", 1, "--readers", readers, "--appends", size.shared_appends,
              "--warm-up", max(3, size.shared_appends // 4)]
    gateway = fleet.servers["memory"]
    # A delta of 64 bytes is one of 236 on the wire.
    rows = [Row("gateway: publications of 236 bytes", gateway, [*publish, "--bytes", 236]),
            Row("gateway: publications of 128 bytes", gateway, publish), Row("gateway: deltas of 64 bytes", gateway, deltas)]
    if fleet.peers:
        rows.append(Row("Centrifugo: publications of 64 bytes", fleet.peers["memory"], deltas))
    return Table(
        name="runs-shared", title=f"Shared: {readers} readers of one run, memory", figure="cpu_us_per_delivery",
        unit="µs CPU a delivery", rounds=size.rounds,
        columns={"p50 µs": "delivery_p50_us", "p99 µs": "delivery_p99_us"}, rows=rows)


def tables(fleet, size):
    engines = ("memory", "Redis")
    return [*(append(fleet, size, engine) for engine in engines), pace(fleet, size),
            *(filled(fleet, size, engine) for engine in engines), *(resume(fleet, size, engine) for engine in engines),
            shared(fleet, size)]


@dataclasses.dataclass
class Target:
    words: str
    table: str
    row: str
    figure: str
    limit: float
    is_ratio: bool = False  # to the table's first row


# What a log of 16 KiB may take where it is kept: 1 KiB, its bytes and a 64th of them.
LOG_MAX = KIB + 16 * KIB + 16 * KIB // 64
# Rounds of one and the same thing differ by as much.
SAME = 1.05
TARGETS = [
    Target("an append to one reader costs at most 0.5 of Centrifugo, memory", "runs-append-memory", "gateway", "all", 0.5, True),
    Target("an append to one reader costs at most 0.6 of Centrifugo, gateway and Redis together", "runs-append-redis", "gateway", "all",
           0.6, True),
    Target("1 000 runs with 25 appends a second each cost at most 1.2 cores in all", "runs-pace", "gateway", "all", 1.2),
    Target(f"an open run of 16 KiB takes at most {LOG_MAX} bytes of the gateway, memory", "runs-memory-memory", "gateway", "bytes_per_run",
           LOG_MAX),
    Target(f"an open run of 16 KiB that nobody reads takes at most {LOG_MAX} bytes of the gateway, Redis", "runs-memory-redis", "gateway", "bytes_per_run",
           LOG_MAX),
    Target(f"and at most {LOG_MAX} of Redis", "runs-memory-redis", "gateway", "redis_bytes_per_run", LOG_MAX),
    Target("to come back with a cursor costs at most 2.5 of a connect, memory", "runs-resume-memory", "gateway", "resume_to_connect", 2.5),
    Target("to come back with a cursor costs at most 2.5 of a connect, Redis", "runs-resume-redis", "gateway", "resume_to_connect", 2.5),
    Target("the same at an instance where nobody has read these runs: at most 2.5", "runs-resume-redis", "gateway, where nobody has read these runs",
           "resume_to_connect", 2.5),
    Target("a delta to many readers costs no more than a publication of its length on the wire", "runs-shared",
           "gateway: deltas of 64 bytes", "all", SAME, True),
]
