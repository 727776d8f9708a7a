"""What happens when a connection ends: told in words, and taken up again where that is right."""

import json
import re

import pytest
from playwright.sync_api import expect

from support.stage import WELCOME, Stage
from support.wait import eventually

LOST = re.compile(r"^(Connection lost \(1006\)|Going away \(1001\)|Gateway restarts \(1012\))$")
RETRIED = [1001, 1002, 1003, 1006, 1007, 1009, 1011, 1012, 4000, 4004, 4005, 4008, 4009, 4029]
RENEWED = [1008, 4001, 4003]
WAITING = [4010]


@pytest.mark.network_noise
def test_after_a_crash_and_a_restart_the_page_comes_back_and_asks_for_a_new_session(restartable, open_tab, user):
    console = open_tab(restartable.now).enter(user)
    console.button("pillar:content").click()
    expect(console.button("pillar:content")).to_have_attribute("aria-pressed", "true")
    restartable.now.kill()
    console.shows(LOST)
    console.shows(re.compile(r"^(Next attempt in \d+ s|Trying now…)$"))
    console.shows("The gateway does not answer. Nothing to do: this page comes back when it does.")
    restarted = restartable.again()
    # The memory engine forgot the session: the page says so, and does not knock again with it.
    console.shows("Session not accepted (4001)")
    console.shows(re.compile("With the memory engine, sessions end when the gateway restarts"))
    console.button("Start a new session").click()
    console.connected()
    console.shows(f"Welcome from {restarted.instance_id}")
    # What was listened to before is listened to again, by the new connection too.
    expect(console.button("pillar:content")).to_have_attribute("aria-pressed", "true")
    console.publish("after the restart", channel="pillar:content")
    expect(console.theirs("after the restart")).to_be_visible()
    # Live counts came back by themselves.
    expect(console.live.get_by_text("does not answer")).to_have_count(0)


@pytest.mark.network_noise
def test_reconnect_now_does_not_wait(restartable, open_tab, user):
    console = open_tab(restartable.now).enter(user)
    restartable.now.kill()
    console.shows(LOST)
    # The backoff grows to many seconds; the button cuts it short.
    expect(console.conversation.get_by_text(re.compile(r"^Next attempt in ([5-9]|\d\d) s$"))).to_be_visible(
        timeout=60_000
    )
    restartable.again()
    console.button("Reconnect now").click()
    expect(console.conversation.get_by_text("Session not accepted (4001)", exact=True)).to_be_visible(timeout=3_000)


@pytest.mark.network_noise
def test_a_drain_is_announced(restartable, open_tab, user):
    console = open_tab(restartable.now).enter(user)
    restartable.now.stop()
    console.shows(re.compile("^The gateway is shutting down"))
    console.shows(LOST)


def test_an_expired_session_is_explained_and_not_retried(console, user):
    sockets = []
    console.page.on("websocket", lambda socket: sockets.append(socket))
    console.begin(user, ttl=2)
    console.shows(re.compile("^Welcome from"))
    console.shows("Session ended (4003)")
    console.shows(re.compile("The session expired, was ended or was suspended"))
    expect(console.page.get_by_role("banner").get_by_text("Disconnected")).to_be_visible()
    expect(console.button("Reconnect now")).to_be_hidden()
    assert len(sockets) == 1
    # The next session is one keypress away: the button has what was typed before.
    console.page.get_by_label("Lifetime in seconds").fill("600")
    console.button("Start a new session").click()
    console.connected()
    assert len(sockets) == 2


