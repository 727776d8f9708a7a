"""docs/RUNBOOK.md as something to run: its shell functions, its commands, and the output that it shows for each.

    <!-- functions: systemd -->    what is pasted where a gateway runs like that ("common": everywhere)
    <!-- run: well -->             the scene in which the block's commands are run
    ```console
    $ command
    output
    ```

journalctl, systemctl, docker and kubectl are stand_in.sh, which shows the scene's log. In the output "…" stands for anything, on a line of its own for any lines; a number that is not 0 for any such number.
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

DOCUMENT = Path(__file__).parents[2] / "docs/RUNBOOK.md"
STAND_IN = Path(__file__).parent / "stand_in.sh"
# How a gateway may be run: each has functions of its own for the same things.
WAYS = {"systemd": ("journalctl", "systemctl"), "docker": ("docker",), "kubectl": ("kubectl",)}
_BLOCK = re.compile(
    r"(?:^<!-- (?P<use>run|functions): (?P<name>[^\n]*) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_FREE = re.compile(r"(?P<lines>^…\n)|(?P<rest>…)|(?<=[: ])(?P<number>[1-9]\d*(?:\.\d+)?)(?=[ ,}\n])", re.MULTILINE)
_KINDS = {"lines": r"(?:.*\n)*?", "rest": ".*", "number": r"(?!0+(?:\.0*)?(?![\d.]))\d+(?:\.\d+)?(?:e[+-]?\d+)?"}
_END = "-- end of the command --"


@dataclass
class Scene:
    """What the commands meet. `log` is what the gateway has written; `other_url` is another instance."""

    url: str
    api_key: str = "none"
    session: str = "none"
    redis_url: str = ""
    log: Callable[[], str] = field(default=lambda: "")
    other_url: str = ""

    @classmethod
    def of(cls, gateway, session="none", redis_url=""):
        return cls(gateway.url, gateway.api_key, session, redis_url, lambda: gateway.log_text)


def text() -> str:
    return DOCUMENT.read_text()


def functions(way: str) -> str:
    """The shell functions for one way to run a gateway, without the settings that a scene gives."""
    blocks = {block["name"]: block["text"] for block in _BLOCK.finditer(text()) if block["use"] == "functions"}
    assert blocks.keys() == WAYS.keys() | {"common"}
    return re.sub(r"^export GATEWAY_URL.*\n", "", blocks["common"] + blocks[way], flags=re.MULTILINE)


def named(*programs) -> list[str]:
    """The commands that it names in its text, beside the blocks."""
    return re.findall(rf"`((?:{'|'.join(programs)}) [^`\n]+)`", _BLOCK.sub("", text()))


def scenes() -> dict[str, list]:
    """scene -> its blocks, each a list of (command, output)."""
    found = defaultdict(list)
    for block in _BLOCK.finditer(text()):
        if block["use"] == "functions" or block["kind"] == "mermaid":
            continue
        assert block["use"] == "run" and block["kind"] == "console", f"nobody runs this:\n{block[0]}"
        steps = re.split(r"^\$ (.*)\n", block["text"], flags=re.MULTILINE)
        assert steps[0] == "" and len(steps) > 1, f"it begins with a command:\n{block[0]}"
        found[block["name"]].append(list(zip(steps[1::2], steps[2::2], strict=True)))
    return dict(found)


def check(blocks, scene: Scene, way="systemd"):
    """Runs the blocks; each has to come to show what the runbook shows."""
    for block in blocks:
        eventually(lambda block=block: _shows(block, scene, way), 20, block[0][0], interval=0.2)


def _shows(block, scene, way) -> bool:
    for (command, shown), got in zip(block, run([command for command, _ in block], scene, way), strict=True):
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


def run(commands, scene: Scene, way) -> list:
    """What each command writes, in one shell: an earlier one may set a variable for the next."""
    script = functions(way) + "".join(f"{command}\necho; echo '{_END}'\n" for command in commands)
    with tempfile.TemporaryDirectory() as directory:
        programs, log = Path(directory) / "bin", Path(directory) / "gateway.log"
        programs.mkdir()
        for program in WAYS[way]:
            (programs / program).symlink_to(STAND_IN)
        log.write_text(scene.log())
        env = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "GATEWAY_URL": scene.url,
            "OTHER_URL": scene.other_url,
            "GATEWAY_API_KEY": scene.api_key,
            "GATEWAY_REDIS_URL": scene.redis_url,
            "SESSION": scene.session,
            "LOG": str(log),
        }
        done = subprocess.run(
            ["bash", "-c", script],
            env=env,
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=True,
        )
    outputs = done.stdout.decode(errors="replace").replace("\r", "").split(_END + "\n")
    return [output.rstrip("\n") + "\n" if output.strip() else "" for output in outputs[:-1]]
