"""Receiving by asking again and again: what waits, what comes twice, what is told to be missing."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.mcp import SUBSCRIBE, Mcp, texts
from support.wait import eventually

KEY = "a-key-that-survives-the-restart"
WAIT_SECONDS = 25


def waiting(gateway) -> int:
    lines = gateway.api.get("/metrics").text.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("gateway_mcp_waiting_polls "))


@pytest.fixture
def gateway(gateway_factory):
    """Its logs begin empty."""
    return gateway_factory(env={"GATEWAY_API_KEY": KEY})


@pytest.fixture
def aside():
    """aside(function, ...) runs beside the test and returns a future."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


class TestPages:
    def test_what_nobody_has_received_waits_for_the_first_poll(self, gateway, mcp):
        client = gateway.connect()
        for n in range(3):
            assert client.say("guide", id=f"m{n}", text=f"{n}")["status"] == "queued"
        page = mcp.poll()
        assert texts(page) == ["0", "1", "2"]
        assert page["more"] is False and page["gap"] is False and "gap_reason" not in page

    def test_pages_come_in_order_and_say_whether_there_are_more(self, gateway, mcp):
        client = gateway.connect()
        cursor = mcp.poll()["cursor"]
        for n in range(5):
            client.say("guide", id=f"m{n}", text=f"{n}")
        seen = []
        for expected in ([0, 1], [2, 3], [4]):
            page = mcp.poll(cursor=cursor, max_messages=2)
            assert texts(page) == [str(n) for n in expected]
            assert page["more"] is (expected != [4]) and not page["gap"]
            cursor = page["cursor"]
            seen += [envelope["message_id"] for envelope in page["messages"]]
        assert seen == sorted(set(seen))
        assert mcp.poll(cursor=cursor)["messages"] == []

    def test_an_answer_that_was_lost_comes_again(self, gateway, mcp):
        client = gateway.connect()
        cursor = mcp.poll()["cursor"]
        client.say("guide", id="m", text="once")
        first = mcp.poll(cursor=cursor, wait_seconds=WAIT_SECONDS)
        assert mcp.poll(cursor=cursor)["messages"] == first["messages"]
        assert mcp.poll()["messages"] == first["messages"], "no cursor has covered it"
        assert mcp.poll(cursor=first["cursor"])["messages"] == []
        assert mcp.poll()["messages"] == [], "now one has"

    def test_every_agent_that_asks_gets_every_message(self, gateway, mcp, newer, older):
        cursors = [agent.poll()["cursor"] for agent in (newer, older)]
        gateway.connect().say("guide", id="m", text="to all")
        for agent, cursor in zip((newer, older), cursors, strict=True):
            assert texts(agent.poll(cursor=cursor, wait_seconds=WAIT_SECONDS)) == ["to all"]

    def test_large_messages_fill_more_pages(self, gateway, mcp):
        client = gateway.connect()
        cursor = mcp.poll()["cursor"]
        for n in range(20):
            client.say("guide", id=f"m{n}", text="x" * 60_000)
        pages = []
        while sum(pages) < 20:
            page = mcp.poll(cursor=cursor, wait_seconds=WAIT_SECONDS, max_messages=500)
            pages.append(len(page["messages"]))
            cursor = page["cursor"]
        assert len(pages) > 1, "over a mebibyte in one page"

    def test_publications_of_realms_come_too(self, gateway, mcp):
        cursor = mcp.poll()["cursor"]
        gateway.api.publish("guide", {"n": 1}, realm="editors")
        [envelope] = mcp.poll(cursor=cursor, wait_seconds=WAIT_SECONDS)["messages"]
        assert envelope["source"] == "editors" and envelope["message"] == {"n": 1}
        assert "connection_id" not in envelope

    def test_other_channels_are_other_logs(self, gateway, mcp):
        cursor = mcp.poll("guide")["cursor"]
        client = gateway.connect()
        client.say("pillar:content", id="m1", text="content")
        client.say("guide", id="m2", text="guide")
        assert texts(mcp.poll("guide", cursor=cursor, wait_seconds=WAIT_SECONDS)) == ["guide"]
        assert texts(mcp.poll("pillar:content")) == ["content"]


