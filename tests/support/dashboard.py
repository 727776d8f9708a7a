"""deploy/grafana/websocket-gateway.json as a test sees it: its queries, with the variables as Grafana fills them in."""

import json
import re
from dataclasses import dataclass

from support.gateway import REPOSITORY

FILE = REPOSITORY / "deploy/grafana/websocket-gateway.json"
# A metric and the beginning of its selector: every query here has one.
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*[{]")
LABEL_VALUES = re.compile(r"label_values\((\w+), (\w+)\)")
# What Grafana makes of four scrapes; wide enough here for all that a test has done.
RATE_INTERVAL = "5m"


@dataclass(frozen=True)
class Query:
    where: str  # the panel's title and the query's letter, or the annotation's name
    expression: str
    instant: bool  # as Grafana asks: for the value now, else over the time shown


def load() -> dict:
    return json.loads(FILE.read_text())


def panels(dashboard) -> list:
    """Rows left out."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def variables(dashboard) -> dict:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def annotations(dashboard) -> list:
    """Without Grafana's own."""
    return [annotation for annotation in dashboard["annotations"]["list"] if not annotation.get("builtIn")]


def queries(dashboard=None) -> list:
    dashboard = dashboard or load()
    of_panels = [
        Query(f"{panel['title']} {target['refId']}", target["expr"], target["instant"])
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]
    return of_panels + [Query(f"annotation {a['name']}", a["expr"], False) for a in annotations(dashboard)]


def metrics_in(expression) -> set:
    return set(SELECTOR.findall(expression))


def filled_in(expression, values) -> str:
    """With "All" chosen: a variable becomes its values as a pattern, as Grafana escapes them inside a string."""
    for name, found in values.items():
        expression = expression.replace(f"${name}", "|".join(value.replace(".", r"\\.") for value in found))
    expression = expression.replace("$__rate_interval", RATE_INTERVAL)
    assert "$" not in expression, f"a variable that the dashboard does not have: {expression}"
    return expression
