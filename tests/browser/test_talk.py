"""Sending, acks, streamed answers, publications and errors, with agents that are real HTTP clients."""

import contextlib
import re
import sys

import pytest
from playwright.sync_api import expect

from support.gateway import REPOSITORY, environment
from support.process import Process


def part(envelope, seq, delta, final=None):
    """One frame of an agent's streamed answer; `final` is the whole text."""
    return {
        "type": "agent_response",
        "agent_type": "guide",
        "pillar": None,
        "conversation_id": envelope["message"]["payload"]["conversation_id"],
        "message": final or delta,
        "data": {
            "run_id": f"run-{envelope['message_id']}",
            "seq": seq,
            "delta": delta,
            "final": final is not None,
        },
    }


def test_messages_on_two_channels_are_acknowledged(console, gateway, user):
    console.enter(user)
    agent = gateway.subscribe("pillar:content")
    # Nobody listens on guide: the message waits. On pillar:content somebody does.
    waiting = console.say("hello, guide", channel="guide")
    expect(waiting.get_by_text(re.compile(r"^queued in \d.*no agent is listening yet"))).to_be_visible()
    taken = console.say("hello, content", channel="pillar:content")
    expect(taken.get_by_text(re.compile(r"^published in \d.*an agent has it"))).to_be_visible()
    envelope = agent.envelope()
    assert envelope["message"]["payload"]["message"] == "hello, content"
    assert envelope["message"]["intent"] == "chat"
    assert envelope["user_id"] == user
    expect(console.page.get_by_text(re.compile(r"^2 acks in the last minute"))).to_be_visible()
    # Having sent to a channel is listening to it.
    expect(console.button("pillar:content")).to_have_attribute("aria-pressed", "true")
    assert gateway.subscribe("guide").envelope()["message"]["payload"]["message"] == "hello, guide"


def test_intent_conversation_and_metadata_travel(console, gateway, user):
    agent = gateway.subscribe("pillar:insights")
    console.enter(user)
    console.page.get_by_label("Intent").select_option("query")
    console.page.get_by_text("Conversation and metadata").click()
    console.page.get_by_label("Conversation id").fill("c-42")
    console.page.get_by_label("Metadata, a JSON object").fill('{"n": 1}')
    console.say("how many?", channel="pillar:insights")
    message = agent.envelope()["message"]
    assert message["intent"] == "query"
    assert message["payload"] == {"message": "how many?", "conversation_id": "c-42", "metadata": {"n": 1}}
    console.page.get_by_label("Metadata, a JSON object").fill("[1]")
    console.message.fill("again")
    console.message.press("Enter")
    console.shows("Metadata has to be a JSON object")
    expect(console.message).to_have_value("again")


def test_an_answer_appears_part_by_part(console, gateway, api, user):
    agent = gateway.subscribe("pillar:operations")
    console.enter(user)
    console.say("tell me", channel="pillar:operations")
    envelope = agent.envelope()
    to = {"connection_id": envelope["connection_id"]}
    api.send(part(envelope, 0, "Once "), **to)
    expect(console.theirs(re.compile(r"Once\s*answering…"))).to_be_visible()
    answer = console.theirs("Once")
    expect(answer).to_have_attribute("aria-busy", "true")
    api.send(part(envelope, 1, "upon "), **to)
    expect(console.theirs(re.compile(r"Once upon\s*answering…"))).to_be_visible()
    api.send(part(envelope, 1, "upon "), **to)  # delivered twice, shown once
    api.send(part(envelope, 2, "", final="Once upon a time."), **to)
    expect(answer.get_by_text("Once upon a time.", exact=True)).to_be_visible()
    expect(answer.get_by_text(re.compile(r"^2 parts in .*, the first after \d"))).to_be_visible()
    expect(answer).to_have_attribute("aria-busy", "false")
    expect(console.log.get_by_role("article", name="From guide")).to_have_count(1)


def test_an_answer_that_breaks_off_is_waited_for_no_more(console, gateway, api, user):
    agent = gateway.subscribe("pillar:operations")
    console.enter(user)
    console.say("tell me", channel="pillar:operations")
    envelope = agent.envelope()
    api.send(part(envelope, 0, "Once "), connection_id=envelope["connection_id"])
    answer = console.theirs("Once")
    expect(answer).to_have_attribute("aria-busy", "true")
    console.button("Disconnect").click()
    expect(answer.get_by_text("interrupted: the connection was lost before the end")).to_be_visible()
    expect(answer).to_have_attribute("aria-busy", "false")