def test_ending_the_session_oneself_is_no_accident(console, api, user):
    with console.page.expect_response("**/api/traffic-cop/sessions") as created:
        console.enter(user)
    console.button("End session").click()
    console.shows("Session ended (4003)")
    console.shows("You ended this session. Start a new one whenever you like.")
    expect(console.log.get_by_role("article", name="Session ended (4003)")).to_have_attribute("data-tone", "idle")
    expect(console.button("Start session and connect")).to_be_visible()
    # The next one is ended by somebody else.
    with console.page.expect_response("**/api/traffic-cop/sessions") as created:
        console.button("Start a new session").click()
    console.connected()
    api.delete_session(created.value.json()["session_id"])
    console.shows(re.compile("The session expired, was ended or was suspended"))
    expect(console.log.get_by_role("article", name="Session ended (4003)").last).to_have_attribute("data-tone", "bad")


def test_a_suspended_session_is_explained(console, api, user):
    with console.page.expect_response("**/api/traffic-cop/sessions") as created:
        console.enter(user)
    api.patch_session(created.value.json()["session_id"], status="suspended")
    console.shows("Session ended (4003)")


def test_a_refreshed_session_keeps_the_connection(console, user):
    console.enter(user, ttl=60)
    connection = console.connection_id()
    console.button("Refresh session").click()
    expect(console.session.get_by_text("Session refreshed, on the same connection.")).to_be_visible()
    assert console.connection_id() == connection
    expect(console.say("hello").get_by_text(re.compile("^(queued|published) in"))).to_be_visible()


def test_too_many_connections_are_explained_and_the_page_comes_back_when_there_is_room(console, gateway, api, user):
    others = [gateway.connect(gateway.new_session(user_id=user)) for _ in range(5)]
    console.begin(user)
    console.shows("Too many connections (4004)")
    console.shows(re.compile("Close another tab of this user. This page comes back when there is room."))
    console.shows(re.compile(r"^Next attempt in ([1-9]|10) s$"))
    others[0].close()
    eventually(lambda: api.connection_count()["per_user"][user] == 4)
    console.button("Reconnect now").click()
    console.connected()


def test_where_another_has_to_leave_first_the_page_waits_for_5_to_60_seconds(console, user):
    stage = Stage(console, lambda socket, nth: socket.close(code=4004))
    console.page.clock.install()
    console.open()
    console.use_key()
    console.accepted()
    # From here on time passes only when this test says so.
    console.page.clock.pause_at(console.page.evaluate("Date.now()") + 3_600_000)
    console.start_session(user)
    for nth, (least, most) in enumerate(((5, 10), (5, 15), (5, 25), (5, 45), (5, 60)), start=1):
        eventually(lambda: console.page.clock.run_for(1) or len(stage.sockets) == nth)
        countdown = console.conversation.get_by_text(re.compile(r"^Next attempt in \d+ s$"))
        console.page.clock.run_for(300)  # the page looks at it four times a second
        seconds = int(re.search(r"\d+", countdown.inner_text()).group())
        assert least - 1 <= seconds <= most, (nth, seconds)
        console.button("Reconnect now").click()


def test_disconnecting_is_not_an_accident(console, user):
    console.enter(user)
    console.button("Disconnect").click()
    console.shows("Disconnected")
    expect(console.button("Connect")).to_be_focused()
    expect(console.button("Reconnect now")).to_be_hidden()


# --- Codes that are hard to provoke: the same page, and a socket that plays the gateway. ---

def ends_with(codes):
    """The nth connection is welcomed and ended with the nth code; the one after the last stays."""

    def act(socket, nth):
        socket.send(WELCOME)
        if nth <= len(codes):
            socket.close(code=codes[nth - 1], reason="the reason")

    return act


RECONNECT = """() => {
  const button = [...document.querySelectorAll("button")].find((one) => one.textContent === "Reconnect now");
  if (button.checkVisibility()) button.click();
  return true;
}"""


