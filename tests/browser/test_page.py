"""The page as a page: by keyboard, on a phone, in the dark, with live figures."""

import re

import pytest
from playwright.sync_api import expect

from support.console import Console, Watch


def tab_to(console, name, role="button", presses=60):
    """Presses Tab until the named control has the focus."""
    wanted = console.page.get_by_role(role, name=name, exact=True)
    for _ in range(presses):
        if wanted.evaluate("node => node === document.activeElement"):
            return wanted
        console.page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reached {name!r}")


def test_everything_can_be_done_by_keyboard(console, gateway, user):
    keyboard = console.open().page.keyboard
    keyboard.type(gateway.api_key)
    keyboard.press("Enter")
    console.accepted()
    expect(console.page.get_by_label("User id")).to_be_focused()
    keyboard.press("Control+A")
    keyboard.type(user)
    keyboard.press("Enter")
    console.connected()
    expect(console.message).to_be_focused()
    keyboard.type("by keyboard")
    keyboard.press("Enter")
    entry = console.mine("by keyboard")
    expect(entry.get_by_text(re.compile("^(queued|published) in"))).to_be_visible()
    tab_to(console, "Publication", "textbox")
    keyboard.type("from the keys")
    tab_to(console, "Publish")
    keyboard.press("Space")
    expect(console.theirs("from the keys")).to_be_visible()
    keyboard.press("Home")
    console.page.get_by_role("heading", name="WebSocket Gateway").click()
    tab_to(console, "Disconnect")
    keyboard.press("Enter")
    expect(console.button("Connect")).to_be_focused()
    keyboard.press("Enter")
    console.connected()


def test_the_first_tab_stop_leads_to_the_message_box(console):
    console.open()
    console.page.get_by_role("heading", name="WebSocket Gateway").click()
    console.page.keyboard.press("Shift+Tab")
    skip = console.page.get_by_role("link", name="Skip to the message box")
    for _ in range(3):
        if skip.evaluate("node => node === document.activeElement"):
            break
        console.page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    console.page.keyboard.press("Enter")
    expect(console.message).to_be_focused()


def test_the_focus_is_seen(console):
    console.open()
    for name, role in (("Show", "button"), ("Use key", "button"), ("User id", "textbox")):
        control = tab_to(console, name, role)
        outline = control.evaluate("node => getComputedStyle(node).outlineStyle + getComputedStyle(node).outlineWidth")
        assert outline == "solid2px", (name, outline)


def test_every_control_has_a_name(console, user):
    console.enter(user)
    for details in console.page.get_by_role("group").all():
        details.evaluate("node => { if ('open' in node) node.open = true; }")
    for role in ("button", "textbox", "combobox", "checkbox", "spinbutton"):
        nameless = console.page.get_by_role(role, name=re.compile(r"^\s*$"))
        expect(nameless).to_have_count(0)
    for name in ("Access", "Session", "Conversation", "Publish", "Live"):
        expect(console.page.get_by_role("region", name=name, exact=True)).to_be_visible()
    expect(console.log).to_be_visible()
    expect(console.page.get_by_role("main")).to_have_count(1)
    console.operate()
    for name in ("Sessions and connections", "Open runs", "Instances", "Channels", "Closed connections"):
        expect(console.page.get_by_role("region", name=name, exact=True)).to_be_visible()
    expect(console.page.get_by_role("main")).to_have_count(1)
    expect(console.page.get_by_role("button", name=re.compile(r"^\s*$"))).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_scrolls_sideways(open_context, gateway, api, user, scheme):
    context = open_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True, color_scheme=scheme)
    watch = Watch(context)
    console = Console(context.new_page(), gateway).enter(user, tenant="a-tenant-with-a-name-that-is-rather-long")
    console.say("a" * 400)
    api.publish("guide", {"type": "note", "message": "b" * 400})
    expect(console.theirs("b" * 400)).to_be_visible()
    console.send_raw("c" * 300)
    console.shows("That is not valid JSON.")
    for summary in ("What the close codes mean", "Conversation and metadata", "Realm and tenant"):
        console.page.get_by_text(summary).click()
    for disclosure in console.log.get_by_text("JSON", exact=True).all():
        disclosure.click()
    width = console.page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
    assert width == [360, 360]
    # What a finger has to hit is large enough (WCAG 2.2, 2.5.8).
    for button in console.page.get_by_role("button").all():
        if button.is_visible():
            assert button.bounding_box()["height"] >= 24, button
    assert watch.faults == [] and watch.network == []