def test_an_agent_that_stops_in_the_middle_is_waited_for_no_more(console, gateway, api, user):
    agent = gateway.subscribe("pillar:operations")
    console.page.clock.install()
    console.enter(user)
    # While a run is open the page expects a pong within ten seconds, and its clock is about to jump over them.
    console.page.get_by_role("checkbox", name="Durable answer").uncheck()
    console.say("tell me", channel="pillar:operations")
    envelope = agent.envelope()
    to = {"connection_id": envelope["connection_id"]}
    api.send(part(envelope, 0, "Once "), **to)
    answer = console.theirs("Once")
    expect(answer).to_have_attribute("aria-busy", "true")
    console.page.clock.run_for(31_000)
    expect(answer.get_by_text("not finished: nothing more has come for 30 s")).to_be_visible()
    expect(answer).to_have_attribute("aria-busy", "false")
    # It was only slow.
    api.send(part(envelope, 1, "upon "), **to)
    expect(answer).to_have_attribute("aria-busy", "true")
    expect(console.theirs(re.compile(r"Once upon\s*answering…"))).to_be_visible()
    api.send(part(envelope, 2, "", final="Once upon a time."), **to)
    expect(answer.get_by_text(re.compile("^2 parts in"))).to_be_visible()
    expect(answer).to_have_attribute("aria-busy", "false")


def test_two_answers_at_once_are_kept_apart_and_a_lost_part_is_said(console, gateway, api, user):
    agent = gateway.subscribe("pillar:business_outcomes")
    console.enter(user)
    console.say("first", channel="pillar:business_outcomes")
    console.say("second", channel="pillar:business_outcomes")
    one, two = agent.envelope(), agent.envelope()
    to = {"connection_id": one["connection_id"]}
    api.send(part(one, 0, "red "), **to)
    api.send(part(two, 0, "blue "), **to)
    api.send(part(one, 1, "rose"), **to)
    api.send(part(two, 2, "sky"), **to)
    expect(console.theirs("red rose")).to_be_visible()
    expect(console.theirs("blue sky").get_by_text("answering… a part is missing")).to_be_visible()
    api.send(part(two, 3, "", final="blue and wide sky"), **to)
    expect(console.theirs("blue and wide sky").get_by_text(re.compile("parts in"))).to_be_visible()


def test_the_example_agent_answers_word_by_word_where_no_run_is_asked_for(console, gateway, user):
    console.enter(user)
    console.page.get_by_role("checkbox", name="Durable answer").uncheck()
    env = environment({"GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": gateway.api_key})
    command = [sys.executable, REPOSITORY / "examples" / "agent.py", "--channel", "pillar:insights"]
    with contextlib.closing(Process(command, env=env)):
        console.say("good morning", channel="pillar:insights")
        expect(console.theirs("You said “good morning”.").get_by_text(re.compile("parts in"))).to_be_visible()


def test_a_publication_reaches_two_tabs_that_listen_and_not_the_third(open_tab, gateway, user):
    first, second, third = (open_tab().enter(user) for _ in range(3))
    for tab in (first, second):
        tab.button("pillar:content").click()
        expect(tab.button("pillar:content")).to_have_attribute("aria-pressed", "true")
    third.button("guide").click()
    expect(third.button("guide")).to_have_attribute("aria-pressed", "false")
    first.publish("Doors open at nine", channel="pillar:content")
    expect(first.page.get_by_text(re.compile("^Published to pillar:content at"))).to_be_visible()
    for tab in (first, second):
        expect(tab.theirs("Doors open at nine")).to_be_visible()
    first.publish("For guide alone")
    for tab in (first, second):
        expect(tab.theirs("For guide alone")).to_be_visible()
    # A pong comes after everything that was on its way before.
    third.button("Ping").click()
    third.shows(re.compile(r"^Pong after"))
    expect(third.log.get_by_role("article", name=re.compile("^From "))).to_have_count(0)


def test_a_publication_may_be_for_one_tenant(open_tab, user):
    acme, other = open_tab().enter(user, tenant="acme"), open_tab().enter(user, tenant="other")
    acme.publish("for acme", tenant="acme")
    expect(acme.theirs("for acme")).to_be_visible()
    other.button("Ping").click()
    other.shows(re.compile(r"^Pong after"))
    expect(other.theirs("for acme")).to_have_count(0)


