"""Durable answers: text that grows, who writes it, Stop; over reloads, crashes and agents that die."""

import contextlib
import json
import re
import sys

import pytest
from playwright.sync_api import expect

from support.console import Console, Watch
from support.gateway import REPOSITORY, environment
from support.process import Process
from support.run_copies import Owner
from support.runs import RUNS, fold
from support.stage import WELCOME, Stage
from support.wait import eventually



def hash_of(text):
    return fold(text.encode())


def counted(number):
    return " ".join(str(n + 1) for n in range(number))


def words(console):
    """The text of the one answer, as a person reads it."""
    return console.theirs(re.compile("")).get_by_role("paragraph").nth(1)


def stop_button(console):
    return console.log.get_by_role("button", name=re.compile("^Stop"))


@pytest.fixture
def ask(gateway):
    """Asks on a channel; returns the id of the answer's run, and the entry of the question."""

    def ask_one(console, text="tell me", channel="guide"):
        entry = console.say(text, channel=channel)
        agent = gateway.subscribe(channel)
        return agent.envelope()["run"]["run_id"], entry

    return ask_one


@contextlib.contextmanager
def example_agent(gateway, *flags):
    env = environment({"GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": gateway.api_key})
    with contextlib.closing(Process([sys.executable, REPOSITORY / "examples/agent.py", *flags], env=env)) as agent:
        yield agent


def frames_sent(page):
    """What the page's sockets send from here on, as JSON."""
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda text: sent.append(json.loads(text))))
    return sent


def test_an_answer_grows_and_tells_who_writes_it(console, gateway, ask, user):
    console.enter(user)
    run_id, question = ask(console)
    expect(question.get_by_text("waiting for an agent to begin")).to_be_visible()
    expect(stop_button(console)).to_be_visible()
    owner = Owner.claim(gateway.api, run_id)
    answer = console.theirs("in progress")
    expect(answer.get_by_text("agent live")).to_be_visible()
    expect(question.get_by_text("waiting for an agent to begin")).to_have_count(0)
    owner.append("Once ")
    expect(words(console)).to_have_text("Once ")
    expect(answer).to_have_attribute("aria-busy", "true")
    owner.append("upon a tïme 🌍")
    expect(words(console)).to_have_text("Once upon a tïme 🌍")
    expect(answer.get_by_text(re.compile(r"^idle \d s$"))).to_be_visible()
    owner.end()
    answer = console.theirs("Once")
    expect(answer.get_by_text(re.compile(r"^completed after .* s; 22 bytes, checked$"))).to_be_visible()
    expect(answer).to_have_attribute("aria-busy", "false")
    expect(stop_button(console)).to_have_count(0)


def test_stop_reaches_the_agent_and_the_answer_ends_as_stopped(console, gateway, ask, user):
    console.enter(user)
    run_id, _ = ask(console)
    owner = Owner.claim(gateway.api, run_id)
    owner.append("As far as this")
    button = stop_button(console)
    button.focus()
    button.press("Enter")
    assert owner.call("heartbeat", wait_ms=5000).json()["cancel_requested"]
    expect(console.theirs("stopping…")).to_be_visible()
    owner.end("cancelled")
    answer = console.theirs("As far as this")
    expect(answer.get_by_text(re.compile("^stopped after .*; 14 bytes, checked$"))).to_be_visible()
    # The button went away; the focus is where it was.
    expect(answer).to_be_focused()


def test_stop_before_anybody_answers_ends_it_at_once(console, gateway, ask, user):
    console.enter(user)
    run_id, question = ask(console)
    stop_button(console).click()
    expect(question.get_by_text("stopped", exact=True)).to_be_visible()
    assert gateway.api.get(f"{RUNS}/{run_id}").json()["status"] == "cancelled"


