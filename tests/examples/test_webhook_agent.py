"""examples/webhook_agent.py as it stands: an agent that is only a web server."""

import signal

from support.hook_server import SUBSCRIPTIONS
from support.runs import RUNS
from support.server_process import free_port
from support.wait import eventually

GATEWAY_FLAGS = ["--webhook-hosts", "127.0.0.1"]


def test_it_answers_word_by_word_and_leaves_nothing(gateway, start_agent):
    agent = start_agent("webhook_agent.py", "--port", str(free_port()))
    (made,) = eventually(lambda: gateway.api.get(SUBSCRIPTIONS).json()["subscriptions"])
    client = gateway.connect()
    client.send({"channel": "guide", "payload": {"message": "é"}, "id": "m1", "run": {}})
    messages = [client.receive()]
    while messages[-1].get("event") != "end":
        messages.append(client.receive())
    assert messages[-1]["status"] == "completed"
    assert "".join(message.get("text", "") for message in messages) == "You said: é "
    assert len([message for message in messages if message.get("event") == "delta"]) >= 2
    assert gateway.api.get(f"{RUNS}/{messages[-1]['run_id']}").json()["status"] == "completed"
    client.say("guide", id="m2")
    eventually(lambda: gateway.api.get(f"{SUBSCRIPTIONS}").json()["subscriptions"][0]["here"]["waiting"] == 0)
    agent.process.send_signal(signal.SIGTERM)
    assert agent.wait_exit(20) == 0
    assert gateway.api.get(SUBSCRIPTIONS).json()["subscriptions"] == []
