"""How many Redis commands an operation costs: one gateway on a Redis that is watched, phase by phase."""

import collections
import dataclasses
import time

from . import redis_monitor, scenarios

NAME = "redis-commands"
TITLE = "Commands"
HOW = """\
Counted by MONITOR, which marks what a script calls, in a run of its own; its sum is compared with that of `INFO commandstats`. What
the instance sends anyway (the last row) is taken off the others, by the second."""
HEAD = ["for each", "commands on the wire", "which", "executed, with what its scripts call"]
# Of the wire, per operation. The second is the contract's: session check and registration.
TARGETS = [
    ("routed message", 1.01, "a routed message costs one command on the wire"),
    ("connect", 2.05, "a connect costs at most two commands on the wire"),
]


@dataclasses.dataclass
class Cost:
    wire: float
    executed: float
    names: dict  # command -> on the wire


def watch(size, server, load, cpus):
    """Phase -> what was executed in it."""
    commands = [
        ["storm", "--connections", size.connects, "--warm-up", 50],
        ["route", "--in-flight", 4, "--messages", size.counted_messages, "--warm-up", 1_000],
        ["idle", "--connections", size.quiet, "--hold", size.quiet_s],
    ]
    server.flags += ["--heartbeat-interval", str(size.heartbeat_s)]
    try:
        server.start(cpus[0] if cpus else None)
        with redis_monitor.Monitor(server.redis.port) as monitor:
            monitor.mark("background")
            time.sleep(size.background_s)
            monitor.mark("")
            for command in commands:
                scenarios.put_load(command, server, load, cpus)
            monitor.check()
        return monitor.phases
    finally:
        server.stop()


def cost(phase, operations, background):
    """What is left for one operation without what the instance sends anyway."""
    share = phase.seconds / background.seconds if background else 0
    names = collections.Counter(phase.wire)
    for name, count in (background.wire if background else {}).items():
        names[name] -= count * share
    in_scripts = phase.in_scripts - (background.in_scripts * share if background else 0)
    each = {name: count / operations for name, count in names.items()}
    return Cost(sum(each.values()), sum(each.values()) + in_scripts / operations, each)


def costs(size, phases):
    background = phases["background"]
    quiet_minutes = size.quiet * phases["idle"].seconds / 60
    return {
        "routed message": cost(phases["route"], size.counted_messages, background),
        "session made": cost(phases["session"], size.connects, background),
        "connect": cost(phases["connect"], size.connects, background),
        "disconnect": cost(phases["disconnect"], size.connects, background),
        f"idle connection and minute, heartbeat {size.heartbeat_s} s": cost(phases["idle"], quiet_minutes, background),
        "instance and second, beside all these (lease, probes)": cost(background, background.seconds, None),
    }


def number(value):
    """Never "-0.000": the background varies by a command."""
    return f"{max(value, 0):.3f}"


def rows(found):
    yield HEAD
    for label, each in found.items():
        names = ", ".join(f"{name} {number(count)}" for name, count in sorted(each.names.items()) if count >= 0.0005)
        yield [label, number(each.wire), names, number(each.executed)]


def verdicts(found):
    for label, limit, words in TARGETS:
        value = found[label].wire if label in found else None
        verdict = "not measured" if value is None else "pass" if value <= limit else "FAIL"
        yield verdict, words, "" if value is None else number(value)
