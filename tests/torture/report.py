"""What is told of a torture: for people, line by line, and for a machine."""

import json
import re
from collections import Counter

from torture.checker import title

RUN = re.compile(r"run_[0-9a-f]{32}|made-[0-9a-f]{24}")
TIME = re.compile(r"\b(\d{2,}\.\d{3})\b")
EXAMPLES_SHOWN, EXCERPT_LINES, LINE_CHARS = 3, 16, 260
WORDS = {"held": "held", "violated": "VIOLATED", "not exercised": "not exercised"}


def lines(result):
    options = result.options
    yield f"{options.engine}, {result.seconds:.0f} s, seed {options.seed}"
    yield "lives: " + told(result.lives)
    yield "done: " + told({name: count for name, count in result.tally.items() if not name.startswith("fault ")})
    calls = Counter(entry["call"] for entry in result.entries if entry["what"] == "asked")
    events = Counter(entry["message"].get("event", entry["message"].get("type")) for entry in result.entries if entry["what"] == "heard")
    yield f"asked: {told(calls)}"
    yield f"heard: {told(events)}"
    yield "faults: " + (told({name.removeprefix("fault "): count for name, count in result.tally.items() if name.startswith("fault ")}) or "none")
    if result.starved:
        yield f"the machine gave nothing to run on for {result.starved:.1f} s: deadlines are longer for that"
    for note in [note for note in result.notes if note.startswith(("still open", "did not come"))][:3]:
        yield note[:300]
    yield ""
    for name, found in result.found.items():
        yield row(name, found)
    for name in result.violated:
        yield from violation(result, name)
    for failure in result.gateway_failures:
        yield f"\nGATEWAY: {failure}"
    yield ""
    yield verdict(result)


def row(name, found) -> str:
    told = found.told()
    measured = f", max {told['max_seconds']} s, p99 {told['p99_seconds']} s" if "max_seconds" in told else ""
    counts = f" ({found.checked} checked" + (f", {len(found.violations)} violated" if found.violations else "") + f"{measured})"
    return f"{name:4} {WORDS[found.verdict]}{counts if found.checked or found.seconds else ''}: {title(name)}"


def violation(result, name):
    found = result.found[name]
    yield f"\n{name} VIOLATED, seed {result.options.seed}, {len(found.violations)} times, among them:"
    for words in found.violations[:EXAMPLES_SHOWN]:
        yield f"  {words[:1200]}"
    yield "  journal:"
    for entry in excerpt(result.entries, found.violations[0]):
        yield f"    {short(entry)}"


def excerpt(entries, words) -> list:
    """What was written of that run, around the time that the words name."""
    run = RUN.search(words)
    if run is None:
        return []
    about = [entry for entry in entries if run[0] in json.dumps(entry)]
    times = [float(time) for time in TIME.findall(words)]
    if times and about:
        at = min(range(len(about)), key=lambda i: abs(about[i]["t"] - times[0]))
        return about[max(0, at - EXCERPT_LINES // 2) : at + EXCERPT_LINES // 2]
    return about[-EXCERPT_LINES:]


def short(entry) -> str:
    text = json.dumps({name: value for name, value in entry.items() if name != "t"}, ensure_ascii=False)
    return f"{entry['t']:.3f} {text if len(text) <= LINE_CHARS else text[:LINE_CHARS] + '…'}"


def told(counts) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def verdict(result) -> str:
    by = Counter(found.verdict for found in result.found.values())
    not_exercised = [name for name, found in result.found.items() if found.verdict == "not exercised"]
    words = "ok" if result.ok else "FAILED"
    return f"{words}: {by['held']} held, {by['violated']} violated, {by['not exercised']} not exercised" + (f" ({', '.join(not_exercised)})" if not_exercised else "")


def for_machine(result) -> dict:
    options = result.options
    return {
        "seed": options.seed, "engine": options.engine, "instances": options.instances, "faults": list(options.faults),
        "seconds": round(result.seconds, 1), "ok": result.ok, "lives": dict(result.lives), "tally": result.tally,
        "invariants": {name: {"title": title(name), **found.told()} for name, found in result.found.items()},
        "starved_seconds": round(result.starved, 1), "gateway_failures": result.gateway_failures, "cut_short": result.notes,
    }  # fmt: skip