def test_the_example_agent_obeys_stop(console, gateway, user):
    console.enter(user)
    with example_agent(gateway, "--channel", "pillar:content", "--delay", "0.1"):
        console.say("count to 1000", channel="pillar:content")
        expect(words(console)).to_have_text(re.compile("^1 2 3 4"))
        stop_button(console).click()
        expect(console.theirs("1 2 3").get_by_text(re.compile("^stopped after"))).to_be_visible()


def test_a_reload_in_the_middle_goes_on_where_it_was(console, gateway, user):
    sent = frames_sent(console.page)
    console.enter(user)
    with example_agent(gateway, "--channel", "pillar:insights", "--delay", "0.03"):
        console.say("count to 200", channel="pillar:insights")
        expect(words(console)).to_have_text(re.compile(" 20 "))
        console.page.reload()
        console.connected()
        # The question is there again, and all that was there of the answer before anything new had to come.
        expect(console.mine("count to 200")).to_be_visible()
        expect(words(console)).to_have_text(counted(200))
        expect(console.theirs(re.compile(r"completed; 691 bytes, checked"))).to_be_visible()
    attaches = [frame for frame in sent if frame.get("type") == "attach"]
    assert len(attaches) == 1
    epoch, pos, digest = attaches[0]["cursor"].split(".")
    assert epoch == "1" and int(pos) > 40 and digest == hash_of(counted(200)[: int(pos)])
    # What has ended is not asked for again.
    console.page.reload()
    console.connected()
    assert len([frame for frame in sent if frame.get("type") == "attach"]) == 1


def test_an_agent_that_dies_is_told_and_another_takes_over(console, gateway, ask, user):
    console.enter(user)
    run_id, _ = ask(console)
    Owner.claim(gateway.api, run_id, lease_ms=2000, takeover_ms=60_000).append("Once upon a mid")
    answer = console.theirs("Once upon")
    expect(answer.get_by_text("agent lost")).to_be_visible()
    second = Owner.claim(gateway.api, run_id, keep=12)
    expect(answer.get_by_text("agent live")).to_be_visible()
    expect(words(console)).to_have_text("Once upon a ")
    second.append("time")
    second.end()
    expect(words(console)).to_have_text("Once upon a time")
    expect(answer.get_by_text(re.compile("16 bytes, checked$"))).to_be_visible()


def test_an_agent_that_dies_alone_leaves_a_visible_end(console, gateway, ask, user):
    console.enter(user)
    run_id, _ = ask(console)
    Owner.claim(gateway.api, run_id, lease_ms=2000).append("Once upon")
    answer = console.theirs("Once upon")
    expect(answer.get_by_text("abandoned: its agent was lost, and no other has taken over")).to_be_visible()
    expect(answer).to_have_attribute("aria-busy", "false")


def test_a_failure_is_told_in_the_agents_words(console, gateway, ask, user):
    console.enter(user)
    run_id, _ = ask(console)
    owner = Owner.claim(gateway.api, run_id)
    owner.append("I would say ")
    owner.end("failed", error={"code": "model_overloaded", "message": "try again later"})
    expect(console.theirs("I would say").get_by_text(re.compile("^failed: model_overloaded: try again later"))).to_be_visible()


def test_without_an_agent_it_ends_and_says_so(gateway_factory, open_tab, user):
    console = open_tab(gateway_factory("--run-start-timeout", "1s")).enter(user)
    question = console.say("anybody?")
    expect(question.get_by_text(re.compile("^abandoned: no agent began to answer"))).to_be_visible()
    expect(stop_button(console)).to_have_count(0)


def test_an_answer_that_is_not_to_be_kept_asks_for_no_run(console, gateway, user):
    console.enter(user)
    console.page.get_by_role("checkbox", name="Durable answer").uncheck()
    question = console.say("just so", channel="pillar:operations")
    expect(question.get_by_text(re.compile("^queued in"))).to_be_visible()
    assert "run" not in gateway.subscribe("pillar:operations").envelope()
    expect(question.get_by_text("waiting for an agent")).to_have_count(0)


