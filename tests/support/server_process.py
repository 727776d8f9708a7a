"""What the test's own servers have in common: a directory, a log, and an end by pid."""

import http.client
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from support.process import Process
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


def free_port() -> int:
    return free_ports(1)[0]


def accepts(port) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def says_ok(url) -> bool:
    """Without a proxy, whatever the environment says."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            return response.status == 200
    except (OSError, http.client.HTTPException):
        return False


class ServerProcess(Process):
    """For `with`. A subclass says command(), called once the directory is there, and answers()."""

    def __init__(self):
        super().__init__()
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
        if self.directory is None:
            self.directory = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-"))
            self.prepare()
        with open(self.log_file, "ab") as log:
            self.spawn(self.command(), stdout=log, stderr=subprocess.STDOUT)

    def wait_answering(self, deadline=60):
        eventually(lambda: not self.is_running or self.answers(), deadline, f"{type(self).__name__} answers")
        assert self.is_running, f"it ended:\n{self.log_text[-3000:]}"

    def stop(self):
        """Ends it for good, and what it left on disk."""
        self.kill()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

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
