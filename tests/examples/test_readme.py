"""The README's walk with curl, as it stands there."""

import re
import subprocess

from support.gateway import REPOSITORY
from support.tools import built
from support.wait import eventually

README = (REPOSITORY / "README.md").read_text()
WALK = README[README.index("## From nothing to a message, with curl") :]
KEY = "0123456789abcdef"


def start_client(step, place):
    """The line that is a client, as it stands there but for where its package was installed; it is told what stands behind
    `> `. And where it says what it hears."""
    command = re.search(r"^build/try/bin/(python .*)$", step, re.MULTILINE)[1]
    heard = place / "heard"
    with heard.open("wb") as output:
        client = subprocess.Popen(["sh", "-c", f"exec {built('python_client')}/venv/bin/{command}"], stdin=subprocess.PIPE,
                                  stdout=output, text=True)  # fmt: skip
    client.stdin.write(re.search(r"^> (.*\n)", step, re.MULTILINE)[1])
    client.stdin.flush()
    return client, heard


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
        client, heard = start_client(client_step.replace("ws://127.0.0.1:8000/ws", gateway.ws_url), tmp_path)
        try:
            eventually(lambda: '"type":"ack"' in heard.read_text(), message="the client has its ack")
            eventually(lambda: '"message":"hello"' in events.read_text(), message="the agent's shell shows the envelope")
            exports = re.search(r"^export .*?^api=[^\n]*$", begin, re.DOTALL | re.MULTILINE)[0]
            told = subprocess.run(["sh", "-ec", f"{exports}\n{answer}"], capture_output=True, text=True, timeout=30)
            assert told.stdout.count('"success":true') == 2, told
            eventually(lambda: re.search("Hello, Ada.*Lunch is ready", heard.read_text(), re.DOTALL), message="the client has both")
        finally:
            client.kill()
            client.communicate(timeout=10)
    finally:
        subprocess.run(["pkill", "-TERM", "-s", str(shell.pid)], check=False)
        shell.wait(10)
