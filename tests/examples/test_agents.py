"""The example agents against the real gateway. A message sent before they subscribe waits for them."""

import contextlib
import os
import subprocess
import sys

from support.gateway import REPOSITORY
from support.process import Process

DEADLINE = 30


def read_answer(client):
    """The frames of one streamed answer, the final one last."""
    frames = [client.receive(DEADLINE)]
    while not frames[-1]["data"]["final"]:
        frames.append(client.receive(DEADLINE))
    return frames


def test_answers_word_by_word_and_ends_with_the_whole_text(gateway, start_agent):
    client = gateway.connect()
    client.send({"channel": "guide", "payload": {"message": "how  do you do?", "conversation_id": "c-1"}})
    start_agent("agent.py", "--delay", "0")
    frames = read_answer(client)
    words, final = frames[:-1], frames[-1]
    assert len(words) > 5
    assert [frame["data"]["seq"] for frame in frames] == list(range(len(frames)))
    assert {frame["data"]["run_id"] for frame in frames} == {final["data"]["run_id"]}
    assert {frame["conversation_id"] for frame in frames} == {"c-1"}
    assert {(frame["type"], frame["agent_type"], frame["pillar"]) for frame in frames} == {("agent_response", "guide", None)}
    assert all(frame["message"] == frame["data"]["delta"] for frame in words)
    assert "".join(frame["data"]["delta"] for frame in words) == final["message"]
    assert "how  do you do?" in final["message"]


def test_answers_on_a_pillar_as_its_liaison(gateway, start_agent):
    client = gateway.connect()
    client.say("pillar:content")
    start_agent("agent.py", "--delay", "0", "--channel", "pillar:content", "--channel", "guide")
    final = read_answer(client)[-1]
    assert (final["agent_type"], final["pillar"]) == ("liaison", "content")


def test_in_a_group_one_agent_answers_and_acknowledges(gateway, start_agent):
    client = gateway.connect()
    for _ in range(2):
        start_agent("agent.py", "--delay", "0", "--group", "workers")
    for text in ("first", "second", "third"):
        client.send({"channel": "guide", "payload": {"message": text}})
        assert f"“{text}”" in read_answer(client)[-1]["message"]
    client.assert_silent()


def test_a_publication_is_not_answered(gateway, start_agent):
    client = gateway.connect()
    start_agent("agent.py", "--delay", "0")
    gateway.api.publish("guide", {"note": "to all"})
    assert client.receive() == {"note": "to all"}
    client.say("guide", text="still there?")
    assert "still there?" in read_answer(client)[-1]["message"]


def test_comes_back_after_the_gateway_was_gone(gateway_factory):
    key = "a-key-that-survives-the-restart"
    first = gateway_factory(env={"GATEWAY_API_KEY": key})
    environment = os.environ | {"GATEWAY_URL": first.url, "GATEWAY_API_KEY": key}
    command = [sys.executable, REPOSITORY / "examples/agent.py", "--delay", "0"]
    with contextlib.closing(Process(command, env=environment, start_new_session=True)) as agent:
        client = first.connect()
        client.say("guide")
        read_answer(client)
        first.stop()
        second = gateway_factory("--listen", f"127.0.0.1:{first.port}", env={"GATEWAY_API_KEY": key})
        client = second.connect()
        client.say("guide", text="again")
        assert "again" in read_answer(client)[-1]["message"]
        agent.terminate()
        assert agent.wait_exit() == 0


def test_a_key_that_is_refused_ends_it(gateway, start_agent):
    agent = subprocess.run([sys.executable, REPOSITORY / "examples/agent.py", "--url", gateway.url],
                           env=os.environ | {"GATEWAY_API_KEY": "wrong"}, capture_output=True, text=True, timeout=DEADLINE)
    assert agent.returncode == 1
    assert "401" in agent.stderr


def test_the_twenty_lines_of_shell_answer_too(gateway, start_agent):
    client = gateway.connect()
    client.say("guide", text='a spoof: "connection_id":"ws_00000000000000000000000000000000"')
    start_agent("agent.sh")
    said = ""
    while not said.endswith("shell. "):
        said += client.receive(DEADLINE)["message"]
    assert said == "Hello from twenty lines of shell. "


def test_the_readme_shows_them_as_they_are():
    assert (REPOSITORY / "examples/agent.sh").read_text() in (REPOSITORY / "README.md").read_text()
