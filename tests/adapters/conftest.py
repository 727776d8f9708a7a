"""The clients of other protocols, as they are published, against the real gateway."""

import functools
import json
import subprocess
import threading
import uuid
from pathlib import Path

import pytest

from clients.js_pages import js_client
from support.chats import answer_to, new_chat, user_message
from support.npm_packages import installed_by
from support.tcp_proxy import TcpProxy

PROGRAM = "client.mjs"
CUT_EVERY = 0.3


@functools.cache
def adapter_clients() -> Path:
    """Where they are installed: with `node`, node_modules/ and the program that uses them."""
    return installed_by("adapter_clients.sh", [Path(__file__).with_name(PROGRAM)])


class Client:
    """A client on its way: `told()` is what it says at its end."""

    def __init__(self, kind, url, token, **options):
        self.chat, self.message, self.run = new_chat(), user_message(), str(uuid.uuid4())
        self.options = {
            "url": url, "token": token, "channel": "guide", "chat": self.chat, "message": self.message, "run": self.run,
            **options,
        }  # fmt: skip
        installed = adapter_clients()
        command = [installed / "node", installed / PROGRAM, kind, json.dumps(self.options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.asked = self.process.stdout.readline()

    def told(self, timeout=60):
        out, err = self.process.communicate(timeout=timeout)
        assert self.process.returncode == 0, err[-4000:]
        return json.loads(out.splitlines()[-1]) | {"stderr": err}

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Cuts:
    """A proxy whose connections all break every 300 ms, from begin() on: a question that is cut off is asked again by its user,
    and not by a client."""

    def __init__(self, gateway):
        self.proxy = TcpProxy(gateway.address)
        self.count = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._cut, daemon=True)

    def __enter__(self):
        self.proxy.__enter__()
        return self

    def begin(self):
        self._thread.start()

    def end(self):
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def __exit__(self, *error):
        self.end()
        self.proxy.__exit__(*error)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.proxy.port}"

    def _cut(self):
        while not self._over.wait(CUT_EVERY):
            self.count += self.proxy.cut()


@pytest.fixture
def client(gateway, closing):
    """client(kind, url=None, resumes=False, stopAfter=None): starts one as a user of the test's own."""

    def start(kind, url=None, **options):
        token = gateway.new_session(user_id=f"user-{uuid.uuid4().hex}")
        return closing(Client(kind, url or gateway.url, token, **options))

    return start


@pytest.fixture
def agent(gateway):
    return gateway.subscribe("guide")


@pytest.fixture
def answer(gateway, agent):
    return lambda: answer_to(gateway, agent)


@pytest.fixture(scope="session")
def resumable():
    return f"file://{js_client()}/dist/resumable.js"
