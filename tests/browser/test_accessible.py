"""Nobody is kept out: axe-core finds nothing, in either theme, in what a session shows from its start to its end."""

import functools
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.console import Console
from support.gateway import REPOSITORY

SIZES = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@functools.cache
def axe() -> str:
    script = subprocess.run([REPOSITORY / "scripts/lib/axe.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return (Path(script.stdout.strip()) / "node_modules/axe-core/axe.min.js").read_text()


def faults(page):
    """What axe finds, a line each."""
    found = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")["violations"]
    return [f"{fault['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})" for fault in found for node in fault["nodes"]]


@pytest.fixture(params=["light", "dark"])
def console(open_context, gateway, request):
    """Through a door of the tests: the page's policy lets no foreign script in."""
    context = open_context(color_scheme=request.param, viewport=SIZES["desk"], bypass_csp=True)
    context.add_init_script(axe())
    return Console(context.new_page(), gateway)


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(console, api, gateway, user, size):
    page = console.page
    page.set_viewport_size(SIZES[size])
    console.open()
    assert faults(page) == [], "before a key"
    console.use_key()
    console.accepted()
    console.start_session(user)
    console.connected()
    console.say("hello")
    api.publish("guide", {"type": "notice", "message": "news"})
    expect(console.theirs("news")).to_be_visible()
    page.get_by_text("What the close codes mean").click()
    assert faults(page) == [], "while talking"
    console.operate()
    expect(page.get_by_role("table", name="Connections").get_by_role("button", name="Disconnect").first).to_be_visible()
    assert faults(page) == [], "while operating"
    page.get_by_role("table", name="Connections").get_by_role("button", name="Disconnect").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert faults(page) == [], "before it is confirmed"
    page.get_by_role("button", name="Keep", exact=True).click()
    console.talk()
    console.button("End session").click()
    console.shows("Session ended (4003)")
    assert faults(page) == [], "after the end"
