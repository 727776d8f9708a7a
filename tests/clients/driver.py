"""A client package behind JSON Lines on stdin and stdout; README.md has the verbs.

    with Driver("python") as driver:
        driver.call("connect", url=gateway.ws_url, token=token)
        answer = driver.start("ask", run="a", channel="guide", payload={"message": "hello"})
        answer.result(20)["run_id"]
"""

import functools
import json
import os
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = Path(__file__).resolve().parent / "drivers"
DEADLINE = 40.0

# Name: who prints where the package is, the program there, the driver that it runs, and what that is told.
KINDS = {
    "python": ("python_client.sh", "venv/bin/python", "python_driver.py"),
    "js": ("js_client.sh", "node", "js.mjs"),
    "js_by_events": ("js_client.sh", "node", "js.mjs", "--by-events"),  # as where WebSockets are blocked
}
BY_EVENTS = "js_by_events"
# Each that is in the tree: a package comes with its script.
THERE = [kind for kind, (script, *_) in KINDS.items() if kind != BY_EVENTS and (ROOT / "scripts/lib" / script).exists()]


class DriverError(AssertionError):
    """What the package said no to: its `code`."""

    def __init__(self, asked, told):
        super().__init__(f"{asked} -> {told}")
        self.code = told["error"]


@functools.cache
def installed(kind) -> Path:
    script = ROOT / "scripts/lib" / KINDS[kind][0]
    return Path(subprocess.run([script], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


class Driver:
    def __init__(self, kind):
        _, program, script, *told = KINDS[kind]
        self.kind = kind
        command = [installed(kind) / program, DRIVERS / script, *told]
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        self._waiting, self._lock = {}, threading.Lock()
        self._count = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, verb, **fields) -> Future:
        """Its answer, to come."""
        answer = Future()
        with self._lock:
            self._count += 1
            asked = {"n": self._count, "do": verb, **fields}
            self._waiting[self._count] = (asked, answer)
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        return answer

    def call(self, verb, timeout=DEADLINE, **fields) -> dict:
        return self.start(verb, **fields).result(timeout)

    # What tests ask again and again.

    def wait(self, run, *, bytes=None, end=False, timeout_s=30) -> dict:
        """The state of a run that has come so far; an AssertionError when it has not."""
        told = self.call("wait", run=run, bytes=bytes, end=end, timeout_s=timeout_s, timeout=timeout_s + 10)
        assert told["status"] in OVER if end else told["pos"] >= bytes, f"not within {timeout_s} s: {told}"
        return told

    def state(self, run) -> dict:
        return self.call("state", run=run)

    def write(self, run, *texts):
        for text in texts:
            self.call("append", run=run, text=text)
            self.call("flush", run=run)

    # Its end.

    def kill(self):
        """SIGKILL: as a crash."""
        self._process.kill()
        self._process.wait(10)

    def close(self):
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        self._reader.join(10)
        self._process.stdout.close()

    def _read(self):
        for line in self._process.stdout:
            told = json.loads(line)
            with self._lock:
                asked, answer = self._waiting.pop(told["n"])
            if told["ok"]:
                answer.set_result(told)
            else:
                answer.set_exception(DriverError(asked, told))
        with self._lock:
            for asked, answer in self._waiting.values():
                answer.set_exception(DriverError(asked, {"error": "driver_ended"}))
            self._waiting.clear()


OVER = ("completed", "failed", "cancelled", "abandoned")