CONTRAST = """node => {
  const parse = (text) => {
    const numbers = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(srgb ") ? numbers.map((c, i) => (i < 3 ? c * 255 : c)) : numbers;
  };
  const over = (top, ground) => top.slice(0, 3).map((c, i) => c * (top[3] ?? 1) + ground[i] * (1 - (top[3] ?? 1)));
  const grounds = [];
  for (let at = node; at; at = at.parentElement) grounds.push(parse(getComputedStyle(at).backgroundColor));
  const ground = grounds.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const [a, b] = [light(over(parse(getComputedStyle(node).color), ground)), light(ground)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


# Every element with words of its own that are seen. What is switched off, or old and shown as old, may be pale.
PALE = """() => {
  const contrast = %s;
  const words = (node) => [...node.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
  const seen = (node) => node.checkVisibility() && !node.closest(":disabled, .stale, svg");
  return [...document.body.querySelectorAll("*")].filter((node) => words(node) && seen(node))
    .map((node) => [contrast(node), node.outerHTML.slice(0, 160)]).filter(([is]) => is < 4.5);
}""" % CONTRAST


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(open_context, gateway, api, user, scheme):
    """A contrast of 4.5, as WCAG 2.2 (1.4.3) asks, in what a session shows from its start to its end."""
    context = open_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    console = Console(context.new_page(), gateway).enter(user)
    console.say("hello")
    console.send_raw("{")
    console.shows("That is not valid JSON.")
    console.publish("news")
    expect(console.theirs("news")).to_be_visible()
    shown = [
        console.conversation.get_by_text("Connected", exact=True),
        console.mine("hello").get_by_text(re.compile("^(queued|published) in")),
        console.theirs("news").get_by_text("news", exact=True),
        console.log.get_by_role("article", name="Error").get_by_text("That is not valid JSON."),
        console.page.get_by_text("Enter sends, Shift and Enter makes a new line."),
        console.page.get_by_text(re.compile("^Published to guide")),
        console.page.get_by_text("messages/s in, this page"),
        console.button("guide"), console.button("pillar:content"), console.button("Send"), console.button("Disconnect"),
    ]  # fmt: skip
    for locator in shown:
        assert locator.evaluate(CONTRAST) >= 4.5, locator
    assert console.page.evaluate(PALE) == []
    console.button("End session").click()
    for locator in (
        console.conversation.get_by_text("Session ended (4003)", exact=True),
        console.button("Start a new session"),
    ):
        assert locator.evaluate(CONTRAST) >= 4.5, locator
    assert console.page.evaluate(PALE) == []


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900), (1920, 1080)], ids="{0[0]}x{0[1]}".format)
def test_live_figures_are_seen_without_scrolling(open_context, gateway, user, size):
    context = open_context(viewport={"width": size[0], "height": size[1]})
    console = Console(context.new_page(), gateway).enter(user)
    expect(console.live.get_by_text("connections", exact=True)).to_be_in_viewport(ratio=1)
    expect(console.live.get_by_role("img", name=re.compile("^Time to the ack"))).to_be_in_viewport(ratio=1)
    # They are of this page alone, and say so.
    expect(console.live.get_by_text("messages/s in, this page")).to_be_visible()


@pytest.mark.parametrize("size", [(1280, 800), (1024, 768), (900, 600)], ids="{0[0]}x{0[1]}".format)
def test_however_many_channels_there_are_the_conversation_can_be_read(open_context, gateway_factory, user, size):
    channels = ["guide", *(f"department:number-{n}-with-a-long-name" for n in range(39))]
    gateway = gateway_factory("--channels", ",".join(channels))
    context = open_context(viewport={"width": size[0], "height": size[1]})
    console = Console(context.new_page(), gateway).enter(user)
    console.page.get_by_text("Conversation and metadata").click()
    console.page.get_by_role("checkbox", name="Raw frame").check()
    console.page.get_by_role("checkbox", name="Raw frame").uncheck()
    assert console.log.bounding_box()["height"] >= 130
    last = console.button(channels[-1])
    last.click()
    expect(last).to_have_attribute("aria-pressed", "true")
    expect(console.log).to_be_in_viewport()
    console.say("still here")
    expect(console.mine("still here")).to_be_in_viewport()


def test_live_counts_follow(gateway_factory, open_tab, user):
    gateway = gateway_factory()
    console = open_tab(gateway).enter(user)
    console.operate()
    guide = console.channel_row("guide")
    expect(guide.get_by_role("cell")).to_have_text(["1", "0", "0", "0", "0", "closed"])
    other = gateway.connect()
    other.say("pillar:content", id=1)
    expect(guide.get_by_role("cell").first).to_have_text("2")
    expect(console.channel_row("pillar:content").get_by_role("cell").first).to_have_text("1")
    instances = console.page.get_by_role("region", name="Instances")
    row = instances.get_by_role("row").filter(has_text=gateway.instance_id)
    expect(row.get_by_role("cell").nth(2)).to_have_text("2")
    other.close()
    expect(guide.get_by_role("cell")).to_have_text(["1", "0", "0", "0", "0", "closed"])


def test_waiting_messages_are_counted(console, gateway, user):
    console.enter(user)
    console.say("is anybody there?", channel="pillar:operations")
    console.operate()
    row = console.channel_row("pillar:operations")
    expect(row.get_by_role("cell").nth(2)).to_have_text("1")
    agent = gateway.subscribe("pillar:operations")
    agent.envelope()
    expect(row.get_by_role("cell").nth(1)).to_have_text("1")
    expect(row.get_by_role("cell").nth(2)).to_have_text("0")


def test_the_plots_say_what_they_show(console, user):
    console.enter(user)
    console.say("one")
    console.publish("two")
    rate = console.page.get_by_role(
        "img", name=re.compile(r"^Messages per second in the last minute: now .*, at most 1 in and 1 out$")
    )
    expect(rate).to_be_visible()
    expect(
        console.page.get_by_role(
            "img", name=re.compile(r"^Time to the ack\. 1 ack in the last minute: median .* ms, worst")
        )
    ).to_be_visible()


def test_a_hidden_page_asks_nothing(console, user):
    """Counts are asked for each two seconds while the page is seen, and not otherwise."""
    asked = []
    console.page.on("request", lambda request: asked.append(request.url) if "connection-count" in request.url else None)
    console.page.clock.install()
    console.enter(user)
    console.page.clock.run_for(10_000)
    assert len(asked) >= 2
    console.page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    console.page.clock.run_for(3_000)
    seen = len(asked)
    console.page.clock.run_for(20_000)
    assert len(asked) == seen
