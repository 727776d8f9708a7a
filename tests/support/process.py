"""A program that was started here: how it is ended, stopped for a while and looked at. Nothing else is ever touched.

    with contextlib.closing(Process(["sleep", "60"])) as process:
        process.terminate()
        assert process.wait_exit() != 0
"""

import os
import signal
import subprocess
from pathlib import Path

from support.wait import eventually


class Process:
    """One child at a time. A subclass may start it later, with spawn()."""

    def __init__(self, command=None, **options):
        self.process = None
        if command is not None:
            self.spawn(command, **options)

    # Life.

    def spawn(self, command, **options):
        assert not self.is_running, "it runs"
        self.process = subprocess.Popen([str(word) for word in command], **{"stdin": subprocess.DEVNULL} | options)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self):
        """SIGTERM."""
        self.signal(signal.SIGTERM)

    def wait_exit(self, deadline=30) -> int:
        return self.process.wait(deadline)

    def kill(self):
        """SIGKILL, and waits; nothing when it has ended, or never began."""
        if self.is_running:
            self.process.kill()
        if self.process is not None:
            self.process.wait(10)

    def close(self):
        self.kill()

    def end(self, patience=15):
        """SIGTERM, and SIGKILL when that takes too long."""
        if self.is_running:
            self.terminate()
            try:
                self.wait_exit(patience)
            except subprocess.TimeoutExpired:
                self.kill()

    def stop_process(self):
        """SIGSTOP: its ports still accept, and nothing is answered."""
        self.signal(signal.SIGSTOP)
        eventually(lambda: self._stat()[0] == "T", message="it stands still")

    def continue_process(self):
        self.signal(signal.SIGCONT)

    # What it takes.

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def cpu_seconds(self) -> float:
        user, system = self._stat()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def rss_bytes(self) -> int:
        return int(self._proc("statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    @property
    def open_descriptors(self) -> int:
        return len(list(self._proc("fd").iterdir()))

    @property
    def descriptor_table_size(self) -> int:
        """For how many the kernel has room without growing its table (proc(5), FDSize)."""
        return int(next(line for line in self._proc("status").read_text().splitlines() if line.startswith("FDSize")).split()[1])

    def _stat(self) -> list:
        """From its state on; what is before may hold anything."""
        return self._proc("stat").read_text().rpartition(")")[2].split()

    def _proc(self, name) -> Path:
        return Path(f"/proc/{self.pid}/{name}")
