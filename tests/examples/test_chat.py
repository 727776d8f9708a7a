"""The chat page of examples/chat in Chromium, in both ways and with the agent in both languages: whatever breaks in the
middle of an answer, the text at its end is exact."""

import contextlib
import re

import pytest
from playwright.sync_api import expect, sync_playwright

from support.chat import Chat, counted, start_agent, start_site
from support.chromium import FLAGS, chromium_path
from support.server_process import free_port
from support.tcp_proxy import TcpProxy, sent
from support.wait import eventually

KEY = "0123456789abcdef"
PHONE = {"width": 360, "height": 740}
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def context(browser):
    made = browser.new_context()
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def running():
    """Ends with the test what it is given."""
    with contextlib.ExitStack() as stack:
        yield lambda process: stack.enter_context(contextlib.closing(process))


@pytest.fixture
def open_chat(context, running):
    """Opens a tab on the site of a gateway, or of a proxy before it; further ones are on the same site."""
    sites, tabs = {}, []

    def opened(gateway, way, url=None):
        if not sites:
            running(start_site(url or gateway.url, KEY, gateway.site.rpartition(":")[2]))
            sites[gateway.site] = True
        tabs.append(Chat(context.new_page(), gateway.site, way))
        return tabs[-1]

    yield opened
    assert [tab.faults for tab in tabs] == [[] for _ in tabs]


@pytest.fixture
def alone(gateway_factory):
    """A gateway on the memory engine that lets the site in."""
    return letting_in(lambda *flags: gateway_factory(*flags, env={"GATEWAY_API_KEY": KEY}))


def letting_in(start, *flags):
    site = f"http://127.0.0.1:{free_port()}"
    gateway = start("--allowed-origin", site, *flags)
    gateway.site = site
    return gateway


both_ways = pytest.mark.parametrize("way", ("useRun", "useChat"))


@pytest.mark.parametrize(("way", "language"), [("useRun", "python"), ("useChat", "typescript")])
def test_an_answer_comes_word_by_word_and_is_exact(alone, open_chat, running, way, language):
    running(start_agent(language, alone.url, KEY))
    chat = open_chat(alone, way).ask("Count to 30")
    chat.reads("1 2 3 ").reads(" 30").ends("Complete")
    assert chat.text() == counted(30)
    chat.ask("tell me a story").ends("Complete")
    assert chat.text().endswith("\n\nOne night somebody pulled the plug. When the light came back, the people looked at their "
                                "screens: there stood the beginning of the story, as they had read it. Nobody had to ask "
                                "again. The next word came, and it was the right one.")  # fmt: skip
    chat.ask("please fail").ends("Failed: You asked me to fail.")
    chat.page.reload()
    expect(chat.log.get_by_role("article", name="You")).to_have_text(["Count to 30", "tell me a story", "please fail"])
    chat.ends("Failed")


@pytest.mark.parametrize(("way", "language"), [("useRun", "typescript"), ("useChat", "python")])
def test_stop_reaches_the_agent(alone, open_chat, running, way, language):
    running(start_agent(language, alone.url, KEY))
    chat = open_chat(alone, way).ask("count to 2000").reads("1 2 3 4 5")
    chat.stop_button.click()
    chat.ends("Stopped")
    said = chat.text().strip()
    assert counted(2000).startswith(said) and len(said) < 2000
    expect(chat.stop_button).to_be_hidden()
    (run,) = alone.api.get("/api/post-office/runs").json()["runs"]
    assert (run["status"], run["error"]) == ("cancelled", None)  # by the agent itself
    chat.ask("count to 3").ends("Complete")
    assert chat.text() == "1 2 3"


@both_ways
def test_a_killed_gateway_costs_no_word(cluster, open_chat, running, way):
    key = {"GATEWAY_API_KEY": KEY}
    first = letting_in(lambda *flags: cluster.start(*flags, env=key))
    second = cluster.start("--allowed-origin", first.site, env=key)
    with TcpProxy(first.address) as address:  # of both, as a balancer has it
        url = f"http://127.0.0.1:{address.port}"
        running(start_agent("typescript", url, KEY))
        chat = open_chat(first, way, url=url).ask("count to 150").reads("1 2 3 4 5 6 7 8 9 10")
        first.crash()
        chat.ends("Interrupted")
        expect(chat.line).to_contain_text("Reconnecting")
        address.target = second.address
        chat.ends("Complete", timeout=40_000)
        assert chat.text() == counted(150)