@pytest.mark.network_noise
def test_after_the_end_of_a_memory_engine_its_answers_end_too(restartable, open_tab, user):
    console = open_tab(restartable.now).enter(user)
    console.say("tell me")
    run_id = restartable.now.subscribe("guide").envelope()["run"]["run_id"]
    Owner.claim(restartable.now.api, run_id).append("Once upon")
    expect(words(console)).to_have_text("Once upon")
    restartable.now.kill()
    expect(console.theirs("Once upon").get_by_text(re.compile("^not connected: it goes on at the gateway"))).to_be_visible()
    restartable.again()
    console.button("Start a new session").click()
    console.connected()
    expect(console.theirs("Once upon").get_by_text(re.compile("^failed: the gateway has no such run for this session"))).to_be_visible()


@pytest.mark.network_noise
def test_an_interrupted_answer_stops_blinking_and_is_read_out(cluster, context, user):
    gateway = cluster.start()
    console = Console(context.new_page(), gateway).enter(user)
    console.say("tell me")
    run_id = gateway.subscribe("guide").envelope()["run"]["run_id"]
    Owner.claim(gateway.api, run_id).append("Once upon")
    answer = console.theirs("Once upon")
    expect(answer).to_have_attribute("aria-busy", "true")
    gateway.kill()
    expect(answer).to_have_attribute("aria-busy", "false")
    said = console.page.get_by_role("status").filter(has_text="The answer from guide is interrupted")
    expect(said).to_have_count(1)


@pytest.mark.network_noise
def test_an_instance_that_is_killed_in_the_middle_cuts_nothing(cluster, context, user):
    shared = ("--reuse-port", "on")
    first = cluster.start(*shared, "--instance-id", "gateway-1")
    second = cluster.start(*shared, "--instance-id", "gateway-2", "--listen", f"127.0.0.1:{first.port}")
    pair = {"gateway-1": first, "gateway-2": second}
    console = Console(context.new_page(), first).enter(user)
    with example_agent(first, "--delay", "0.03"):
        console.say("count to 300")
        expect(words(console)).to_have_text(re.compile(" 20 "))
        here = console.conversation.get_by_text(re.compile(r"^gateway-[12]$")).inner_text()
        pair[here].kill()
        console.shows("Connection lost (1006)")
        expect(words(console)).to_have_text(counted(300), timeout=40_000)
        expect(console.theirs(re.compile(r"completed after .*; 1091 bytes, checked"))).to_be_visible()


def test_on_a_phone_an_answer_fits(open_context, gateway, ask, user):
    context = open_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    watch = Watch(context)
    console = Console(context.new_page(), gateway).enter(user)
    run_id, _ = ask(console)
    owner = Owner.claim(gateway.api, run_id, lease_ms=8000, takeover_ms=60_000)
    owner.append("b" * 400)
    expect(console.theirs("agent live")).to_be_visible()
    box = stop_button(console).bounding_box()
    assert box["height"] >= 24 and box["x"] + box["width"] <= 360
    expect(console.theirs("agent lost")).to_be_visible()
    # What is written does not lie over what is said.
    log, composer = console.log.bounding_box(), console.page.get_by_role("group", name="Listening to").bounding_box()
    assert log["y"] + log["height"] <= composer["y"]
    assert console.page.evaluate("document.documentElement.scrollWidth") == 360
    owner.end()
    expect(console.theirs("400 bytes, checked")).to_be_visible()
    assert watch.faults == [] and watch.network == []


# --- What a gateway does rarely: a socket that plays it. ---


def event(kind, text, *, epoch=1, start=None, digest=None, **fields):
    """An event of the run; `text` is its log up to there, of which a delta has what is behind `start`."""
    frame = {"type": "run", "event": kind, "run_id": "run_1", "epoch": epoch, "pos": len(text.encode()),
             "hash": digest or hash_of(text), **fields}
    if kind == "delta":
        frame |= {"from": start, "text": text[start:]}
    if kind == "snapshot":
        frame |= {"text": text, "channel": "guide", "format": "text", "status": "in_progress", "cause": "attach"}
    if kind == "top":
        frame |= {"status": "in_progress", "owner": "live", "idle_ms": 0, "cancel_requested": False}
    return json.dumps(frame)