def test_json_is_shown_as_it_came(console, api, gateway, user):
    console.enter(user)
    odd = '{"type":"odd","message":"numbers","n":1e400,"n":1.10,"text":"\\u00e9<b>"}'
    body = '{"realm":"tests","channel":"guide","message":' + odd + "}"
    assert api.request("POST", "/api/post-office/websocket/publish", content=body).status_code == 200
    entry = console.theirs("numbers")
    entry.get_by_text("JSON", exact=True).click()
    expect(entry.get_by_text("← " + odd, exact=True)).to_be_visible()


def test_text_from_outside_is_never_markup(console, api, user):
    console.enter(user)
    hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    api.publish("guide", {"type": hostile, "message": hostile, "agent_type": hostile, "pillar": hostile})
    expect(console.log.get_by_text(hostile).first).to_be_visible()
    assert console.page.title() == "WebSocket Gateway console"


@pytest.mark.parametrize(
    "frame, words, detail",
    [
        ("{nonsense", "That is not valid JSON.", "invalid_json"),
        ('{"channel":"guide"}', "The gateway could not make sense of that message.", "invalid_message"),
        ('{"channel":"attic","payload":{}}', "There is no such channel on this gateway.", "unknown_channel"),
        ('{"type":"authenticate","session_token":"nope"}', "The gateway refused that for this session.", "forbidden"),
    ],
)
def test_an_error_is_shown_in_words_and_the_connection_stays(console, user, frame, words, detail):
    console.enter(user)
    console.send_raw(frame)
    error = console.log.get_by_role("article", name="Error")
    expect(error.get_by_text(words)).to_be_visible()
    expect(error.get_by_text(f"({detail})")).to_be_visible()
    expect(console.say("still here").get_by_text(re.compile("^(queued|published) in"))).to_be_visible()


def test_an_error_with_an_id_is_shown_at_its_message(console, user):
    console.enter(user)
    console.send_raw('{"channel":"attic","payload":{},"id":7}')
    expect(console.mine("attic").get_by_text("There is no such channel on this gateway.")).to_be_visible()
    expect(console.log.get_by_role("article", name="Error")).to_have_count(0)


def test_the_same_id_again_is_a_duplicate(console, user):
    console.enter(user)
    entry = console.say("only once")
    expect(entry.get_by_text(re.compile("^(queued|published) in"))).to_be_visible()
    entry.get_by_text("JSON", exact=True).click()
    entry.get_by_role("button", name="Send again with the same id").click()
    expect(entry.get_by_text(re.compile("^duplicate in .*did not pass it on again"))).to_be_visible()


def test_listening_can_be_ended(console, api, user):
    console.enter(user)
    guide = console.button("guide")
    guide.click()
    expect(guide).to_have_attribute("aria-pressed", "false")
    assert console.connection_id() not in api.channel_connections("guide")
    guide.click()
    expect(guide).to_have_attribute("aria-pressed", "true")


def test_without_a_connection_the_words_stay(console, user):
    console.enter(user)
    console.button("Disconnect").click()
    console.message.fill("keep me")
    console.message.press("Enter")
    console.shows("Not connected: start a session first.")
    expect(console.message).to_have_value("keep me")
    console.button("Connect").click()
    console.connected()
    console.message.press("Enter")
    expect(console.mine("keep me").get_by_text(re.compile("^(queued|published) in"))).to_be_visible()


def test_control_frames_are_shown_on_demand(console, user):
    console.enter(user)
    console.page.get_by_role("checkbox", name="Control frames").check()
    console.button("Ping").click()
    console.shows("Control: pong")
    console.button("Clear").click()
    expect(console.log.get_by_role("article")).to_have_count(0)


def test_a_long_conversation_keeps_its_newest_part_in_view_and_its_size_bounded(console, api, user):
    console.enter(user)
    for n in range(450):
        api.send({"type": "note", "message": f"line {n}."}, user_id=user)
    expect(console.log.get_by_text("line 449.", exact=True)).to_be_in_viewport()
    expect(console.log.get_by_role("article")).to_have_count(400)
    console.log.hover()
    console.page.mouse.wheel(0, -2000)
    expect(console.log.get_by_text("line 449.", exact=True)).not_to_be_in_viewport()
    api.send({"type": "note", "message": "one more"}, user_id=user)
    console.button("Newest messages").click()
    expect(console.log.get_by_text("one more", exact=True)).to_be_in_viewport()
