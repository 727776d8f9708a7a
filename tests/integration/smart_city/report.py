"""A report for people: which phase, what was verified, how long it took, and on what. HTML, and a summary on the terminal."""

import html
import platform
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parents[2] / "report"
FILE = DIRECTORY / "websocket_gateway.html"


@dataclass
class Row:
    phase: str  # the first line of the class that the test stands in
    name: str
    verified: str  # the test's docstring, and which of its cases
    outcome: str = "not run"
    seconds: float = 0.0
    failure: str = ""


@dataclass(eq=False)
class Report:
    """Also a plugin of pytest, which tells it how each test went."""

    environment: dict = field(default_factory=lambda: {"Python": platform.python_version()})
    rows: dict = field(default_factory=dict)  # by the test's id, in the order of running
    began: float = field(default_factory=time.time)

    def expect(self, item):
        phase = next(base.__doc__ for base in item.cls.__mro__ if item.originalname in vars(base))
        verified = " ".join((item.function.__doc__ or "").split())
        case = f" [{item.callspec.id}]" if hasattr(item, "callspec") else ""
        self.rows[item.nodeid] = Row(phase, item.originalname, verified + case)

    def pytest_runtest_logreport(self, report):
        """One of a test's three parts: set-up, call, tear-down. Their times add up."""
        result, row = report, self.rows.get(report.nodeid)
        if row is None:
            return
        row.seconds += result.duration
        if result.failed:
            row.outcome, row.failure = "failed", result.longreprtext
        elif result.when == "call" and row.outcome != "failed":
            row.outcome = result.outcome

    def phases(self) -> dict:
        grouped = {}
        for row in self.rows.values():
            grouped.setdefault(row.phase, []).append(row)
        return grouped

    def write(self):
        DIRECTORY.mkdir(exist_ok=True)
        FILE.write_text(page(self), encoding="utf-8")

    def summary(self) -> list[str]:
        lines = []
        for phase, rows in self.phases().items():
            passed = sum(row.outcome == "passed" for row in rows)
            lines.append(f"{phase:<52} {passed:>3} of {len(rows):>3} passed  {sum(row.seconds for row in rows):6.1f} s")
        lines += [f"{name}: {value}" for name, value in self.environment.items()]
        return lines


STYLE = """
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --quiet: #6e7781; --line: #d0d7de66; }
body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem }
.verdict { font-size: 1.1rem; font-weight: 600 } .passed { color: var(--good) } .failed, .not { color: var(--bad) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem } dt { color: var(--quiet) } dd { margin: 0 }
table { border-collapse: collapse; width: 100% } td { padding: .35rem .6rem .35rem 0; border-top: 1px solid var(--line);
vertical-align: top } td:nth-child(1) { white-space: nowrap; width: 5rem } td:nth-child(3) { text-align: right; white-space: nowrap }
code { font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere }
.name { font-size: 12px; color: var(--quiet) } .case { border: 1px solid var(--line); border-radius: .6em; padding: 0 .5em; white-space: nowrap }
pre { font-size: 12px; overflow-x: auto; border-left: 3px solid var(--bad); padding-left: .8rem }
"""


def page(report: Report) -> str:
    rows = list(report.rows.values())
    passed = sum(row.outcome == "passed" for row in rows)
    verdict = "passed" if rows and passed == len(rows) else "failed"
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(report.began))
    facts = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in report.environment.items())
    body = "".join(section(phase, of_phase) for phase, of_phase in report.phases().items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>WebSocket gateway: {passed} of {len(rows)} passed</title><style>{STYLE}</style>"
        f'<h1>WebSocket gateway on real infrastructure</h1><p class="verdict {verdict}">{passed} of {len(rows)} tests passed in '
        f"{time.time() - report.began:.0f} s</p><dl><dt>When</dt><dd>{when}</dd>{facts}</dl>{body}</html>\n"
    )


def section(phase, rows) -> str:
    seconds = sum(row.seconds for row in rows)
    cells = "".join(line(row) for row in rows)
    return f"<h2>{html.escape(phase)}</h2><p>{len(rows)} tests, {seconds:.1f} s</p><table>{cells}</table>"


def line(row: Row) -> str:
    sign = {"passed": "✓ passed", "failed": "✗ failed"}.get(row.outcome, row.outcome)
    verified = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(row.verified))
    verified = re.sub(r"\[([^]]+)\]$", r'<span class="case">\1</span>', verified)
    failure = f"<pre>{html.escape(row.failure)}</pre>" if row.failure else ""
    return (
        f'<tr><td class="{row.outcome}">{sign}</td><td>{verified}<br><code class="name">{html.escape(row.name)}</code>'
        f"{failure}</td><td>{row.seconds:.1f} s</td></tr>"
    )
