"""What the test's own servers have in common: a directory, a log, and an end by pid."""

import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import httpx
import psutil

from support.wait import eventually


def free_ports(count) -> list:
    """Ports that were free a moment ago, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def accepts(port) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def says_ok(url) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


class ServerProcess:
    """For `with`. A subclass says command(), called once the directory is there, and answers()."""

    def __init__(self):
        self.process = None
        self.directory = None

    def prepare(self):
        """Writes what stays the same for every start, when the directory is new."""

    def command(self) -> list:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    # Life.

    def start(self):
        """Starts, or starts again where it was, and waits until it answers."""
        self.launch()
        self.wait_answering()
        return self

    def launch(self):
        """Starts without waiting."""
        assert self.process is None or self.process.poll() is not None, "it runs"
        if self.directory is None:
            self.directory = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-"))
            self.prepare()
        command = [str(word) for word in self.command()]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def wait_answering(self, deadline=60):
        def ended():
            return self.process.poll() is not None

        eventually(lambda: ended() or self.answers(), deadline, f"{type(self).__name__} answers")
        assert not ended(), f"it ended:\n{self.log_text[-3000:]}"

    def stop(self):
        """Ends it for good, and what it left on disk."""
        self.kill()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def stop_process(self):
        """SIGSTOP: its ports still accept, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)
        eventually(lambda: psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED)

    def continue_process(self):
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    # What it says.

    @property
    def log_file(self):
        return self.directory / "server.log"

    @property
    def log_text(self):
        return self.log_file.read_text(errors="replace")
