"""The README's walk with curl, as it stands there."""

import re
import subprocess
from urllib.parse import parse_qs, urlsplit

from support.client import Client
from support.gateway import REPOSITORY
from support.wait import eventually

README = (REPOSITORY / "README.md").read_text()
WALK = README[README.index("## From nothing to a message, with curl") :]
KEY = "0123456789abcdef"


def test_from_nothing_to_a_message(gateway_factory, tmp_path):
    gateway = gateway_factory(env={"GATEWAY_API_KEY": KEY})
    begin, client_step, answer = (block.replace("http://127.0.0.1:8000", gateway.url) for block in
                                  re.findall(r"```sh\n(.*?)```", WALK, re.DOTALL)[:3])  # fmt: skip
    assert KEY in begin
    events = tmp_path / "events"
    with events.open("wb") as output:
        shell = subprocess.Popen(["sh", "-ec", begin + "\nwait"], stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        eventually(lambda: '"success":true' in events.read_text(), message="the session is made")
        token = parse_qs(urlsplit(re.search(r'"(ws://[^"]+)"', client_step)[1]).query)["session_token"][0]
        client = Client.open(gateway.ws_url, token)
        try:
            client.send(re.search(r"^> (.*)$", client_step, re.MULTILINE)[1])
            assert client.receive()["type"] == "ack"
            eventually(lambda: '"message":"hello"' in events.read_text(), message="the agent's shell shows the envelope")
            exports = re.search(r"^export .*?^api=[^\n]*$", begin, re.DOTALL | re.MULTILINE)[0]
            told = subprocess.run(["sh", "-ec", f"{exports}\n{answer}"], capture_output=True, text=True, timeout=30)
            assert told.stdout.count('"success":true') == 2, told
            assert client.receive()["message"] == "Hello, Ada"
            assert client.receive()["message"] == "Lunch is ready"
        finally:
            client.socket.close()
    finally:
        subprocess.run(["pkill", "-TERM", "-s", str(shell.pid)], check=False)
        shell.wait(10)
