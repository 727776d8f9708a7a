"""The JavaScript client in a real Chromium: tabs that are duplicated and loaded again and again, and React."""

import random
import re
import threading

import pytest
from playwright.sync_api import expect, sync_playwright

from clients.js_pages import PageServer
from clients.no_websockets import NoWebSockets
from support.chromium import FLAGS, chromium_path
from support.run_copies import Owner
from support.wait import eventually

GATEWAY_FLAGS = ("--log-level", "error", "--allowed-origin", "*")
RELOADS = 200


@pytest.fixture(scope="module")
def browser():
    chromium = chromium_path()
    assert chromium, "no chromium on the PATH; scripts/test --setup-only installs it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def site():
    with PageServer() as started:
        yield started


@pytest.fixture
def context(browser):
    made = browser.new_context()
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def agent(gateway):
    """All of the questions of a test, in order; runs are claimed as they come."""
    return gateway.subscribe("guide")


def claimed(gateway, envelope) -> Owner:
    return Owner.claim(gateway.api, envelope["run"]["run_id"], lease_ms=60_000)


def welcomed(page):
    page.wait_for_function("window.tab?.gateway.state === 'open'")
    return page


@pytest.fixture
def blocked(gateway):
    """The gateway as it is where WebSockets are blocked."""
    with NoWebSockets(gateway.address) as proxy:
        yield proxy


def test_where_websockets_are_blocked_a_page_works_and_remembers(gateway, blocked, site, context, agent):
    page = context.new_page()
    page.goto(site.address("tab.mjs", blocked, gateway.new_session(user_id="blocked")))
    welcomed(page)
    eventually(lambda: page.evaluate("sessionStorage.gatewaySse > Date.now()"))
    refused = blocked.handshakes
    assert refused == 3, "two, and one to see that they are blocked"
    page.evaluate("(question) => { tab.ask(question); }", "how\nare you?")
    envelope = agent.envelope()
    assert envelope["message"]["payload"]["message"] == "how\nare you?"
    owner = claimed(gateway, envelope)
    owner.append("begun, ")
    page.wait_for_function("window.tab?.run?.text === 'begun, '")
    page.reload()
    welcomed(page)
    owner.append("ended \u2028 \r\n é")
    owner.end()
    page.wait_for_function("window.tab?.run?.status === 'completed'")
    assert page.evaluate("[tab.run.text, tab.run.verified]") == ["begun, ended \u2028 \r\n é", True]
    page.evaluate("again()")
    welcomed(page)
    assert blocked.handshakes == refused, "it did not remember that WebSockets are blocked"
    page.evaluate("sessionStorage.gatewaySse = Date.now() - 1")
    blocked.lets_through = True
    page.reload()
    welcomed(page)
    assert blocked.websockets == 1, "it did not try a WebSocket again"


def test_a_gateway_that_is_not_there_is_no_blocked_websocket(gateway, site, context):
    """It is tried by turns, and whichever way it is found, it is a WebSocket in the end."""
    with NoWebSockets(("127.0.0.1", 9)) as proxy:
        page = context.new_page()
        page.goto(site.address("tab.mjs", proxy, gateway.new_session(user_id="patient")))
        eventually(lambda: proxy.handshakes >= 3)
        proxy.target, proxy.lets_through = gateway.address, True
        eventually(lambda: proxy.websockets == 1 and page.evaluate("tab.gateway.state === 'open'"))
        assert page.evaluate("sessionStorage.gatewaySse ?? null") is None


def test_a_duplicated_tab_asks_for_itself(gateway, site, context, agent):
    address = site.address("tab.mjs", gateway, gateway.new_session(user_id="two-tabs"))
    first = context.new_page()
    first.goto(address)
    welcomed(first)
    with context.expect_page() as opened:
        first.evaluate("window.open(location.href)")  # copies the storage, as "Duplicate" does
    second = welcomed(opened.value)
    name = first.evaluate("sessionStorage.getItem('gateway-client')")
    assert second.evaluate("tab.atLoad") == name
    assert second.evaluate("sessionStorage.getItem('gateway-client')") != name
    for page, question in ((first, "of the first"), (second, "of the second")):
        page.evaluate("(question) => { tab.ask(question); }", question)
    for _ in range(2):
        envelope = agent.envelope()
        owner = claimed(gateway, envelope)
        owner.append(f"the answer {envelope['message']['payload']['message']}")
        owner.end()
    for page, question in ((first, "of the first"), (second, "of the second")):
        page.wait_for_function("window.tab?.run?.status === 'completed'")
        assert page.evaluate("[tab.run.text, tab.run.verified]") == [f"the answer {question}", True]
    assert first.evaluate("tab.run.run_id") != second.evaluate("tab.run.run_id")


