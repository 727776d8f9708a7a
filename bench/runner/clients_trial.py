"""Whether the programs of clients_programs/ are what the table says: an answer, whole, although connections are cut."""

import contextlib
import json
import os
import pathlib
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


class Programs:
    """Runs programs of one peer, each with an address of its own at the server."""

    def __init__(self, npm, home, python, server):
        self.npm, self.home, self.python, self.server = npm, home, python, server
        self.address = "127.0.0.1:8000" if server.dialect == "centrifugo" else "127.0.0.1:4437"
        self.env = dict(os.environ, CENTRIFUGO_TOKEN="", CENTRIFUGO_API_KEY=server.env.get("GATEWAY_API_KEY", ""))

    def start(self, program, proxy):
        text = (client_lines.PROGRAMS / program).read_text()
        at = self.home / f"{pathlib.Path(program).stem}-{proxy.port}{pathlib.Path(program).suffix}"
        at.write_text(text.replace(self.address, f"127.0.0.1:{proxy.port}"))
        (self.home / "model.mjs").write_text(MODEL)
        command = [self.python, at] if at.suffix == ".py" else [self.npm.node, "--import", self.home / "model.mjs", at]
        return subprocess.Popen([str(part) for part in command], cwd=self.home, env=self.env, stdout=subprocess.PIPE, text=True)

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
                if cuts and cuts[0] in shown:
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


def check(programs, agent, client):
    """True when the answer is whole. Lines do not count: one prints pieces as lines, another does not."""
    said = [f"piece {number};" for number in range(PIECES)] if agent.endswith(".mjs") else ["You said: Tell me a story"]
    said = [piece.replace("Tell me a story", "hello") for piece in said] if client.endswith(".py") else said
    shown, code, again = programs.ask(agent, client, len(said) if agent.endswith(".mjs") else 0)
    is_whole = shown.replace("\n", "") == "".join(said) + "completed" and code == 0
    print(f"{'whole' if is_whole else 'FAILED'}: {client} of {agent}, {len(said)} pieces, connected {again} times more", flush=True)
    if not is_whole:
        print(shown[-2000:], f"exit {code}")
    return is_whole


def prepare(npm, pip, root):
    """Folders with what the programs import: Centrifugo's, the streams', and a Python environment."""
    folders = {}
    for name, *specs in (("centrifuge", "centrifuge@5.8.0"), ("streams", "@durable-streams/client@0.2.7", STREAMS_SERVER)):
        folders[name] = root / name
        folders[name].mkdir()
        npm.install([*specs, f"ws@{tools.WS_VERSION}"], folders[name])
    client_installs.timed(sys.executable, "-m", "venv", "--without-pip", root / "venv")
    command = [pip.pip, "--python", root / "venv/bin/python", "install", "centrifuge-python==0.7.0", "httpx"]
    client_installs.timed(*command, env=pip.env)
    return folders["centrifuge"], folders["streams"], root / "venv/bin/python"


def run():
    place = tools.cache("clients")
    npm, pip = client_installs.Npm(place), client_installs.Pip(place)
    results = []
    with tempfile.TemporaryDirectory(prefix="bench-trial-") as name:
        centrifuge, streams, python = prepare(npm, pip, pathlib.Path(name))
        crossed = [(f"centrifuge/agent.{agent}", f"centrifuge/client.{client}") for agent in ("mjs", "py") for client in ("mjs", "py")]
        plan = ((Centrifugo(), centrifuge, crossed),
                (Streams(npm, streams), streams, [("durable-streams/agent.mjs", "durable-streams/client.mjs")]))
        for server, home, pairs in plan:
            try:
                server.start(None)
                programs = Programs(npm, home, python, server)
                results += [check(programs, agent, client) for agent, client in pairs]
            finally:
                server.stop()
    return 0 if all(results) else 1
