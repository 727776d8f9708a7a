"""The part of the figures that is about Redis: runs it, shows it, and writes it under its own heading."""

import datetime
import os
import statistics

from . import redis_commands, redis_plan, results, tables, tools

# The target that is a ratio; counts have theirs in redis_commands.
LEVEL_MAX = 1.2
ABOUT = """\
One or more instances share a Redis that keeps nothing on disk, all on the server's CPU. CPU time is that of all gateways, and apart
from it that of Redis; ratios are to the first row. A millisecond for a thousand messages is a microsecond for one. The Python gateway that
this one replaces sends 8 commands for a message, each after the answer to the one before; a thousand messages cost it 840 ms of CPU
when that was measured, which this run did not repeat."""


class Part(tables.Tables):
    def __init__(self, size, command, machine):
        super().__init__()
        self.size = redis_plan.SIZES[size]
        self.command = command
        self.machine = machine
        self.commands = {}
        self.started = datetime.datetime.now()

    def run(self, fleet, load, cpus, only, rounds):
        if tables.is_wanted(redis_commands.NAME, only):
            self.guarded(redis_commands.NAME, lambda: self.count(fleet, load, cpus))
            self.show(redis_commands.TITLE, redis_commands.rows(self.commands))
        for table in redis_plan.tables(fleet, self.size):
            if tables.is_wanted(table.name, only):
                self.run_table(table, load, cpus, rounds)

    def count(self, fleet, load, cpus):
        self.commands = redis_commands.costs(self.size, redis_commands.watch(self.size, fleet.on_redis(), load, cpus))

    def verdicts(self):
        yield from redis_commands.verdicts(self.commands)
        few, many = self.size.open[0], self.size.open[-1]
        words = f"a message costs at most {LEVEL_MAX} with {many} connections open of what it costs with {few}"
        table = self.find("redis-connections")
        ratios = self.ratios(table, table.rows[-1], "all") if table else []
        if not ratios:
            yield "not measured", words, ""
            return
        median = statistics.median(ratios)
        yield ("pass" if median <= LEVEL_MAX else "FAIL"), words, f"{median:.2f}"

    def count_failures(self):
        """Counts are the same on every machine, however busy."""
        return [words for verdict, words, _ in redis_commands.verdicts(self.commands) if verdict == "FAIL"]

    def markdown(self):
        out = [results.REDIS_HEADING, "", f"Written by `{self.command}`.", "", ABOUT, "", f"- Date: {self.started:%Y-%m-%d}",
               f"- Took: {(datetime.datetime.now() - self.started).seconds} s"]
        out += [f"- {key}: {value}" for key, value in self.machine.items()]
        if os.getloadavg()[2] > len(os.sched_getaffinity(0)):
            out += ["", results.BUSY]
        out += ["", "| target | measured | |", "| --- | --- | --- |"]
        out += [f"| {words} | {value} | {verdict} |" for verdict, words, value in self.verdicts()]
        if self.commands:
            out += ["", *results.table(redis_commands.TITLE, redis_commands.rows(self.commands), "###")]
            out += ["", redis_commands.HOW]
        for table in self.tables:
            out += ["", *results.table(table.title, self.rows(table), "###")]
        if self.failures:
            out += ["", "### Runs that failed", ""] + [f"- {failure.splitlines()[0]}" for failure in self.failures]
        return "\n".join(out) + "\n"


def run(args, command, load, fleet, cpus, machine):
    """The exit code."""
    size = "smoke" if args.smoke else "quick" if args.quick else "full"
    part = Part(size, command, machine)
    part.run(fleet, load, cpus, args.only, args.rounds)
    failures = part.failures + part.count_failures()
    lines = [f"{verdict}: {words} ({value})" for verdict, words, value in part.verdicts()] if not args.smoke else []
    print("\n".join([*lines, *(f"FAILED: {failure}" for failure in failures)]))
    if args.write:
        results.write(tools.BENCH / "RESULTS.md", redis=part.markdown())
    return 1 if failures else 0
