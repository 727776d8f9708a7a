"""The part of the figures that is about Redis: runs it, shows it, and writes it under its own heading."""

import collections
import datetime
import fnmatch
import os
import statistics
import subprocess

from . import redis_commands, redis_plan, results, scenarios, servers, tools

# The target that is a ratio; counts have theirs in redis_commands.
LEVEL_MAX = 1.2
ABOUT = """\
One or more instances share a Redis that keeps nothing on disk, all on the server's CPU. CPU time is that of all gateways, and apart
from it that of Redis; ratios are to the first row. A millisecond for a thousand messages is a microsecond for one. The Python gateway that
this one replaces sends 8 commands for a message, each after the answer to the one before; a thousand messages cost it 840 ms of CPU
when that was measured, which this run did not repeat."""


class Part:
    def __init__(self, size, command, machine):
        self.size = redis_plan.SIZES[size]
        self.command = command
        self.machine = machine
        self.figures = collections.defaultdict(dict)  # (table, row) -> round -> figures
        self.commands = {}
        self.failures = []
        self.started = datetime.datetime.now()

    # Running.

    def run(self, fleet, load, cpus, only, rounds):
        def wanted(name):
            return not only or any(fnmatch.fnmatch(name, pattern) for pattern in only)

        self.tables = [table for table in redis_plan.tables(fleet, self.size) if wanted(table.name)]
        if wanted(redis_commands.NAME):
            self.guarded(redis_commands.NAME, lambda: self.count(fleet, load, cpus))
            self.show(redis_commands.TITLE, redis_commands.rows(self.commands))
        for table in self.tables:
            table.rounds = min(rounds or table.rounds, table.rounds)
            for number in range(1, table.rounds + 1):
                for row in table.rows:
                    self.guarded(f"{table.name}, {row.label}", lambda: self.measure(table, row, number, load, cpus))
            self.show(table.title, self.rows(table))

    def guarded(self, name, action):
        try:
            action()
        except (servers.ServerFailed, subprocess.TimeoutExpired, OSError) as failure:
            self.failures.append(f"{name}: {str(failure).strip()}")
            print(f"FAILED {self.failures[-1]}", flush=True)

    def count(self, fleet, load, cpus):
        self.commands = redis_commands.costs(self.size, redis_commands.watch(self.size, fleet.on_redis(), load, cpus))

    def measure(self, table, row, number, load, cpus):
        figures = scenarios.run_once(row.command, row.server, load, cpus)
        figures["all"] = figures[table.figure] + figures.get(f"redis_{table.figure}", 0)
        self.figures[table.name, row.label][number] = figures
        print(f"  {table.name} round {number}/{table.rounds} {row.label}: {figures['all']:.2f} {table.unit}", flush=True)

    # Showing.

    def costs(self, table, row, figure):
        return [figures[figure] for figures in self.figures[table.name, row.label].values() if figure in figures]

    def ratios(self, table, row, figure):
        ours, first = self.figures[table.name, row.label], self.figures[table.name, table.rows[0].label]
        return [ours[n][figure] / first[n][figure] for n in ours if n in first and first[n][figure] > 0]

    def rows(self, table):
        redis = f"redis_{table.figure}"
        yield ["", f"gateway, {table.unit}", "ratio", "Redis", "both", "ratio", *table.columns]
        for row in table.rows:
            other = row is not table.rows[0]
            cells = [row.label]
            for figure, with_ratio in ((table.figure, True), (redis, False), ("all", True)):
                cells.append(self.cell(self.costs(table, row, figure), results.short))
                if with_ratio:
                    cells.append(self.cell(self.ratios(table, row, figure) if other else [], lambda r: f"{r:.2f}"))
            for figure in table.columns.values():
                values = self.costs(table, row, figure)
                cells.append(results.short(statistics.median(values)) if values else "")
            yield cells

    @staticmethod
    def cell(values, form):
        return results.spread(values, form) if values else ""

    @staticmethod
    def show(title, rows):
        print("\n".join([title, *("  " + " | ".join(row) for row in rows)]), flush=True)

    def verdicts(self):
        yield from redis_commands.verdicts(self.commands)
        few, many = self.size.open[0], self.size.open[-1]
        words = f"a message costs at most {LEVEL_MAX} with {many} connections open of what it costs with {few}"
        table = next((table for table in self.tables if table.name == "redis-connections"), None)
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
