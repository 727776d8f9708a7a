"""The part of the figures that is about durable runs, beside Centrifugo."""

import datetime
import os
import statistics

from . import results, run_servers, runs_plan, tables, tools

ABOUT = """\
Centrifugo does the same work with channels that keep a history: an append is a publication over its HTTP API, a reader a subscriber that
recovers. Its clients come without a token, the gateway's with a session that is looked up. CPU time is that of the server, and apart from
it that of Redis; ratios are to the first row, within a round. A reader checks every byte of its run and its place, on both sides."""


class Part(tables.Tables):
    measured = "server"

    def __init__(self, command, machine):
        super().__init__()
        self.command = command
        self.machine = machine
        self.started = datetime.datetime.now()

    def run(self, plan, load, cpus, rounds):
        for table in plan:
            self.run_table(table, load, cpus, rounds)

    def values(self, target):
        table = self.find(target.table)
        row = table and next((row for row in table.rows if row.label == target.row), None)
        if row is None or target.is_ratio and row is table.rows[0]:
            return []
        return (self.ratios if target.is_ratio else self.costs)(table, row, target.figure)

    def verdicts(self):
        for target in runs_plan.TARGETS:
            values = self.values(target)
            if not values:
                yield "not measured", target.words, ""
                continue
            median = statistics.median(values)
            yield ("pass" if median <= target.limit else "FAIL"), target.words, results.short(median)

    def markdown(self):
        out = [results.RUNS_HEADING, "", f"Written by `{self.command}`.", "", ABOUT, "", f"- Date: {self.started:%Y-%m-%d}",
               f"- Took: {(datetime.datetime.now() - self.started).seconds} s"]
        out += [f"- {key}: {value}" for key, value in self.machine.items()]
        if os.getloadavg()[2] > len(os.sched_getaffinity(0)):
            out += ["", results.BUSY]
        out += ["", "| target | measured | |", "| --- | --- | --- |"]
        out += [f"| {words} | {value} | {verdict} |" for verdict, words, value in self.verdicts()]
        for table in self.tables:
            out += ["", *results.table(table.title, self.rows(table), "###")]
        if self.failures:
            out += ["", "### Runs that failed", ""] + [f"- {failure.splitlines()[0]}" for failure in self.failures]
        return "\n".join(out) + "\n"


def peers(args):
    """Centrifugo on memory and on Redis. A smoke run takes what is there: a build of it takes minutes."""
    if args.peers == "":
        return None, None
    binary = run_servers.centrifugo_if_built() if args.smoke else run_servers.centrifugo()
    if binary is None:
        print("Centrifugo is left out: it is not built (scripts/lib/go_tools.sh centrifugo)", flush=True)
        return None, None
    return run_servers.Centrifugo(binary), run_servers.CentrifugoOnRedis(binary)


def run(args, command, load, gateways, cpus, machine):
    """The exit code."""
    size = runs_plan.SIZES["smoke" if args.smoke else "quick" if args.quick else "full"]
    centrifugo, on_redis = peers(args)
    if centrifugo:
        machine = {**machine, "Centrifugo": f"{centrifugo.version}, {'GOMAXPROCS 1 where it has one CPU' if cpus else 'as it starts'}"}
    print("\n".join(f"{key}: {value}" for key, value in machine.items()), flush=True)
    known = runs_plan.tables(runs_plan.Fleet(gateways, centrifugo, on_redis), size)
    plan = [table for table in known if tables.is_wanted(table.name, args.only)]
    if not plan:
        raise SystemExit("bench/run: --only: no such table; there are: " + ", ".join(table.name for table in known))
    part = Part(command, machine)
    part.run(plan, load, cpus, args.rounds)
    lines = [f"{verdict}: {words} ({value})" for verdict, words, value in part.verdicts()] if not args.smoke else []
    print("\n".join([*lines, *(f"FAILED: {failure}" for failure in part.failures)]))
    if args.write:
        results.write(tools.BENCH / "RESULTS.md", runs=part.markdown())
    return 1 if part.failures else 0
