"""Whether the programs of clients_programs/ are what the table says: an answer, whole, although connections are cut."""

import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from support.tcp_proxy import TcpProxy, sent

from . import client_installs, client_lines, run_servers, servers, tools

STREAMS_SERVER = "@durable-streams/server@0.3.7"
PIECES = 120
CUT_AT = (20, 50, 80)  # pieces shown
TIME_LIMIT_S = 60

# What the clients print last: the peers', ours in JavaScript, ours in Python.
ENDINGS = ("completed", "completed true", "completed, verified: True")

# The model that the agents in JavaScript stream from: a piece each 25 ms. The Python agent says one piece.
# Node.js 20 has no WebSocket.
MODEL = """
import WebSocket from 'ws';
import { setTimeout as wait } from 'node:timers/promises';
globalThis.WebSocket ??= WebSocket;
globalThis.model = { async *stream() { for (let n = 0; n < %d; n += 1) { yield `piece ${n};`; await wait(25); } } };
""" % PIECES
STREAMS_MAIN = """
import { DurableStreamTestServer } from '@durable-streams/server';
const server = new DurableStreamTestServer({ port: 0, host: '127.0.0.1' });
console.log(JSON.stringify({ url: await server.start() }));
"""


class Centrifugo(run_servers.Centrifugo):
    """With a channel for questions and one for each answer, open to everybody."""

    def config(self):
        config = super().config()
        namespace = config["channel"]["namespaces"][0] | {"allow_publish_for_anonymous": True, "allow_publish_for_client": True}
        config["channel"]["namespaces"] = [namespace | {"name": name} for name in ("questions", "answers")]
        return config

    def is_heard(self, _):
        """Whether somebody listens for questions."""
        request = urllib.request.Request(f"{self.url}/api/channels", b"{}", {"Content-Type": "application/json", "X-API-Key": self.key})
        with urllib.request.urlopen(request, timeout=10) as response:
            return "questions:guide" in json.load(response)["result"]["channels"]


class Streams(servers.Server):
    name = "durable-streams"

    def __init__(self, npm, folder):
        super().__init__()
        self.npm, self.home = npm, folder

    def command(self):
        (self.home / "server.mjs").write_text(STREAMS_MAIN)
        return [self.npm.node, self.home / "server.mjs"]

    def is_heard(self, agents):
        return agents.connections(sent(b"offset=now")) > 0


class Gateway(servers.Gateway):
    """Ours, with a session for the client."""

    def session(self):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.env['GATEWAY_API_KEY']}"}
        request = urllib.request.Request(f"{self.url}/api/traffic-cop/sessions", b'{"user_id": "ada"}', headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)["session_id"]

    def is_heard(self, agents):
        return agents.connections(sent(b"/subscribe?")) > 0


class Programs:
    """Runs programs of one peer, each with an address of its own at the server."""

    def __init__(self, npm, home, python, server):
        self.npm, self.home, self.python, self.server = npm, home, python, server
        key = server.env.get("GATEWAY_API_KEY", "")
        self.session = server.session() if isinstance(server, Gateway) else ""
        self.env = dict(os.environ, CENTRIFUGO_TOKEN="", CENTRIFUGO_API_KEY=key, GATEWAY_API_KEY=key, SESSION_TOKEN=self.session)

    def start(self, program, proxy):
        text, language = client_lines.text_of(program)
        at = self.home / f"program-{proxy.port}{'.py' if language == 'python' else '.mjs'}"
        address = f"127.0.0.1:{proxy.port}"
        at.write_text(re.sub(r"127\.0\.0\.1:\d+", address, text).replace("the session token", self.session))
        (self.home / "model.mjs").write_text(MODEL)
        command = [self.python, at] if language == "python" else [self.npm.node, "--import", self.home / "model.mjs", at]
        env = self.env | {"GATEWAY_URL": f"http://{address}", "GATEWAY_WS_URL": f"ws://{address}/ws"}
        return subprocess.Popen([str(part) for part in command], cwd=self.home, env=env, stdout=subprocess.PIPE, text=True)

    def ask(self, agent, client, pieces):
        """What the client has shown. Both connections are cut on the way."""
        host, port = self.server.url.removeprefix("http://").split(":")
        with TcpProxy((host, int(port))) as agents, TcpProxy((host, int(port))) as clients, contextlib.ExitStack() as stack:
            answering = stack.enter_context(ended(self.start(agent, agents)))
            wait_until(lambda: self.server.is_heard(agents) or answering.poll() is not None)
            asking = stack.enter_context(ended(self.start(client, clients)))
            timer = threading.Timer(TIME_LIMIT_S, asking.kill)
            timer.start()
            shown, cuts = "", [f"piece {number};" for number in CUT_AT if number < pieces]
            while letters := os.read(asking.stdout.fileno(), 4096):
                shown += letters.decode()
                if cuts and cuts[0] in shown.replace("\n", ""):
                    cuts.pop(0)
                    clients.cut()
                    agents.cut()
            timer.cancel()
            return shown, asking.wait(), clients.accepted - 1


