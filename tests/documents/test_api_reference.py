"""The curl lines of docs/API.md, as they stand there, at a real gateway."""

import os
import re
import subprocess

import pytest

from support.gateway import REPOSITORY
from support.jwt_secret import JWT_FLAGS
from support.run_copies import ask
from support.runs import RUNS
from support.sse_client import SseClient

GATEWAY_FLAGS = ("--test-endpoints", "--presence", "guide", "--webhook-hosts", "hooks.example.org", *JWT_FLAGS)
SECTIONS = re.split(r"^### ", (REPOSITORY / "docs/API.md").read_text(), flags=re.MULTILINE)[1:]
EXAMPLES = [(section.partition("\n")[0], curl[1], re.findall(r"^\*\*(2\d\d)\*\*", section, re.MULTILINE))
            for section in SECTIONS if (curl := re.search(r"```sh\n(.*?)```", section, re.DOTALL))]  # fmt: skip
# Calls about an answer that another example has asked for: how their addresses begin, and that of the other one.
ASKED_FOR = {"/api/chat/": "/api/chat?", "/ag-ui/agent/guide/": '/ag-ui/agent/guide/run"'}
# An event stream has no end of its own: it is read for so long, and what was read is no answer.
CURLRC = 'max-time = 2\noutput = /dev/null\nwrite-out = "%{http_code} %header{location}"\n'


@pytest.fixture(scope="module")
def curl_home(tmp_path_factory):
    place = tmp_path_factory.mktemp("curl")
    (place / ".curlrc").write_text(CURLRC)
    return place


def test_there_is_one_for_every_call_but_the_websocket():
    assert len(EXAMPLES) > 30
    without = [section.splitlines()[0] for section in SECTIONS if "```sh" not in section and "\n    " in section]
    assert len(without) == 1 and "WebSocket" in without[0]


@pytest.mark.parametrize(("curl", "statuses"), [example[1:] for example in EXAMPLES], ids=[example[0] for example in EXAMPLES])
def test_it_is_answered_as_the_page_says(gateway, curl_home, closing, curl, statuses):
    # Somebody else each time: a user may ask only so often. "grace" is who is disconnected.
    user = next((name for name in ("ada", "grace") if f'"{name}"' in curl), f"user-{os.urandom(4).hex()}")
    session = gateway.new_session(user_id=user)
    client = gateway.connect(session)
    ack, _ = ask(client, id="m1")
    if '"epoch": 1' in curl:  # of its owner
        gateway.api.post(f"{RUNS}/{ack['run_id']}/claim", {"producer": re.search(r'"producer": "([^"]+)"', curl)[1]})
        if '"seq": 1' in curl:
            gateway.api.post(f"{RUNS}/{ack['run_id']}/append", {"producer": "worker-7:4711:9f2c", "epoch": 1, "seq": 0, "text": "a"})
    if "/heartbeat" in curl:  # which waits for a cancel
        gateway.api.post(f"{RUNS}/{ack['run_id']}/cancel", {})
    environment = {"GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": gateway.api_key, "SESSION_ID": session,
                   "CONNECTION_ID": client.connection_id, "RUN_ID": ack["run_id"], "CURL_HOME": curl_home, "PATH": "/usr/bin:/bin"}  # fmt: skip
    if "$WEBHOOK_ID" in curl:
        webhook = {"channel": "guide", "callback": "https://hooks.example.org/guide", "realm": "shop"}
        environment["WEBHOOK_ID"] = gateway.api.post("/api/post-office/websocket/subscribe", webhook).json()["subscription_id"]
    if "/connection/send" in curl:  # whose key is in the stream's welcome
        stream = closing(SseClient.open(gateway.url, gateway.new_session()))
        environment |= {"SEQ": "1", "SEND_TOKEN": stream.send_token}
    for about, address in ASKED_FOR.items():
        if about in curl and address not in curl:
            asking = next(other for _, other, _ in EXAMPLES if address in other)
            location = run(asking, environment).split()[1]
            names = {"id": "ID", "threadId": "THREAD_ID"}
            environment |= {name: found[1] for field, name in names.items() if (found := re.search(f'"{field}": "([^"]+)"', asking))}
            environment["RUN_ID"] = re.search(r"run_\w+", location)[0]
    if "/v1/stream/" in curl and "Bearer $SESSION_ID" not in curl:  # of a stream that is no run
        environment["RUN_ID"] = f"notes-{ack['run_id']}"
        if "-X PUT" not in curl:
            gateway.api.request("PUT", f"/v1/stream/{environment['RUN_ID']}", headers={"Content-Type": "text/plain"})
    assert run(curl, environment).split()[0] in statuses


def run(curl, environment) -> str:
    """The status, and a Location."""
    said = subprocess.run(["sh", "-c", curl], env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert re.match(r"\d", said.stdout), said
    return said.stdout