def test_a_tab_that_is_loaded_again_keeps_its_name(gateway, site, context):
    page = context.new_page()
    page.goto(site.address("tab.mjs", gateway, gateway.new_session(user_id="reloads")))
    name = welcomed(page).evaluate("sessionStorage.getItem('gateway-client')")
    for _ in range(5):
        page.reload()
        assert welcomed(page).evaluate("[tab.atLoad, sessionStorage.getItem('gateway-client')]") == [name, name]


class Speaking(threading.Thread):
    """An agent that says a word from time to time, until it is told to end."""

    def __init__(self, owner, rng):
        super().__init__(daemon=True)
        self.owner, self.rng = owner, rng
        self.text, self.failure = "", None
        self.enough = threading.Event()

    def run(self):
        try:
            while not self.enough.wait(0.02):
                word = self.rng.choice(["word ", "wörd ", "語 ", "𝄞 "]) * self.rng.randrange(1, 20)
                self.owner.append(word)
                self.text += word
            self.owner.end()
        except Exception as error:  # the test reports it
            self.failure = error


def test_an_answer_is_exact_after_200_reloads(gateway, site, context, agent, record_property):
    rng = random.Random(11)
    page = context.new_page()
    page.goto(site.address("tab.mjs", gateway, gateway.new_session(user_id="impatient")))
    welcomed(page).evaluate("() => tab.ask('everything')")
    speaking = Speaking(claimed(gateway, agent.envelope()), rng)
    speaking.start()
    grown = 0
    for _ in range(RELOADS):
        if rng.random() < 0.3:
            page.wait_for_function("(size) => window.tab?.run?.text.length > size", arg=grown)
            grown = page.evaluate("tab.run.text.length")
        page.reload()  # Chromium takes none while another is still under way
    speaking.enough.set()
    speaking.join(20)
    assert speaking.failure is None
    page.wait_for_function("window.tab?.run?.status === 'completed'")
    assert page.evaluate("tab.run.text") == speaking.text
    assert page.evaluate("tab.run.verified") is True
    record_property("bytes of the answer", len(speaking.text.encode()))


def test_a_page_comes_back_at_once_when_the_network_does(gateway, site, context):
    page = context.new_page()
    page.goto(site.address("tab.mjs", gateway, gateway.new_session(user_id="offline")))
    welcomed(page)
    # A network that fails so often that the next attempt is many seconds away.
    page.evaluate("""() => {
        const { WebSocket: real, fetch } = window;
        window.fetch = () => Promise.reject(new TypeError());
        window.WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006 })); } close() {} };
        window.restore = () => { Object.assign(window, { WebSocket: real, fetch }); };
        Math.random = () => 0.999;
        again();
    }""")
    page.wait_for_function("window.tab?.states.filter((state) => state === 'waiting').length >= 5")
    page.evaluate("() => { restore(); dispatchEvent(new Event('online')); }")
    page.wait_for_function("window.tab?.gateway.state === 'open'", timeout=2000)


def test_react_connects_anew_with_a_token_that_came_late(gateway, site, context):
    page = context.new_page()
    page.goto(site.address("chat.jsx", gateway, "of-a-session-that-is-gone"))
    expect(page.locator("#state")).to_have_text("closed")
    page.evaluate("(token) => logIn(token)", gateway.new_session(user_id="late"))
    expect(page.locator("#state")).to_have_text("open")
    eventually(lambda: gateway.connection_count() == 1)


def test_react_renders_what_is_in_the_log(gateway, site, context, agent):
    page = context.new_page()
    noise = []
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("console", lambda message: message.type == "error" and noise.append(message.text))
    page.goto(site.address("chat.jsx", gateway, gateway.new_session(user_id="react")))
    expect(page.locator("#state")).to_have_text("open")
    page.get_by_role("button", name="Ask").click()
    owner = claimed(gateway, agent.envelope())
    owner.append("Once upon ")
    expect(page.locator("article")).to_have_text("Once upon ")
    expect(page.locator("#status")).to_have_text("in_progress")
    owner.append("a time")
    expect(page.locator("article")).to_have_text("Once upon a time")
    page.get_by_role("button", name="Stop").click()
    eventually(lambda: owner.record()["cancel_requested"], message="the stop has arrived")
    owner.end("cancelled")
    expect(page.locator("#status")).to_have_text(re.compile("^cancelled"))
    # Strict mode has made a connection, closed it, and made another.
    eventually(lambda: gateway.connection_count() == 1)
    page.get_by_role("button", name="Toggle").click()
    eventually(lambda: gateway.connection_count() == 0)
    assert noise == []