class TestWaiting:
    def test_it_ends_with_the_first_message(self, gateway, mcp, aside):
        client = gateway.connect()
        cursor = mcp.poll()["cursor"]
        poll = aside(mcp.poll, cursor=cursor, wait_seconds=WAIT_SECONDS)
        eventually(lambda: waiting(gateway) == 1)
        client.say("guide", id="m", text="now")
        assert texts(poll.result(WAIT_SECONDS)) == ["now"]

    def test_it_ends_empty_when_the_time_is_over(self, gateway, mcp):
        cursor = mcp.poll()["cursor"]
        start = time.monotonic()
        page = mcp.poll(cursor=cursor, wait_seconds=1)
        assert page["messages"] == [] and not page["gap"] and page["cursor"]
        assert time.monotonic() - start >= 0.9

    def test_a_client_that_has_gone_keeps_no_place_and_takes_no_message(self, gateway, mcp):
        cursor = mcp.poll()["cursor"]
        message = mcp.message("tools/call", name=SUBSCRIBE, arguments={"channel": "guide", "cursor": cursor, "wait_seconds": WAIT_SECONDS})
        request = mcp.wire(message)
        peer = gateway.peer()
        peer.send(request)
        eventually(lambda: waiting(gateway) == 1)
        peer.close()
        eventually(lambda: waiting(gateway) == 0, 15, "well before its time is over")
        gateway.connect().say("guide", id="m", text="later")
        assert texts(mcp.poll(cursor=cursor, wait_seconds=WAIT_SECONDS)) == ["later"]

    def test_so_many_wait_and_no_more(self, gateway, mcp):
        cursor = mcp.poll()["cursor"]
        message = mcp.message("tools/call", name=SUBSCRIBE, arguments={"channel": "guide", "cursor": cursor, "wait_seconds": WAIT_SECONDS})
        peers = [gateway.peer() for _ in range(100)]
        for peer in peers:
            peer.send(mcp.wire(message))
        eventually(lambda: waiting(gateway) == 100)
        assert "too many polls wait" in mcp.call(SUBSCRIBE, channel="guide", wait_seconds=1).tool_error
        assert mcp.poll("pillar:content")["cursor"], "another channel's places are its own"
        gateway.connect().say("guide", id="m", text="to all of them")
        for peer in peers:
            page = peer.response().json()["result"]["structuredContent"]
            assert texts(page) == ["to all of them"]

    def test_a_drain_ends_it_with_its_answer(self, gateway, mcp, aside):
        cursor = mcp.poll()["cursor"]
        poll = aside(mcp.poll, cursor=cursor, wait_seconds=WAIT_SECONDS)
        eventually(lambda: waiting(gateway) == 1)
        start = time.monotonic()
        assert gateway.stop() == 0
        page = poll.result(WAIT_SECONDS)
        assert page["messages"] == [] and page["cursor"]
        assert time.monotonic() - start < 15

    def test_what_a_client_says_last_still_reaches_it(self, gateway_factory, closing, mcp, aside):
        """Agents go on while clients are told to leave."""
        gateway = gateway_factory("--drain-timeout", "10")
        agent = closing(Mcp(gateway, mcp.revision))
        client = gateway.connect()
        poll = aside(agent.poll, cursor=agent.poll()["cursor"], wait_seconds=WAIT_SECONDS)
        eventually(lambda: waiting(gateway) == 1)
        gateway.process.terminate()
        assert client.receive()["event"] == "draining"
        client.say("guide", text="one more thing")
        assert texts(poll.result(WAIT_SECONDS)) == ["one more thing"]
        assert gateway.wait_exit() == 0


class TestGaps:
    def test_after_a_restart(self, gateway, gateway_factory, mcp, closing):
        client = gateway.connect()
        mcp.poll()
        client.say("guide", id="m", text="before")
        cursor = mcp.poll(wait_seconds=WAIT_SECONDS)["cursor"]
        gateway.stop()
        again = gateway_factory(env={"GATEWAY_API_KEY": KEY})
        agent = closing(Mcp(again, mcp.revision))
        again.connect().say("guide", id="m", text="after")
        page = agent.poll(cursor=cursor)
        assert page["gap"] and page["gap_reason"] == "unknown_cursor"
        assert texts(page) == ["after"], "what is there comes all the same"
        assert not agent.poll(cursor=page["cursor"])["gap"]

    def test_a_cursor_from_the_future_is_refused(self, mcp):
        epoch, next_number, *rest = mcp.poll()["cursor"].split(".")
        forged = ".".join([epoch, str(int(next_number) + 1000), *rest])
        assert "cursor is not one" in mcp.call(SUBSCRIBE, channel="guide", cursor=forged).tool_error

    def test_more_than_the_log_holds(self, gateway, mcp):
        """Nobody receives them: the log keeps the oldest, and the queue of the channel what comes then."""
        cursor = mcp.poll()["cursor"]
        client = gateway.connect()
        for n in range(1100):
            client.say("guide", text=f"{n}")
        client.say("guide", id="last", text="last")
        received, reasons = [], set()
        while "last" not in received:
            page = mcp.poll(cursor=cursor, wait_seconds=5, max_messages=500)
            received += texts(page)
            reasons.add(page.get("gap_reason"))
            cursor = page["cursor"]
            if not page["messages"] and not page["more"]:
                break
        assert received[:1000] == [str(n) for n in range(1000)]
        assert len(received) == 1101 or "overflow" in reasons, "lost without a word"

    @pytest.mark.slow
    def test_who_comes_back_after_a_minute(self, gateway, newer):
        """Nobody listens any more: what is said then waits in the queue, for whichever agent is first.

        The log knows nothing of revisions, and a minute is long: in one of them."""
        client = gateway.connect()
        cursor = newer.poll()["cursor"]
        said = [client.say("guide", id="m0", text="0")["status"]]

        def is_queued():
            said.append(client.say("guide", id=f"m{len(said)}", text=f"{len(said)}")["status"])
            return said[-1] == "queued"

        assert said == ["published"]
        eventually(is_queued, 120, "it has stopped listening", interval=1)
        page = newer.poll(cursor=cursor, max_messages=500)
        assert texts(page) == [f"{n}" for n in range(len(said))], "nothing was lost, for no other agent came"
        assert page["gap_reason"] == "not_listening", "but one could have"
        assert not newer.poll(cursor=page["cursor"])["gap"]
