"""Medians, ratios round by round, the targets, and RESULTS.md."""

import collections
import datetime
import os
import statistics

from .servers import Gateway

# Scenario, figure, against whom (None: the figure itself), at most, in words.
TARGETS = [
    ("idle", "rss_bytes_per_connection", None, 1024, "an idle connection with session and user costs at most 1 KiB of resident memory"),
    ("idle-anonymous", "rss_bytes_per_connection", None, 480, "one without a session costs at most 480 bytes"),
    ("route-1", "cpu_us_per_message", "ws-node", 0.8, "a routed message costs at most 0.8 of an echo in Node ws"),
    ("route-16", "cpu_us_per_message", "ws-node", 0.8, "a routed message costs at most 0.8 of an echo in Node ws, 16 in flight"),
    ("fanout-1000-burst-1", "cpu_us_per_delivery", "ws-node", 0.7, "a delivery to 1000 costs at most 0.7 of Node ws"),
    ("fanout-1000-burst-16", "cpu_us_per_delivery", "ws-node", 0.1, "a delivery to 1000 in bursts of 16 costs at most 0.1 of Node ws"),
]


# The parts of RESULTS.md after the first: each is written anew without the others.
REDIS_HEADING = "## On Redis"
TRACING_HEADING = "## Tracing"
RUNS_HEADING = "## Durable runs"
CLIENTS_HEADING = "## Clients"
SLOW_HEADING = "## A client that never reads"  # by hand, from bench/slow_clients
BUSY = "Other work shared the CPUs meanwhile: times are too high for every server, ratios hold."


def write(path, main=None, redis=None, tracing=None, runs=None, clients=None):
    text = path.read_text() if path.exists() else ""
    text, _, slow = text.partition(f"\n{SLOW_HEADING}\n")
    text, _, clients_before = text.partition(f"\n{CLIENTS_HEADING}\n")
    text, _, runs_before = text.partition(f"\n{RUNS_HEADING}\n")
    text, _, tracing_before = text.partition(f"\n{TRACING_HEADING}\n")
    main_before, _, redis_before = text.partition(f"\n{REDIS_HEADING}\n")
    parts = [main or main_before,
             redis or (f"{REDIS_HEADING}\n{redis_before}" if redis_before else ""),
             tracing or (f"{TRACING_HEADING}\n{tracing_before}" if tracing_before else ""),
             runs or (f"{RUNS_HEADING}\n{runs_before}" if runs_before else ""),
             clients or (f"{CLIENTS_HEADING}\n{clients_before}" if clients_before else ""),
             f"{SLOW_HEADING}\n{slow}" if slow else ""]
    path.write_text("\n".join(part for part in parts if part))
    print(f"written: {path.name}")


def write_table(path, heading, command, machine, rows):
    """The figures of a part of which the rest is written by hand: its first paragraph, and its table."""
    before, found, rest = path.read_text().partition(f"\n## {heading}\n\n")
    assert found, f"{path.name} has no part {heading}"
    part, *after = rest.split("\n## ", 1)
    blocks = part.strip().split("\n\n")
    blocks[0] = "\n".join([f"Written by `{command} --write` on {datetime.date.today().isoformat()}.", "",
                           *(f"- {key}: {value}" for key, value in machine.items())])
    # Of the paragraph before, the list of the machine is a block of its own.
    blocks = [block for number, block in enumerate(blocks) if number == 0 or not block.startswith("- Machine: ")]
    at = next(number for number, block in enumerate(blocks) if block.startswith("|"))
    blocks[at] = "\n".join(table_lines(rows))
    tail = [f"## {text}" for text in after]
    path.write_text(f"{before}{found}" + "\n\n".join([*blocks, *tail]).rstrip() + "\n")
    print(f"written: {path.name}, {heading}")


def table(title, rows, level):
    return [f"{level} {title}", "", *table_lines(rows)]


def table_lines(rows):
    head, *rest = rows
    out = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return out + ["| " + " | ".join(row) + " |" for row in rest]


def spread(values, form):
    low, high = form(min(values)), form(max(values))
    return f"{form(statistics.median(values))} ({low}..{high})"


def short(value):
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 100 else f"{value:.2f}"


class Outcome:
    def __init__(self, command, machine):
        self.command = command
        self.machine = machine
        self.date = datetime.date.today().isoformat()
        self.figures = collections.defaultdict(dict)  # (scenario, server) -> round -> figures
        self.versions = {}
        self.failures = []

    def add(self, scenario, server, number, figures):
        self.figures[scenario.name, server.name][number] = figures
        self.versions[server.name] = server.version

    def fail(self, scenario, server, text):
        self.failures.append(f"{scenario.name}: {text.strip()}")
        print(f"FAILED {self.failures[-1]}", flush=True)

    def head(self):
        return [f"{key}: {value}" for key, value in self.machine.items()]

    def costs(self, name, server, figure):
        return [figures[figure] for figures in self.figures.get((name, server), {}).values() if figure in figures]

    def ratios(self, name, figure, peer):
        """The gateway's cost over the peer's, of the rounds that both have."""
        ours, theirs = (self.figures.get((name, server), {}) for server in (Gateway.name, peer))
        return [ours[n][figure] / theirs[n][figure] for n in ours if n in theirs and theirs[n][figure] > 0]

    def scenario_lines(self, scenario):
        lines = [scenario.title]
        for row in self.rows(scenario):
            lines.append("  " + " | ".join(row))
        return lines

    def rows(self, scenario):
        yield ["server", scenario.unit, "gateway / it", *scenario.columns]
        for server in [server for name, server in self.figures if name == scenario.name]:
            ratios = self.ratios(scenario.name, scenario.cost, server) if server != Gateway.name else []
            cells = [server, spread(self.costs(scenario.name, server, scenario.cost), short)]
            cells.append(spread(ratios, lambda r: f"{r:.2f}") if ratios else "")
            for figure in scenario.columns.values():
                values = self.costs(scenario.name, server, figure)
                cells.append(short(statistics.median(values)) if values else "")
            yield cells

    def verdicts(self):
        for name, cost, peer, limit, words in TARGETS:
            values = self.ratios(name, cost, peer) if peer else self.costs(name, Gateway.name, cost)
            if not values:
                yield "not measured", words, ""
                continue
            median = statistics.median(values)
            yield ("pass" if median <= limit else "FAIL"), words, short(median)

    def target_lines(self):
        lines = [f"{verdict}: {words}" + (f" ({value})" if value else "") for verdict, words, value in self.verdicts()]
        return lines + [f"FAILED RUN: {failure}" for failure in self.failures]

    def markdown(self, plan):
        out = ["# Results", "",
               "Written by `bench/run --write`; what is measured and how: [README](README.md).", "",
               f"- Date: {self.date}", f"- Command: `{self.command}`"]
        out += [f"- {line}" for line in self.head()]
        out += [f"- {name}: {version}" for name, version in self.versions.items() if name != Gateway.name]
        if os.getloadavg()[2] > len(os.sched_getaffinity(0)):
            out += ["", BUSY]
        out += ["", "Medians over the rounds, with lowest and highest in brackets. A ratio is taken within a round.", "",
                "| target | measured | |", "| --- | --- | --- |"]
        out += [f"| {words} | {value} | {verdict} |" for verdict, words, value in self.verdicts()]
        for scenario in plan:
            out += ["", *table(scenario.title, self.rows(scenario), "##")]
        if self.failures:
            out += ["", "## Runs that failed", ""] + [f"- {failure.splitlines()[0]}" for failure in self.failures]
        return "\n".join(out) + "\n"
