"""What is run, how long, and the loop that lets the servers take turns."""

import dataclasses
import json
import resource
import subprocess

from . import servers

TIME_LIMIT_S = 180
SPARE_FILES = 800


@dataclasses.dataclass
class Scenario:
    name: str
    title: str
    command: list  # gateway-load's
    cost: str  # the figure that is compared
    unit: str
    columns: dict  # heading -> figure
    rounds: int = 5
    without: tuple = ()  # servers that have no such thing
    gateway_flags: tuple = ()  # besides its own


def connections_max(wanted):
    """As many as the limit of open files lets one process have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return wanted if hard == resource.RLIM_INFINITY else max(100, min(wanted, hard - SPARE_FILES))


def idle(count):
    return Scenario(
        name="idle", title=f"Idle: resident memory of {count} connections, each with its own session and user",
        command=["idle", "--connections", count], cost="rss_bytes_per_connection", unit="bytes", rounds=2,
        columns={"without its session, bytes": "rss_bytes_per_connection_without_session",
                 "anonymous, bytes": "anonymous_bytes_per_connection", "RSS at the end, MiB": "rss_mib"})


def idle_anonymous(count):
    """As they are at the peers, none of which knows sessions."""
    return Scenario(
        name="idle-anonymous", title=f"Idle without a session: resident memory of {count} connections",
        command=["idle", "--anonymous", "--connections", count], cost="rss_bytes_per_connection", unit="bytes", rounds=2,
        columns={"RSS at the end, MiB": "rss_mib"},
        gateway_flags=("--session-policy", "optional", "--max-connections-per-address", "0"))


def route(in_flight, messages):
    return Scenario(
        name=f"route-{in_flight}", title=f"Route: 64 connections with {in_flight} in flight each (peers: plain echo)",
        command=["route", "--in-flight", in_flight, "--messages", messages, "--warm-up", messages // 4],
        cost="cpu_us_per_message", unit="µs CPU a message", without=("nchan", "centrifugo"),
        columns={"messages/s": "messages_per_s", "p50 µs": "answer_p50_us", "p99 µs": "answer_p99_us",
                 "p99.9 µs": "answer_p999_us", "to the agent, p99 µs": "agent_p99_us"})


def route_paced(per_second, messages):
    """Below saturation every message wakes the server, as most do where people type."""
    return dataclasses.replace(
        route(1, messages), name=f"route-paced-{per_second}",
        title=f"Route below saturation: {per_second} messages a second over 1000 connections (peers: plain echo)",
        command=["route", "--connections", 1_000, "--per-second", per_second, "--messages", messages,
                 "--warm-up", messages // 4])


def fanout(connections, burst, bursts, rounds=5):
    return Scenario(
        name=f"fanout-{connections}-burst-{burst}",
        title=f"Fan-out: 128 bytes to {connections} connections, {burst} at a time",
        command=["fanout", "--connections", connections, "--burst", burst, "--bursts", bursts,
                 "--warm-up", max(3, bursts // 4)],
        cost="cpu_us_per_delivery", unit="µs CPU a delivery", rounds=rounds,
        columns={"deliveries/s": "deliveries_per_s", "p50 µs": "delivery_p50_us", "p99 µs": "delivery_p99_us"})


def storm(count):
    return Scenario(
        name="storm", title=f"Storm: {count} connect, 128 handshakes at once, then leave",
        command=["storm", "--connections", count], cost="cpu_us_per_connect", unit="µs CPU a connect", rounds=2,
        columns={"connects/s": "connects_per_s", "p99 µs": "connect_p99_us",
                 "µs CPU a disconnect": "cpu_us_per_disconnect", "µs CPU a session made": "cpu_us_per_session_made"})


def plan(size):
    many = connections_max(19_000)
    scenarios = {
        "smoke": [idle(200), idle_anonymous(200), route(4, 2_000), route_paced(2_000, 1_000), fanout(200, 16, 5), storm(200)],
        "quick": [idle(2_000), idle_anonymous(2_000), route(1, 20_000), route(16, 40_000),
                  route_paced(2_000, 2_000), route_paced(10_000, 10_000), fanout(1_000, 1, 60),
                  fanout(1_000, 16, 20), storm(1_000)],
        "full": [idle(many), idle_anonymous(many), route(1, 60_000), route(16, 120_000),
                 route_paced(2_000, 8_000), route_paced(10_000, 40_000), fanout(1_000, 1, 150), fanout(1_000, 16, 25),
                 fanout(many, 1, 8, rounds=2), fanout(many, 16, 2, rounds=2), storm(5_000)],
    }[size]
    rounds = {"smoke": 1, "quick": 2}.get(size)
    return [dataclasses.replace(s, rounds=rounds or s.rounds) for s in scenarios]


def put_load(command, server, load, cpus, time_limit_s=TIME_LIMIT_S):
    """One of gateway-load's scenarios on a server that runs. Returns the figures."""
    command = [load, *server.load_options(), "--label", server.name, "--time-limit", time_limit_s, *command]
    if cpus:
        command += ["--cpu", cpus[1]]
    env = {"GATEWAY_API_KEY": server.env.get("GATEWAY_API_KEY", "")}
    done = subprocess.run([str(c) for c in command], env=env, capture_output=True, text=True, timeout=time_limit_s + 30)
    if done.returncode != 0:
        raise servers.ServerFailed(f"{server.name}: {done.stderr.strip()}\n{server.errors()}")
    return json.loads(done.stdout.splitlines()[-1])


def run_once(command, server, load, cpus, time_limit_s=TIME_LIMIT_S):
    """One server, started, loaded and ended. Returns the figures."""
    try:
        server.start(cpus[0] if cpus else None)
        return put_load(command, server, load, cpus, time_limit_s)
    finally:
        server.stop()


def run(scenario, rounds, fleet, load, cpus, outcome):
    """A B C, A B C, ...: what changes on the machine meanwhile meets every server alike."""
    for number in range(1, rounds + 1):
        for server in fleet:
            if server.name in scenario.without:
                continue
            server.scenario_flags = scenario.gateway_flags
            try:
                figures = run_once(scenario.command, server, load, cpus)
            except (servers.ServerFailed, subprocess.TimeoutExpired) as failure:
                outcome.fail(scenario, server, str(failure))
                continue
            outcome.add(scenario, server, number, figures)
            print(f"  {scenario.name} round {number}/{rounds} {server.name}: "
                  f"{figures[scenario.cost]:.2f} {scenario.unit}", flush=True)