class RunStage(Stage):
    """Takes the question; what is asked for afterwards, `heard` has, and answer() is called with."""

    def __init__(self, console, answer):
        self.heard = []
        self._answer = answer
        super().__init__(console, self.begin)

    def begin(self, socket, nth):
        socket.send(WELCOME)
        socket.on_message(self.hear)

    def hear(self, text):
        frame = json.loads(text)
        if "payload" in frame:
            self.send(json.dumps({"type": "ack", "id": frame["id"], "status": "published", "run_id": "run_1"}))
            self.send(event("top", ""))
        elif frame.get("type") == "attach":
            self.heard.append(frame)
            self._answer(self, frame)

    def send(self, *frames):
        for frame in frames:
            self.sockets[-1].send(frame)


def test_a_piece_whose_hash_does_not_fit_is_never_shown(console, user):
    def answer(stage, attach):
        assert "cursor" not in attach
        stage.send(event("snapshot", "true words", id=attach["id"]))

    stage = RunStage(console, answer)
    console.begin(user)
    console.connected()
    console.say("tell me")
    stage.send(event("delta", "true ", start=0))
    expect(words(console)).to_have_text("true ")
    # What is behind the one that does not fit was sent before the attach was heard: it does not count.
    stage.send(event("delta", "true lies", start=5, digest=hash_of("true word")), event("delta", "true lies!", start=9))
    expect(words(console)).to_have_text("true words")
    assert len(stage.heard) == 1
    stage.send(event("end", "true words", status="completed", error=None, result=None))
    expect(console.theirs("true words").get_by_text(re.compile("10 bytes, checked"))).to_be_visible()


def test_after_a_hole_it_attaches_with_its_cursor(console, user):
    def answer(stage, attach):
        assert attach["cursor"] == f"1.4.{hash_of('one ')}"
        stage.send(event("delta", "one two three", start=4, id=attach["id"]))

    stage = RunStage(console, answer)
    console.begin(user)
    console.connected()
    console.say("count")
    stage.send(event("delta", "one ", start=0), event("delta", "one ", start=0))  # one that is there already is dropped
    stage.send(event("delta", "one two three", start=8))
    expect(words(console)).to_have_text("one two three")
    assert len(stage.heard) == 1


def test_a_lost_tail_is_found_by_the_second_beat(console, user):
    def answer(stage, attach):
        stage.send(event("delta", "one two", start=4, id=attach["id"]))

    stage = RunStage(console, answer)
    console.begin(user)
    console.connected()
    console.say("count")
    stage.send(event("delta", "one ", start=0), event("top", "one two"))
    expect(words(console)).to_have_text("one ")
    assert stage.heard == []
    stage.send(event("top", "one two"))
    expect(words(console)).to_have_text("one two")
    assert len(stage.heard) == 1


def test_a_gateway_gone_silent_in_the_middle_is_left(console, user):
    """Something comes every two seconds: after six without, and ten more without a pong, the line counts as dead."""
    stage = RunStage(console, lambda stage, attach: stage.send(event("delta", "one two", start=4, id=attach["id"])))
    console.page.clock.install()
    console.begin(user)
    console.connected()
    console.say("count")
    stage.send(event("delta", "one ", start=0))
    expect(words(console)).to_have_text("one ")
    console.page.clock.run_for(11_000)  # and what has passed since that text came
    assert len(stage.sockets) == 1
    console.page.clock.run_for(9_000)
    console.connected()
    assert len(stage.sockets) == 2
    expect(words(console)).to_have_text("one two")
    assert stage.heard[-1]["cursor"] == f"1.4.{hash_of('one ')}"
