"""What the tests verify and what may be missing, as tests/README_WEBSOCKET_TESTS.md has it. From tests/:

.venv/bin/python -m integration.smart_city.describe
"""

import inspect

from integration.smart_city.problems import PROBLEMS
from integration.smart_city.test_websocket_gateway_e2e import TestWebSocketGatewayE2E
from integration.smart_city.test_websocket_gateway_integration import TestWebSocketGatewayIntegration


def tests() -> str:
    lines = []
    for suite in (TestWebSocketGatewayIntegration, TestWebSocketGatewayE2E):
        lines += [f"### {suite.__name__}", ""]
        for phase in reversed(suite.__bases__):
            lines += [f"**{phase.__doc__}**", "", "| test | verifies |", "| --- | --- |"]
            lines += [f"| `{name}` | {one_line(test.__doc__)} |" for name, test in vars(phase).items() if is_test(name, test)]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def troubleshooting() -> str:
    rows = [f"| **{problem.title}** | {problem.meaning} | {problem.remedy} |" for problem in PROBLEMS]
    return "\n".join(["| the check says | meaning | to do |", "| --- | --- | --- |", *rows]) + "\n"


def is_test(name, value) -> bool:
    return name.startswith("test_") and inspect.isfunction(value)


def one_line(text) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    print(f"{tests()}\n{troubleshooting()}", end="")
