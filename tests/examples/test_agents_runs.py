"""The example agents as owners of durable runs: whatever dies or is cut, the text is whole and ends once."""

import re
import time

import pytest

from support.chats import AiSdk, new_chat, text_of, user_message
from support.run_copies import ask
from support.runs import RUNS
from support.tcp_proxy import TcpProxy, not_sent
from support.wait import eventually

# So that what a dead agent left unacknowledged is given to another soon.
GATEWAY_FLAGS = ("--ack-wait", "1s")


def counted(number):
    return " ".join(str(n + 1) for n in range(number))


def record(gateway, copy):
    response = gateway.api.get(f"{RUNS}/{copy.run_id}")
    assert response.status_code == 200, response.text
    return response.json()


def words_came(copy, number):
    return lambda _: copy.text.count(" ") >= number


def test_a_run_is_claimed_streamed_in_batches_and_completed(gateway, start_agent):
    client = gateway.connect()
    ack, copy = ask(client, "how  do you do?", id="m1")
    start_agent("agent.py", "--delay", "0")
    end = copy.read_end(client)
    assert end["status"] == "completed" and copy.epoch == 1
    assert copy.text.startswith("You said “how  do you do?”.") and copy.text.endswith("word by word.")
    # Twenty words without a pause are no twenty appends.
    assert copy.events.count("delta") <= 5, copy.events


def test_words_come_as_they_are_said(gateway, start_agent):
    client = gateway.connect()
    _, copy = ask(client, "count to 20", id="m1")
    start_agent("agent.py", "--delay", "0.06")
    assert copy.read_end(client)["status"] == "completed"
    assert copy.text == counted(20)
    assert copy.events.count("delta") >= 10, copy.events


def test_a_message_without_a_run_is_answered_beside_one_with(gateway, start_agent):
    client = gateway.connect()
    start_agent("agent.py", "--delay", "0")
    client.say("guide", text="as ever")
    while not (frame := client.receive())["data"]["final"]:
        pass
    assert "as ever" in frame["message"]
    _, copy = ask(client, "and now?", id="m1")
    assert copy.read_end(client)["status"] == "completed"


def test_a_chat_of_the_ai_sdk_is_answered(gateway, start_agent, closing):
    start_agent("agent.py", "--delay", "0")
    chunks = AiSdk(gateway, closing, gateway.new_session()).send(new_chat(), user_message("count to 5")).chunks()
    assert text_of(chunks) == counted(5) and chunks[-1] == {"type": "finish", "finishReason": "stop"}


def test_cancel_reaches_it_while_it_thinks(gateway, start_agent):
    client = gateway.connect()
    # A word is followed by a long thought, so no append can tell it: a waiting heartbeat does.
    _, copy = ask(client, "count to 3", id="m1")
    start_agent("agent.py", "--delay", "4")
    copy.read_text(client, "1 ")
    began = time.monotonic()
    client.send({"type": "cancel", "run_id": copy.run_id, "id": "c1"})
    end = copy.read_end(client)
    assert (end["status"], copy.text) == ("cancelled", "1 ")
    assert end["error"] is None  # by the agent itself, within the grace
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("agent", [("agent.py", "--group", "workers"), ("agent.sh",)], ids=["python", "shell"])
def test_one_that_comes_too_late_answers_nothing(gateway, start_agent, agent):
    client = gateway.connect()
    _, copy = ask(client, "never mind", id="m1")
    client.send({"type": "cancel", "run_id": copy.run_id})
    assert copy.read_end(client)["status"] == "cancelled"
    start_agent(*agent)
    _, second = ask(client, "still there?", id="m2")
    assert second.read_end(client)["status"] == "completed"
    assert copy.text == "" and record(gateway, copy)["status"] == "cancelled"
    client.assert_silent()


def test_in_a_group_another_goes_on_where_one_was_killed(gateway, start_agent):
    client = gateway.connect()
    agents = {agent.pid: agent for agent in (start_agent("agent.py", "--delay", "0.02", "--group", "workers") for _ in range(2))}
    eventually(lambda: gateway.api.backpressure()["channels"]["guide"]["agents"] == 2)
    _, copy = ask(client, "count to 150", id="m1")
    copy.read_until(client, words_came(copy, 20))
    owner = int(re.search(r"-(\d+)-\w+$", record(gateway, copy)["producer"])[1])
    agents[owner].kill()
    lengths = []
    copy.read_until(client, lambda copy: lengths.append(len(copy.data)) or copy.end is not None, 60)
    assert copy.end["status"] == "completed" and copy.text == counted(150)
    # Nothing was cut: what the dead one had said is a beginning of what the other says.
    assert copy.epoch == 2 and lengths == sorted(lengths)
    seen = record(gateway, copy)
    assert seen["status"] == "completed" and str(owner) not in seen["producer"].split("-")


def test_what_another_said_is_kept_as_far_as_its_own_text_is_the_same(gateway, start_agent):
    client = gateway.connect()
    _, copy = ask(client, "count to 12", id="m1")
    other = gateway.api.post(f"{RUNS}/{copy.run_id}/claim", {"producer": "another", "lease_ms": 2000, "takeover_ms": 60_000})
    assert other.status_code == 200, other.text
    said = {"producer": "another", "epoch": 1, "seq": 0, "text": "1 2 3 and so on"}
    assert gateway.api.post(f"{RUNS}/{copy.run_id}/append", said).status_code == 200
    copy.read_text(client, "1 2 3 and so on")
    eventually(lambda: record(gateway, copy)["owner"] == "lost")
    start_agent("agent.py", "--delay", "0")
    assert copy.read_end(client)["status"] == "completed"
    assert copy.text == counted(12)
    resets = [event for event in copy.events if event == "reset"]
    assert len(resets) >= 2


def test_a_line_that_is_cut_again_and_again_costs_no_word_and_doubles_none(gateway, start_agent):
    client = gateway.connect()
    with TcpProxy(gateway.address) as proxy:
        start_agent("agent.py", "--delay", "0.01", url=f"http://127.0.0.1:{proxy.port}")
        eventually(lambda: gateway.api.backpressure()["channels"]["guide"]["agents"] == 1)
        _, copy = ask(client, "count to 300", id="m1")
        cuts = 0
        while copy.text.count(" ") < 250:
            goal = copy.text.count(" ") + 10
            copy.read_until(client, lambda copy: copy.text.count(" ") >= goal or copy.end)
            cuts += proxy.cut(only=not_sent(b"/subscribe"))
        copy.read_end(client, 60)
    assert copy.end["status"] == "completed" and copy.text == counted(300)
    assert cuts >= 10


def test_the_twenty_lines_of_shell_own_a_run_too(gateway, start_agent):
    client = gateway.connect()
    _, copy = ask(client, 'a spoof: "connection_id":"ws_00000000000000000000000000000000"', id="m1")
    start_agent("agent.sh")
    assert copy.read_end(client)["status"] == "completed"
    assert copy.text == "Hello from twenty lines of shell. "


def test_an_agent_that_is_told_to_end_leaves_a_visible_end(gateway, start_agent):
    client = gateway.connect()
    agent = start_agent("agent.py", "--delay", "0.05")
    _, copy = ask(client, "count to 1000", id="m1")
    copy.read_until(client, words_came(copy, 5))
    agent.terminate()
    assert agent.wait_exit() == 0
    end = copy.read_end(client)
    assert (end["status"], end["error"]["code"]) == ("failed", "agent_stopped")