@contextlib.contextmanager
def ended(process):
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_until(condition):
    deadline = time.monotonic() + servers.START_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def check(name, programs, agent, client):
    """True when the answer is whole. Lines do not count: one prints pieces as lines, another does not."""
    languages = {program: client_lines.text_of(program)[1] for program in (agent, client)}
    question = "hello" if languages[client] == "python" else "Tell me a story"
    said = [f"You said: {question}"] if languages[agent] == "python" else [f"piece {number};" for number in range(PIECES)]
    shown, code, again = programs.ask(agent, client, len(said))
    is_whole = shown.replace("\n", "") in ["".join(said) + ending for ending in ENDINGS] and code == 0
    what = f"{name}, {languages[client]} client of {languages[agent]} agent, {len(said)} pieces, connected {again} times more"
    print(f"{'whole' if is_whole else 'FAILED'}: {what}", flush=True)
    if not is_whole:
        print(shown[-2000:], f"exit {code}")
    return is_whole


def prepare(npm, pip, root, peers):
    """A folder for each peer with its npm packages, and a Python environment with all of pip's."""
    for peer in peers:
        (root / peer.name).mkdir()
        npm.install([*peer.npm, f"ws@{tools.WS_VERSION}"], root / peer.name)
    client_installs.timed(sys.executable, "-m", "venv", "--without-pip", root / "venv")
    wheels = [wheel for peer in peers for wheel in peer.pip]
    client_installs.timed(pip.pip, "--python", root / "venv/bin/python", "install", *wheels, env=pip.env)
    return root / "venv/bin/python"


Peer = collections.namedtuple("Peer", "name npm pip server")


def peers_to_try(npm, pip, gateway):
    """`server` makes one, of a folder with the peer's packages."""
    yield Peer("centrifuge", ["centrifuge@5.8.0"], ["centrifuge-python==0.7.0", "httpx"], lambda _: Centrifugo())
    yield Peer("durable-streams", ["@durable-streams/client@0.2.7", STREAMS_SERVER], [], lambda folder: Streams(npm, folder))
    if gateway:
        yield Peer("websocket-gateway-client", [npm.spec(client_installs.NPM[0])], [pip.spec(client_installs.PIP[0])],
                   lambda _: Gateway(gateway, 1, []))


def pairs_of(name):
    """(agent, client), each with each, of what is written."""
    row = next(peer for peer in client_lines.PEERS if name in peer.name)
    agents, clients = ([program for program in found if client_lines.text_of(program)]
                       for found in ((row.js_agent, row.python_agent), (row.js_client, row.python_client)))
    return [(agent, client) for agent in agents for client in clients]


def run(gateway):
    place = tools.cache("clients")
    npm, pip = client_installs.Npm(place), client_installs.Pip(place)
    peers = list(peers_to_try(npm, pip, gateway))
    results = []
    with tempfile.TemporaryDirectory(prefix="bench-trial-") as name:
        root = pathlib.Path(name)
        python = prepare(npm, pip, root, peers)
        for peer in peers:
            server = peer.server(root / peer.name)
            try:
                server.start(None)
                programs = Programs(npm, root / peer.name, python, server)
                results += [check(peer.name, programs, agent, client) for agent, client in pairs_of(peer.name)]
            finally:
                server.stop()
    return 0 if all(results) else 1
