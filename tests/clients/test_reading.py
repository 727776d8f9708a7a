"""Whoever asks and reads, with an agent played by the test."""

import pytest

from clients.driver import DriverError
from support.run_copies import Owner
from support.runs import RUNS, cursor
from support.tcp_proxy import TcpProxy
from support.wait import eventually

GATEWAY_FLAGS = ("--log-level", "error")
BY_EVENTS_TOO = True


@pytest.fixture
def connected(gateway, reader, user):
    reader.call("connect", url=gateway.ws_url, token=gateway.new_session(user_id=user))
    return reader


def asked(gateway, driver, run, **fields) -> Owner:
    """A question whose run the test has claimed."""
    run_id = driver.call("ask", run=run, channel="guide", payload={"message": "hello"}, **fields)["run_id"]
    return Owner.claim(gateway.api, run_id, lease_ms=60_000)


def assert_whole(state, text, status="completed"):
    assert (state["text"], state["status"], state["verified"]) == (text, status, True), state
    assert state["pos"] == len(text.encode())


def test_asks_and_reads_to_the_end(gateway, connected, name):
    run = name()
    owner = asked(gateway, connected, run)
    owner.append("Once upon ")
    state = connected.wait(run, bytes=10)
    assert (state["text"], state["status"], state["cursor"]) == ("Once upon ", "in_progress", cursor(1, b"Once upon "))
    owner.append("a time “ü𝄞”")
    owner.end(result={"tokens": 7})
    state = connected.wait(run, end=True)
    assert_whole(state, "Once upon a time “ü𝄞”")
    assert (state["result"], state["error"]) == ({"tokens": 7}, None)


def test_a_run_of_json_is_its_lines(gateway, connected, name):
    run = name()
    owner = asked(gateway, connected, run, format="json")
    owner.append(items=[{"n": 1}, ["zwei"]])
    owner.end()
    assert_whole(connected.wait(run, end=True), '{"n":1}\n["zwei"]\n')


def test_a_failure_is_shown_as_the_agent_said_it(gateway, connected, name):
    run = name()
    owner = asked(gateway, connected, run)
    owner.append("half")
    owner.end("failed", error={"code": "no_money", "message": "The model is not paid."})
    state = connected.wait(run, end=True)
    assert (state["text"], state["status"]) == ("half", "failed")
    assert state["error"] == {"code": "no_money", "message": "The model is not paid."}


def test_a_connection_that_is_cut_goes_on_where_it_was(gateway, reader, user, name):
    run = name()
    with TcpProxy(gateway.address) as proxy:
        reader.call("connect", url=f"ws://127.0.0.1:{proxy.port}/ws", token=gateway.new_session(user_id=user))
        owner = asked(gateway, reader, run)
        owner.append("before, ")
        reader.wait(run, bytes=8)
        for n in range(3):
            proxy.cut(reset=n != 1)
            owner.append(f"cut {n}, ")
            reader.wait(run, bytes=8 + 7 * (n + 1))
        owner.end()
        assert_whole(reader.wait(run, end=True), "before, cut 0, cut 1, cut 2, ")


def test_a_gateway_that_is_silent_is_left_for_another_connection(gateway, reader, user, name):
    run = name()
    with TcpProxy(gateway.address) as proxy:
        reader.call("connect", url=f"ws://127.0.0.1:{proxy.port}/ws", token=gateway.new_session(user_id=user))
        owner = asked(gateway, reader, run)
        owner.append("heard, ")
        reader.wait(run, bytes=7)
        before = proxy.accepted
        proxy.half_open(dead="target")
        owner.append("and on")
        reader.wait(run, bytes=13, timeout_s=30)  # no beat for 6 s
        assert proxy.accepted > before
        owner.end()
        assert_whole(reader.wait(run, end=True), "heard, and on")


def test_a_question_whose_ack_was_lost_is_asked_again_and_answered_once(gateway, reader, user, name):
    agent = gateway.subscribe("pillar:insights")
    run = name()
    with TcpProxy(gateway.address) as proxy:
        reader.call("connect", url=f"ws://127.0.0.1:{proxy.port}/ws", token=gateway.new_session(user_id=user))
        proxy.set("down", stalled=True)
        asking = reader.start("ask", run=run, channel="pillar:insights", payload={"message": "once"})
        envelope = agent.envelope()
        proxy.clear()
        proxy.set("down", stalled=False)
        proxy.cut()
        run_id = asking.result(30)["run_id"]
    assert envelope["run"]["run_id"] == run_id
    marker = name()
    reader.call("close")
    reader.call("connect", url=gateway.ws_url, token=gateway.new_session(user_id=user))
    marked = reader.call("ask", run=marker, channel="pillar:insights", payload={"message": "marker"})["run_id"]
    assert agent.envelope()["run"]["run_id"] == marked, "the question came twice"


def test_the_same_id_again_is_the_same_run(gateway, connected, name):
    first, again = name(), name()
    owner = asked(gateway, connected, first, id="the-same")
    owner.append("one answer")
    connected.wait(first, bytes=10)
    connected.call("detach", run=first)
    told = connected.call("ask", run=again, channel="guide", payload={"message": "hello"}, id="the-same")
    assert told["run_id"] == owner.run_id
    assert connected.wait(again, bytes=10)["text"] == "one answer"


