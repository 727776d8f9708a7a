"""/openapi.json held by somebody else's tool: schemathesis makes requests from it and judges the answers."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from support.gateway import Gateway

KEY = "a-key-for-every-scope"
SUBSCRIBE = "/api/post-office/websocket/subscribe"
PHASES = ("examples", "coverage", "fuzzing", "stateful")
CONFIG = Path(__file__).with_name("schemathesis.toml")


def stay_connected(gateway, is_over):
    """As the user whom the document's examples name: one of its calls closes his connections."""
    while not is_over.is_set():
        client = gateway.connect(gateway.new_session(user_id="ada"))
        while not is_over.is_set():
            try:
                client.socket.recv(0.2)
            except TimeoutError:
                continue
            except ConnectionClosed:
                break


def schemathesis(gateway, report) -> subprocess.CompletedProcess:
    connection = gateway.connect(gateway.new_session(user_id="nobody-in-the-document"))
    webhook = gateway.api.post(SUBSCRIBE, {"channel": "guide", "callback": "http://192.0.2.1/", "realm": "tests"}).json()
    return subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--config-file", CONFIG, "run", f"{gateway.url}/openapi.json",
         "--no-color", f"--report-json-path={report}", "--report=json"],
        env=os.environ | {"GATEWAY_KEY": KEY, "CONNECTION_ID": connection.connection_id,
                          "WEBHOOK_ID": webhook["subscription_id"]},
        cwd=report.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=580,
    )  # fmt: skip


# A quarter of a minute, on a machine that does nothing else.
@pytest.mark.timeout(600)
def test_the_gateway_does_what_its_document_says(tmp_path):
    with Gateway("--test-endpoints", "--presence", "guide", "--webhook-hosts", "192.0.2.1", env={"GATEWAY_API_KEY": KEY}) as gateway:
        is_over = threading.Event()
        connected = threading.Thread(target=stay_connected, args=(gateway, is_over))
        connected.start()
        try:
            tried = schemathesis(gateway, tmp_path / "report.json")
        finally:
            is_over.set()
            connected.join()
        assert tried.returncode == 0, tried.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["complete"] and report["operations"]["tested"] == report["operations"]["total"]
    assert {name: phase["status"] for name, phase in report["phases"].items()} == dict.fromkeys(PHASES, "success")
