"""The runbook of docs/OPERATIONS.md as something to run: its commands, and the output that it shows for each.

    <!-- run: well -->        the scene in which the block's commands are run
    ```console
    $ command
    output
    ```

In the output "…" stands for anything, on a line of its own for any lines; a number that is not 0 for any such number.
"""

import os
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from support.wait import eventually

DOCUMENT = Path(__file__).parents[2] / "docs/OPERATIONS.md"
_BLOCK = re.compile(
    r"(?:^<!-- run: (?P<scene>[^\n]*) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_FREE = re.compile(r"(?P<lines>^…\n)|(?P<rest>…)|(?<=[: ])(?P<number>[1-9]\d*(?:\.\d+)?)(?=[ ,}\n])", re.MULTILINE)
_KINDS = {"lines": r"(?:.*\n)*?", "rest": ".*", "number": r"(?!0+(?:\.0*)?\b)\d+(?:\.\d+)?(?:e[+-]?\d+)?"}
_END = "-- end of the command --"


@dataclass
class Scene:
    """What the commands meet. `log` is what journalctl would show."""

    url: str
    api_key: str = "none"
    session: str = "none"
    redis_url: str = ""
    log: Callable[[], str] = field(default=lambda: "")

    @classmethod
    def of(cls, gateway, session="none", redis_url=""):
        return cls(gateway.url, gateway.api_key, session, redis_url, lambda: gateway.log_text)


def text() -> str:
    return DOCUMENT.read_text().split("<!-- runbook: begin -->")[1].split("<!-- runbook: end -->")[0]


def functions() -> str:
    """The shell functions that it begins with, without the settings that a scene gives."""
    first = next(_BLOCK.finditer(text()))
    assert first["kind"] == "sh"
    return re.sub(r"^export .*\n", "", first["text"], flags=re.MULTILINE)


def scenes() -> dict[str, list]:
    """scene -> its blocks, each a list of (command, output)."""
    found = defaultdict(list)
    for block in list(_BLOCK.finditer(text()))[1:]:
        assert block["scene"] and block["kind"] == "console", f"nobody runs this:\n{block[0]}"
        steps = re.split(r"^\$ (.*)\n", block["text"], flags=re.MULTILINE)
        assert steps[0] == "" and len(steps) > 1, f"it begins with a command:\n{block[0]}"
        found[block["scene"]].append(list(zip(steps[1::2], steps[2::2], strict=True)))
    return dict(found)


def check(blocks, scene: Scene):
    """Runs the blocks; each has to come to show what the runbook shows."""
    for block in blocks:
        eventually(lambda block=block: _shows(block, scene), 20, block[0][0], interval=0.2)


def _shows(block, scene) -> bool:
    for (command, shown), got in zip(block, _run(block, scene), strict=True):
        assert pattern(shown).fullmatch(got), f"$ {command}\n{got}\nThe runbook shows:\n{shown}"
    return True


def pattern(shown) -> re.Pattern:
    """Of an output as the runbook shows it."""
    parts, end = [], 0
    for free in _FREE.finditer(shown):
        line = shown[shown.rfind("\n", 0, free.start()) + 1 :]
        if free["number"] and line.startswith("HTTP/"):
            continue
        parts += [re.escape(shown[end : free.start()]), _KINDS[free.lastgroup]]
        end = free.end()
    return re.compile("".join(parts) + re.escape(shown[end:]))


def _run(block, scene) -> list:
    """What each command of a block writes, in one shell: an earlier one may set a variable for the next."""
    commands = "".join(f"{command}\necho; echo '{_END}'\n" for command, _ in block)
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        log.write(scene.log())
        log.flush()
        env = {
            "PATH": os.environ["PATH"],
            "GATEWAY_URL": scene.url,
            "GATEWAY_API_KEY": scene.api_key,
            "GATEWAY_REDIS_URL": scene.redis_url,
            "SESSION": scene.session,
            "LOG": log.name,
        }
        script = f'{functions()}\nlogs() {{ cat "$LOG"; }}\n{commands}'
        done = subprocess.run(
            ["bash", "-c", script], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=True
        )
    outputs = done.stdout.decode(errors="replace").replace("\r", "").split(_END + "\n")
    return [output.rstrip("\n") + "\n" if output.strip() else "" for output in outputs[:-1]]
