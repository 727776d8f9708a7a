"""scripts/run as a person uses it: start, follow the printed address, Ctrl-C."""

import os
import queue
import re
import signal
import socket
import subprocess
import threading

import psutil
import pytest

from support.api import Api
from support.client import Client
from support.gateway import REPOSITORY

DEADLINE = 60
RUN = REPOSITORY / "scripts/run"
# Its own key and port, whatever the environment of the tests says.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}


def default_interrupt():
    """A shell cannot trap a signal that was ignored when it began, and whoever started the tests may ignore this one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """scripts/run as the leader of its own process group, as a terminal would have it."""

    def __init__(self, *flags):
        self.process = subprocess.Popen([RUN, *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT, process_group=0,
                                        preexec_fn=default_interrupt)
        self.text = ""
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def line(self, pattern):
        """The first line that matches."""
        while True:
            line = self._lines.get(timeout=DEADLINE)
            assert line is not None, f"ended before {pattern!r}:\n{self.text}"
            self.text += line
            if found := re.search(pattern, line):
                return found

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self):
        """It ends what it started; what it leaves is killed."""
        if self.process.poll() is not None:
            return
        children = self.children()
        self.process.terminate()
        self.process.wait(DEADLINE)
        _, left = psutil.wait_procs(children, timeout=1)
        for child in left:
            child.kill()


@pytest.fixture
def start():
    running = []

    def start_one(*flags):
        running.append(Running(*flags))
        return running[-1]

    yield start_one
    for one in running:
        one.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_starts_prints_answers_and_ends_everything(start, number):
    run = start("--port", "0", "--", "--drain-timeout", "1")
    console = run.line(r"Console\s+(http://127\.0\.0\.1:\d+)/#key=(\S+)")
    url, key = console[1], console[2]
    run.line("Stop")
    api = Api(url, key)
    client = Client.open(url.replace("http", "ws") + "/ws", api.create_session()["session_id"])
    client.say("pillar:insights", text="ping")
    frame = client.receive()
    while not frame["data"]["final"]:
        frame = client.receive()
    assert "ping" in frame["message"] and frame["pillar"] == "insights"
    client.close()
    api.close()

    children = run.children()
    assert len(children) >= 2
    os.killpg(run.process.pid, number)
    assert run.process.wait(DEADLINE) == 128 + number
    _, alive = psutil.wait_procs(children, timeout=DEADLINE)
    assert not alive


def test_the_printed_line_works(start):
    run = start("--port", "0", "--", "--drain-timeout", "1")
    command = run.line(r"Try\s+(curl .*)")[1]
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=DEADLINE)
    assert '"status":"published"' in answer.stdout, answer


def test_a_taken_port_is_named_before_anything_is_built(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = subprocess.run([RUN, "--port", str(port)], capture_output=True, text=True, env=ENVIRONMENT, timeout=DEADLINE)
    assert run.returncode == 1
    assert f"port {port} is taken" in run.stderr


def test_a_wrong_flag_is_explained(start):
    run = start("--port", "0", "--", "--no-such-flag")
    run.line("no-such-flag")
    assert run.process.wait(DEADLINE) == 1
