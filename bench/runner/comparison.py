"""What has become of a gateway's figures since another commit."""

import statistics

from .results import short

BEFORE = "before"
LIMIT = 1.05


def verdict(ratios):
    """Of a cost: worse only where no round says otherwise."""
    if not ratios:
        return "not measured"
    median = statistics.median(ratios)
    if median > LIMIT:
        return "WORSE" if min(ratios) > 1 else "unsteady"
    return "better" if median < 1 / LIMIT and max(ratios) < 1 else "same"


def lines(outcome, plan):
    """A line for each scenario, and whether one of them is worse."""
    out, has_worse = [], False
    for scenario in plan:
        ratios = outcome.ratios(scenario.name, scenario.cost, BEFORE)
        said = verdict(ratios)
        has_worse = has_worse or said == "WORSE"
        figures = [outcome.costs(scenario.name, name, scenario.cost) for name in (BEFORE, "gateway")]
        before, now = (short(statistics.median(costs)) if costs else "-" for costs in figures)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})" if ratios else "-"
        out.append(f"{said}: {scenario.name}, {scenario.unit}: {before} -> {now}, {spread}")
    return out, has_worse