def test_attaches_by_id_by_thread_and_by_cursor(gateway, connected, name, user):
    thread = f"thread-{user}"
    first = name()
    owner = asked(gateway, connected, first, thread_id=thread)
    owner.append("from the start, ")
    connected.wait(first, bytes=16)
    connected.call("detach", run=first)
    place = cursor(1, b"from the start, ")
    owner.append("and on")
    owner.end()
    by_id, by_thread, by_cursor, with_text = name(), name(), name(), name()
    assert connected.call("attach", run=by_id, run_id=owner.run_id)["run_id"] == owner.run_id
    assert_whole(connected.wait(by_id, end=True), "from the start, and on")
    assert connected.call("attach", run=by_thread, thread_id=thread)["run_id"] == owner.run_id
    assert_whole(connected.wait(by_thread, end=True), "from the start, and on")
    connected.call("attach", run=by_cursor, run_id=owner.run_id, cursor=place)
    state = connected.wait(by_cursor, end=True)
    assert (state["text"], state["pos"], state["verified"]) == ("and on", 22, True)
    connected.call("attach", run=with_text, run_id=owner.run_id, cursor=place, text="from the start, ")
    assert_whole(connected.wait(with_text, end=True), "from the start, and on")


def test_a_cursor_that_does_not_fit_is_answered_with_the_whole_text(gateway, connected, name):
    first, again = name(), name()
    owner = asked(gateway, connected, first)
    owner.append("what is true")
    owner.end()
    connected.wait(first, end=True)
    connected.call("attach", run=again, run_id=owner.run_id, cursor=cursor(1, b"what is false"), text="what is false")
    assert_whole(connected.wait(again, end=True), "what is true")


def test_a_late_joiner_has_the_text_so_far_and_what_follows(gateway, connected, start_driver, user, name):
    run, late = name(), name()
    owner = asked(gateway, connected, run)
    long = "0123456789abcde\n" * 3000  # more than a snapshot's piece
    owner.append(long)
    tab = start_driver()
    tab.call("connect", url=gateway.ws_url, token=gateway.new_session(user_id=user))
    tab.call("attach", run=late, run_id=owner.run_id)
    owner.append("and more")
    owner.end()
    for driver, one in ((connected, run), (tab, late)):
        assert_whole(driver.wait(one, end=True), long + "and more")


def test_what_is_no_run_of_this_user_is_refused(gateway, connected, name):
    foreign = Owner.create(gateway.api, to={"user_id": "somebody-else"})
    for run_id in (foreign.run_id, "run_" + "0" * 32):
        with pytest.raises(DriverError) as refused:
            connected.call("attach", run=name(), run_id=run_id)
        assert refused.value.code == "unknown_run"


def test_detaching_is_no_cancel(gateway, connected, name):
    run, again = name(), name()
    owner = asked(gateway, connected, run)
    owner.append("first ")
    connected.wait(run, bytes=6)
    connected.call("detach", run=run)
    owner.append("second")
    # What it asks after that comes after what it would have heard.
    assert connected.call("send", channel="guide", payload={})["ack"]["status"] in ("published", "queued")
    assert connected.state(run)["text"] == "first "
    assert owner.record()["status"] == "in_progress"
    connected.call("attach", run=again, run_id=owner.run_id)
    assert connected.wait(again, bytes=12)["text"] == "first second"


def test_a_cancel_is_asked_once_and_ends_the_run(gateway, connected, name):
    run = name()
    owner = asked(gateway, connected, run)
    owner.append("long ")
    connected.wait(run, bytes=5)
    assert connected.call("cancel", run=run)["status"] == "asked"
    assert connected.call("cancel", run=run)["status"] == "already"
    assert owner.append("story")["cancel_requested"] is True
    owner.end("cancelled")
    assert_whole(connected.wait(run, end=True), "long story", "cancelled")
    assert connected.call("cancel", run=run)["status"] == "ended"


def test_an_agent_that_dies_is_shown(gateway, connected, name):
    run = name()
    run_id = connected.call("ask", run=run, channel="guide", payload={"message": "hello"})["run_id"]
    owner = Owner.claim(gateway.api, run_id, lease_ms=2000)
    owner.append("half")
    state = connected.wait(run, end=True)
    assert (state["text"], state["status"], state["error"]["code"]) == ("half", "abandoned", "agent_lost")


def test_another_attempt_replaces_the_text(gateway, connected, name):
    run = name()
    owner = asked(gateway, connected, run)
    owner.append("Roses are blue")
    connected.wait(run, bytes=14)
    again = Owner.claim(gateway.api, owner.run_id, owner.producer, keep=10, lease_ms=60_000)
    again.append("red")
    state = connected.wait(run, bytes=13)
    eventually(lambda: connected.state(run)["text"] == "Roses are red")
    third = Owner.claim(gateway.api, owner.run_id, owner.producer, keep=0)
    third.append("Violets")
    third.end()
    state = connected.wait(run, end=True)
    assert_whole(state, "Violets")
    assert state["epoch"] == 3


def test_closing_ends_no_run(gateway, connected, name):
    run = name()
    owner = asked(gateway, connected, run)
    connected.call("close")
    assert connected.call("status")["state"] == "closed"
    assert owner.append("nobody reads")["run_status"] == "in_progress"
    assert gateway.api.get(f"{RUNS}/{owner.run_id}").json()["status"] == "in_progress"
