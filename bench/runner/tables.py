"""Tables whose rows take turns: servers that do one thing, or one server that does several."""

import collections
import dataclasses
import fnmatch
import statistics
import subprocess

from . import results, scenarios, servers


@dataclasses.dataclass
class Row:
    label: str
    server: object
    command: list  # gateway-load's


@dataclasses.dataclass
class Table:
    """Rows take turns; ratios are to the first, round by round."""

    name: str
    title: str
    figure: str  # of the server; "redis_" and it: of the Redis behind it
    unit: str
    rows: list
    rounds: int
    columns: dict = dataclasses.field(default_factory=dict)  # heading -> figure, beside those
    pinned: bool = True  # to one CPU; else more than one may be had
    time_limit_s: int = scenarios.TIME_LIMIT_S


def is_wanted(name, only):
    return not only or any(fnmatch.fnmatch(name, pattern) for pattern in only)


class Tables:
    """Runs them, and has what they found."""

    measured = "gateway"  # what the first column of figures is of

    def __init__(self):
        self.tables = []
        self.figures = collections.defaultdict(dict)  # (table, row) -> round -> figures
        self.failures = []

    # Running.

    def run_table(self, table, load, cpus, rounds):
        self.tables.append(table)
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

    def measure(self, table, row, number, load, cpus):
        figures = scenarios.run_once(row.command, row.server, load, cpus if table.pinned else None, table.time_limit_s)
        figures["all"] = figures[table.figure] + figures.get(f"redis_{table.figure}", 0)
        self.figures[table.name, row.label][number] = figures
        print(f"  {table.name} round {number}/{table.rounds} {row.label}: {figures['all']:.2f} {table.unit}", flush=True)

    # Showing.

    def find(self, name):
        return next((table for table in self.tables if table.name == name), None)

    def costs(self, table, row, figure):
        return [figures[figure] for figures in self.figures[table.name, row.label].values() if figure in figures]

    def ratios(self, table, row, figure):
        ours, first = self.figures[table.name, row.label], self.figures[table.name, table.rows[0].label]
        return [ours[n][figure] / first[n][figure] for n in ours if n in first and first[n][figure] > 0]

    def rows(self, table):
        redis = f"redis_{table.figure}"
        yield ["", f"{self.measured}, {table.unit}", "ratio", "Redis", "both", "ratio", *table.columns]
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
