"""The official MCP clients, each as a process of its own: they exclude each other, and some are TypeScript."""

import functools
import json
import os
import queue
import subprocess
import threading
from pathlib import Path

from support.gateway import REPOSITORY
from support.mcp import NEWER, OLDER
from support.process import Process

DEADLINE = 60.0
SOURCES = REPOSITORY / "tests/mcp/clients"

# By name: the directory, and the mode in which it decides what to speak.
CLIENTS = {
    "python-1.9": ("python-1.9",),
    "python-1.12": ("python-1.12",),
    "python-1": ("python-1",),
    "python-2": ("python-2", "auto"),
    "python-2-legacy": ("python-2", "legacy"),
    "typescript-1.17": ("typescript-1.17",),
    "typescript-1": ("typescript-1",),
    "typescript-2": ("typescript-2", "auto"),
    "typescript-2-legacy": ("typescript-2", "legacy"),
}

SPEAKS = dict.fromkeys(CLIENTS, OLDER) | {
    "python-1.9": "2025-03-26",
    "python-1.12": "2025-06-18",
    "typescript-1.17": "2025-06-18",
    "python-2": NEWER,
    "typescript-2": NEWER,
}

# Whose program also runs with another version of its library.
PROGRAM_OF = {"python-1.9": "python-1.12", "typescript-1.17": "typescript-1"}


@functools.cache
def installed() -> Path:
    script = subprocess.run([REPOSITORY / "scripts/lib/mcp_clients.sh"], capture_output=True, text=True, check=False)
    assert script.returncode == 0, script.stderr
    return Path(script.stdout.strip())


class McpClient(Process):
    """Connected once the constructor returns; `connected` holds what it says of the server."""

    def __init__(self, name, url, key):
        directory, *mode = CLIENTS[name]
        program = SOURCES / PROGRAM_OF.get(directory, directory)
        if directory.startswith("python"):
            command = [installed() / directory / "bin/python", "-B", program / "client.py"]
        else:
            # Node looks for packages beside the file.
            for file in (SOURCES / "talk.mjs", program / "client.mjs"):
                _copy(file, installed() / directory / file.name)
            command = [installed() / directory / "node", installed() / directory / "client.mjs"]
        environment = os.environ | {"MCP_KEY": key, "PYTHONPATH": str(SOURCES)}
        super().__init__([*command, f"{url}/mcp", *mode], env=environment, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._lines = queue.Queue()
        self._errors = []
        self._readers = [threading.Thread(target=target, daemon=True) for target in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()
        self.connected = self._answer()

    def tools(self) -> dict:
        """By name."""
        return {tool["name"]: tool for tool in self.ask(list=True)["tools"]}

    def call(self, tool, **arguments):
        """The structured result of a call that has to succeed."""
        answer = self.ask(call=tool, arguments=arguments)
        assert "result" in answer, answer
        result = answer["result"]
        assert not result["is_error"], result
        assert json.loads(result["texts"][0]) == result["structured"]
        return result["structured"]

    def ask(self, **command) -> dict:
        """Whatever comes of it: `tools`, `result` or `error`."""
        self.send(**command)
        return self._answer()

    def send(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict:
        return self._answer()

    def close(self):
        """What it reads ends, and so does it."""
        if self.is_running:
            self.process.stdin.close()
            try:
                self.wait_exit(10)
            except subprocess.TimeoutExpired:
                self.kill()
        for reader in self._readers:
            reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()

    def _answer(self) -> dict:
        line = self._lines.get(timeout=DEADLINE)
        assert line is not None, f"the client has ended:\n{''.join(self._errors)[-4000:]}"
        return json.loads(line)

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self):
        self._errors.extend(self.process.stderr)


def _copy(source, target):
    """Whole at once: another test may be starting it."""
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    fresh.write_bytes(source.read_bytes())
    fresh.rename(target)
