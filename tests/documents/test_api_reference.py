"""The curl lines of docs/API.md, as they stand there, at a real gateway."""

import re
import subprocess

import pytest

from support.gateway import REPOSITORY
from support.run_copies import ask
from support.runs import RUNS

GATEWAY_FLAGS = ("--test-endpoints",)
SECTIONS = re.split(r"^### ", (REPOSITORY / "docs/API.md").read_text(), flags=re.MULTILINE)[1:]
EXAMPLES = [(section.partition("\n")[0], curl[1], re.search(r"^\*\*(\d+)\*\*", section, re.MULTILINE)[1])
            for section in SECTIONS if (curl := re.search(r"```sh\n(.*?)```", section, re.DOTALL))]  # fmt: skip
# An event stream has no end of its own: it is read for so long, and what was read is no answer.
CURLRC = 'max-time = 2\noutput = /dev/null\nwrite-out = "%{http_code}"\n'


@pytest.fixture(scope="module")
def curl_home(tmp_path_factory):
    place = tmp_path_factory.mktemp("curl")
    (place / ".curlrc").write_text(CURLRC)
    return place


def test_there_is_one_for_every_call_but_the_websocket():
    assert len(EXAMPLES) > 30
    without = [section.splitlines()[0] for section in SECTIONS if "```sh" not in section and "\n    " in section]
    assert len(without) == 1 and "WebSocket" in without[0]


@pytest.mark.parametrize(("curl", "status"), [example[1:] for example in EXAMPLES], ids=[example[0] for example in EXAMPLES])
def test_it_is_answered_as_the_page_says(gateway, curl_home, curl, status):
    session = gateway.new_session(user_id="ada")
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
    said = subprocess.run(["sh", "-c", curl], env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert said.stdout == status, said
