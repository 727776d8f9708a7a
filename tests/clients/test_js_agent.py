"""serve() of the JavaScript package at a real gateway."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from clients.js_pages import js_client
from support.run_copies import Copy, ask
from support.wait import eventually

GATEWAY_FLAGS = ("--log-level", "error", "--ack-wait", "2s")
AGENT = Path(__file__).parent / "js_agent.mjs"


@pytest.fixture
def start_agent(gateway):
    """Starts agents; each is subscribed before it is given."""
    started = []

    def start(group):
        command = [js_client() / "node", AGENT, js_client() / "dist", gateway.url, gateway.api_key, group]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        process.producer = process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_many_questions_are_answered_at_once_and_one_is_stopped(gateway, start_agent):
    agent = start_agent("many")
    client = gateway.connect()
    text = "one wörd after the 漢字 other " * 5
    _, stopped = ask(client, "begin wait never said", id="stopped")
    stopped.read_text(client, "begin wait ")
    for n in range(20):
        client.send({"channel": "guide", "payload": {"message": text}, "id": f"q{n}", "run": {}})
    copies = {stopped.run_id: stopped}
    while sum(copy.end is not None for copy in copies.values()) < 20:
        message = client.receive()
        if message["type"] == "ack":
            copies[message["run_id"]] = Copy(message["run_id"])
        elif message["type"] == "run":
            copies[message["run_id"]].take(message)
    del copies[stopped.run_id]
    assert {(copy.text, copy.end["status"]) for copy in copies.values()} == {(text, "completed")}
    client.send({"type": "cancel", "run_id": stopped.run_id})
    assert stopped.read_end(client)["status"] == "cancelled"
    assert stopped.text == "begin wait "
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(10) == 0


def test_what_an_agent_throws_is_a_failed_run(gateway, start_agent):
    agent = start_agent("throwing")
    client = gateway.connect()
    _, copy = ask(client, "first throw", id="thrown")
    end = copy.read_end(client)
    assert (copy.text, end["status"]) == ("first throw", "failed")
    assert end["error"] == {"code": "agent_error", "message": "as it was asked"}
    assert agent.stdout.readline() == "thrown: as it was asked\n"


def test_a_killed_agent_is_followed_by_another_of_its_group(gateway, start_agent):
    first = start_agent("followed")
    client = gateway.connect()
    _, copy = ask(client, "said wait ", id=f"q-{os.urandom(4).hex()}")
    copy.read_text(client, "said wait ")
    first.kill()
    first.wait()
    second = start_agent("followed")
    owner = eventually(lambda: is_owned_by(gateway, copy, second), 30, "the lease has lapsed")
    assert owner["epoch"] == 2
    copy.read_until(client, lambda copy: copy.epoch == 2 and copy.text == "said wait ", 30)
    client.send({"type": "cancel", "run_id": copy.run_id})
    assert copy.read_end(client, 30)["status"] == "cancelled"
    assert copy.text == "said wait "


def is_owned_by(gateway, copy: Copy, agent):
    record = gateway.api.get(f"/api/post-office/runs/{copy.run_id}").json()
    return record if record["producer"] == agent.producer.strip() and record["epoch"] == 2 else None