@both_ways
def test_a_killed_agent_is_replaced(gateway_factory, open_chat, running, way):
    gateway = letting_in(lambda *flags: gateway_factory(*flags, env={"GATEWAY_API_KEY": KEY}), "--ack-wait", "1s")
    killed = running(start_agent("python", gateway.url, KEY))
    eventually(lambda: gateway.api.backpressure()["channels"]["guide"]["agents"] == 1)
    chat = open_chat(gateway, way).ask("count to 80").reads("1 2 3 4 5 6 7 8 9 10")
    killed.kill()
    running(start_agent("typescript", gateway.url, KEY))
    chat.ends("Complete", timeout=60_000)
    assert chat.text() == counted(80)
    (run,) = gateway.api.get("/api/post-office/runs").json()["runs"]
    assert run["claim_epoch"] >= 2


@both_ways
def test_a_network_that_goes_and_comes_costs_no_word(alone, open_chat, running, context, way):
    running(start_agent("python", alone.url, KEY))
    with TcpProxy(alone.address) as network:
        chat = open_chat(alone, way, url=f"http://127.0.0.1:{network.port}").ask("count to 150").reads("1 2 3 4 5 6 7 8 9 10")
        context.set_offline(True)
        network.cut()
        chat.ends("Interrupted")
        expect(chat.line).to_contain_text("Reconnecting")
        context.set_offline(False)
        chat.ends("Complete")
        assert chat.text() == counted(150)
        expect(chat.line).to_have_text(re.compile("^(Connected|Ready)"))


def test_a_line_that_falls_silent_is_another_one_soon(alone, open_chat, running):
    """The other way has it from its client."""
    running(start_agent("python", alone.url, KEY))
    with TcpProxy(alone.address) as network:
        chat = open_chat(alone, "useChat", url=f"http://127.0.0.1:{network.port}").ask("count to 600").reads("1 2 3 4 5 6 7 8 9 10")
        network.set("down", only=sent(b"/api/chat?channel"), stalled=True)
        chat.reads(" 350 ", timeout=40_000)  # behind what was held up
        chat.stop_button.click()
        chat.ends("Stopped")
        assert counted(600).startswith(chat.text().strip())


@both_ways
def test_a_second_tab_shows_the_same_answer(alone, open_chat, running, way):
    running(start_agent("python", alone.url, KEY))
    first = open_chat(alone, way).ask("count to 100").reads("1 2 3 4 5")
    second = open_chat(alone, way).reads("1 2 3 4 5")
    for tab in (first, second):
        tab.ends("Complete")
        assert tab.text() == counted(100)
    # What is asked in one is to be seen in the other, as it is said; and either may stop it.
    first.ask("count to 1000")
    second.reads("1 2 3 4 5")
    second.stop_button.click()
    for tab in (first, second):
        tab.ends("Stopped")
    assert first.text() == second.text()


@both_ways
def test_on_a_phone_nothing_is_cut_off(alone, open_chat, running, way):
    running(start_agent("python", alone.url, KEY))
    chat = open_chat(alone, way)
    chat.page.set_viewport_size(PHONE)
    chat.ask("x" * 300).ends("Complete")
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for shown in (chat.page.get_by_role("navigation"), chat.line, chat.send_button, chat.page.get_by_role("button", name="New conversation")):
        expect(shown).to_be_in_viewport(ratio=1)
    chat.page.get_by_role("button", name="New conversation").click()
    expect(chat.log.get_by_role("article")).to_have_count(0)
    expect(chat.page.get_by_role("textbox", name="Message")).to_be_focused()


@both_ways
def test_without_an_agent_it_says_so(gateway_factory, open_chat, way):
    gateway = letting_in(lambda *flags: gateway_factory(*flags, env={"GATEWAY_API_KEY": KEY}), "--run-start-timeout", "1s")
    chat = open_chat(gateway, way).ask("anybody there?")
    chat.ends("Failed: ")
    assert chat.saw("Waiting for an agent")
