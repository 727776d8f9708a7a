"""The agents' processes as the torture has them: started, killed, stopped; their journals read line by line."""

import contextlib
import itertools
import json
import subprocess
import sys
import threading

from support.process import Process
from torture.agent import ROOT

READY_SECONDS = 60.0


class AgentProcess(Process):
    """`settings`: seed, urls, key, channel, group (None: gets everything). Its lives have different names."""

    _numbers = itertools.count(1)

    def __init__(self, journal, name, settings):
        super().__init__()
        self.name, self.producer = name, None
        self._journal, self._settings = journal, settings
        self._ready, self._reader = threading.Event(), None

    def start(self):
        life = f"{self.name}.{next(self._numbers)}"
        self._ready.clear()
        command = [sys.executable, "-B", ROOT / "tests/torture/agent.py", json.dumps(self._settings | {"name": life})]
        self.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        return self

    def wait_ready(self):
        assert self._ready.wait(READY_SECONDS), f"{self.name} did not become ready"

    def kill_now(self):
        """SIGKILL; the journal says who owns nothing any more."""
        producer = self.producer
        self.kill()
        self._reader.join(10)
        if producer:
            self._journal.note("died", producers=[producer])

    def end(self, patience=10):
        if self.is_running:
            self.continue_process()
            self.process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait_exit(patience)
        self.kill()

    def _read(self, lines):
        for line in lines:
            with contextlib.suppress(ValueError):  # cut off by a kill
                entry = json.loads(line)
                if entry["what"] == "ready":
                    self.producer = entry["producer"]
                    self._ready.set()
                self._journal.add(entry)
