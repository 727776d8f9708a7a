"""What scripts/lib makes once: servers that Debian does not have, and the packages, clients and pages of other ecosystems.

    subprocess.Popen([tool("consul"), "agent", "-dev"])
    subprocess.Popen([f"{built('python_client')}/venv/bin/python", "agent.py"])
"""

import functools
import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD_SECONDS_MAX = 1800


@functools.cache
def tool(name) -> str:
    """The path of consul, helm, otel-collector or traefik: $CONSUL and so on, else what the script made."""
    given = os.environ.get(name.upper().replace("-", "_"))
    if given:
        return given
    made = subprocess.run(
        [REPOSITORY / "scripts/lib/go_tools.sh", name], capture_output=True, text=True, timeout=BUILD_SECONDS_MAX
    )
    assert made.returncode == 0, f"no {name}: {made.stderr.strip()}"
    return made.stdout.strip()


@functools.cache
def built(name) -> str:
    """The directory that scripts/lib/NAME.sh makes, and prints."""
    made = subprocess.run([REPOSITORY / f"scripts/lib/{name}.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return made.stdout.strip()
