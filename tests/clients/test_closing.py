"""Whether and when a client comes back, at a server that closes as the gateway may."""

import pytest

from clients.driver import DriverError
from clients.scripted_server import ScriptedServer, closing, ending, welcoming
from support.runs import fold
from support.wait import eventually

LOG_IN_AGAIN = (1008, 4001, 4003)


def is_state(driver, state):
    return lambda: driver.call("status")["state"] == state


@pytest.mark.parametrize("code", LOG_IN_AGAIN)
def test_a_refused_session_asks_for_one_more_token_and_goes_on_with_it(reader, code):
    with ScriptedServer(closing(code), welcoming) as server:
        reader.call("connect", url=server.url, tokens=["old=", "new="])
        assert server.tokens == ["old=", "new="]
        assert reader.call("status")["state"] == "open"
        reader.call("close")


@pytest.mark.parametrize("code", LOG_IN_AGAIN)
def test_a_session_that_ends_and_has_no_successor_ends_the_client(reader, code):
    with ScriptedServer(ending(code), closing(code)) as server:
        reader.call("connect", url=server.url, tokens=["old", "new", "newer"])
        eventually(is_state(reader, "closed"))
        assert server.tokens == ["old", "new"]
        assert reader.call("status")["error"] == str(code)


def test_a_token_that_nobody_can_renew_is_tried_once(reader):
    with ScriptedServer(closing(4001)) as server:
        with pytest.raises(DriverError) as refused:
            reader.call("connect", url=server.url, token="the only one")
        assert refused.value.code == "4001"
        assert len(server.connections) == 1


def test_who_was_replaced_never_comes_back(reader):
    with ScriptedServer(ending(4010)) as server:
        reader.call("connect", url=server.url, tokens=["a", "b"])
        eventually(is_state(reader, "closed"))
        assert reader.call("status")["error"] == "4010"
        with pytest.raises(DriverError):
            reader.call("send", channel="guide", payload={})
        assert len(server.connections) == 1


@pytest.mark.slow(seconds=5)
def test_who_has_too_many_connections_comes_back_late(reader):
    with ScriptedServer(closing(4004), welcoming) as server:
        reader.call("connect", url=server.url, token="t", timeout_s=60, timeout=70)
        first, second = server.connections
        assert 5 <= second.at - first.at < 15
        reader.call("close")


def test_a_gateway_that_drains_says_when_to_come_back(reader):
    def draining(connection):
        connection.welcome()
        connection.say({"type": "system", "event": "draining", "message": "", "retry_after_ms": 1500, "timestamp": ""})
        connection.close(1012)

    with ScriptedServer(draining, welcoming) as server:
        reader.call("connect", url=server.url, token="t")
        eventually(lambda: len(server.connections) == 2)
        assert server.connections[1].at - server.connections[0].at >= 1.5
        reader.call("close")


def test_who_is_sent_on_comes_at_once_with_a_ticket_beside_the_same_token(reader):
    def sending_on(connection):
        connection.welcome()
        told = {"type": "system", "event": "draining", "message": "", "timestamp": ""}
        connection.say(told | {"leave_in_ms": 40, "retry_after_ms": 1000})
        connection.say(told | {"leave_in_ms": 0, "retry_after_ms": 0, "ticket": "AQ-_"})
        connection.close(1012)

    def refusing(connection):
        connection.socket.close_socket()

    with ScriptedServer(sending_on, refusing, welcoming) as server:
        reader.call("connect", url=server.url, token="t")
        eventually(lambda: len(server.connections) == 3)
        first, second, third = server.connections
        assert ["ticket=AQ-_" in one.socket.request.path for one in server.connections] == [False, True, False]
        assert server.tokens == ["t"] * 3
        assert second.at - first.at < 1 and third.at - second.at < 1.5
        reader.call("close")


def test_a_run_goes_on_before_the_welcome(reader, name):
    """With the cursor of what it has: one round trip."""
    run = name()
    told = {"type": "run", "run_id": "run_1", "epoch": 0, "pos": 0, "hash": "0" * 14, "timestamp": ""}

    def answering(connection):
        connection.welcome()
        asked = connection.hear()
        connection.say({"type": "ack", "id": asked["id"], "status": "published", "run_id": "run_1", "timestamp": ""})
        connection.say(told | {"event": "top", "status": "queued", "owner": "none", "idle_ms": 0, "cancel_requested": False})
        connection.say(told | {"event": "reset", "epoch": 1, "cause": "claimed"})
        connection.say(told | {"event": "delta", "epoch": 1, "from": 0, "pos": 2, "hash": fold(b"ab"), "text": "ab"})
        connection.socket.recv(20)  # "go"
        connection.close(1012)

    def resuming(connection):
        attach = connection.hear()
        connection.welcome()
        assert attach["type"] == "attach" and attach["run_id"] == "run_1"
        assert attach["cursor"].startswith("1.2.")
        connection.say(told | {"event": "end", "id": attach["id"], "epoch": 1, "pos": 2, "hash": attach["cursor"][4:],
                               "status": "completed", "error": None, "result": None})  # fmt: skip
        connection.stay()

    with ScriptedServer(answering, resuming) as server:
        reader.call("connect", url=server.url, token="t")
        reader.call("ask", run=run, channel="guide", payload={})
        assert reader.wait(run, bytes=2)["text"] == "ab"
        going = reader.start("send", channel="guide", payload={"go": True})
        state = reader.wait(run, end=True)
        assert (state["text"], state["status"], state["verified"]) == ("ab", "completed", True)
        reader.call("close")
        with pytest.raises(DriverError):
            going.result(10)


def test_a_question_that_ends_the_connection_is_not_asked_again(reader, name):
    def too_large(connection):
        connection.welcome()
        connection.hear()
        connection.close(1009)

    with ScriptedServer(too_large, welcoming) as server:
        reader.call("connect", url=server.url, token="t")
        with pytest.raises(DriverError):
            reader.call("ask", run=name(), channel="guide", payload={"large": True})
        eventually(is_state(reader, "open"))
        eventually(lambda: len(server.connections) == 2)
        reader.call("close")
        assert not server.connections[1].heard