def test_the_page_comes_back_by_itself_after_what_passes(console, user):
    codes = [code for code in RETRIED if code != 1006]  # nobody can send that one; a crash shows it
    stage = Stage(console, ends_with(codes))
    console.begin(user)
    for nth, code in enumerate(codes, start=1):
        console.shows(re.compile(rf"\({code}\)\. The gateway said: “the reason”\.$"))
        if code >= 4000:  # these wait longer each time, and the wait is cut short
            back = lambda: len(stage.sockets) > nth or console.page.evaluate(RECONNECT)  # noqa: E731, B023
            eventually(lambda: back() and len(stage.sockets) > nth)  # noqa: B023
    console.connected()
    assert len(stage.sockets) == len(codes) + 1


def test_the_page_does_not_come_back_after_what_stays_wrong(console, user):
    codes = RENEWED + WAITING
    stage = Stage(console, ends_with(codes))
    console.begin(user)
    for nth, code in enumerate(codes, start=1):
        console.shows(re.compile(rf"^[A-Z].* \({code}\)$"))
        expect(console.page.get_by_role("banner").get_by_text("Disconnected")).to_be_visible()
        expect(console.button("Reconnect now")).to_be_hidden()
        assert len(stage.sockets) == nth
        console.button("Start a new session" if code in RENEWED else "Connect").click()
    console.connected()


def test_every_code_stands_in_the_table(console):
    console.open()
    console.page.get_by_text("What the close codes mean").click()
    table = console.page.get_by_role("group", name="Table of close codes").get_by_role("table")
    expect(table.get_by_text("The gateway had no memory to unpack a compressed message.")).to_be_visible()
    for code in [1000] + RETRIED + RENEWED + WAITING:
        row = table.get_by_role("row").filter(has=console.page.get_by_role("rowheader", name=str(code), exact=True))
        expected = (
            "comes back by itself"
            if code in RETRIED
            else "asks for a new session"
            if code in RENEWED
            else "waits for you"
        )
        expect(row.get_by_role("cell", name=expected)).to_be_visible()


def test_a_message_without_an_ack_is_sent_again_with_its_id(console, user):
    """The connection breaks between a message and its ack: whether it arrived, only the gateway knows."""
    heard = []

    def act(socket, nth):
        def answer(text):
            heard.append(json.loads(text))
            if nth == 1:
                socket.close(code=1001)
            else:
                socket.send(json.dumps({"type": "ack", "id": heard[-1]["id"], "status": "duplicate"}))

        socket.send(WELCOME)
        socket.on_message(answer)

    Stage(console, act)
    console.begin(user)
    console.connected()
    entry = console.say("did you get this?")
    expect(entry.get_by_text(re.compile("^duplicate in"))).to_be_visible()
    assert len(heard) == 2 and heard[0] == heard[1], heard


def test_a_gateway_that_says_nothing_is_left(console, user):
    """Nothing within ten seconds: the page tries again."""
    stage = Stage(console, lambda socket, nth: socket.send(WELCOME) if nth > 1 else None)
    console.page.clock.install()
    console.begin(user)
    console.shows("Connecting…")
    console.page.clock.run_for(13_000)
    console.connected()
    assert len(stage.sockets) == 2


def test_a_line_gone_silent_is_left(console, user):
    """Heartbeats come every 30 s; after 45 without a word the gateway is asked, and ten later the line counts as dead."""
    stage = Stage(console, lambda socket, nth: socket.send(WELCOME))
    console.page.clock.install()
    console.begin(user)
    console.connected()
    console.page.clock.run_for(50_000)  # and what has passed since the welcome
    assert len(stage.sockets) == 1
    console.page.clock.run_for(9_000)
    console.connected()
    assert len(stage.sockets) == 2


def test_what_may_have_been_missed_is_said(console, user):
    gap = {"type": "system", "event": "gap", "message": "Publications may have been missed.", "channel": "pillar:content"}

    def act(socket, nth):
        socket.send(WELCOME)
        socket.send(json.dumps(gap))

    Stage(console, act)
    console.begin(user)
    console.shows("Publications on pillar:content may have been missed: the gateway was cut off from the others.")
    expect(console.theirs("may have been missed")).to_have_count(0)
