"""The Operate view: what all instances tell, everybody who is there, and what an operator does about them."""

import re

import pytest
from playwright.sync_api import expect

from support.console import Console
from support.runs import RUNS, Run
from support.wait import eventually


DISCONNECT = re.compile("^Disconnect ")


@pytest.fixture
def operator(console):
    """Without a session of its own."""
    console.open()
    console.use_key()
    console.accepted()
    console.operate()
    return console


def find(console, text):
    console.page.get_by_label("User, session reference or connection").fill(text)
    console.button("Find").click()


def rows(console, table):
    return console.page.get_by_role("table", name=table, exact=True).locator("tbody").get_by_role("row")


def confirm(console, button, *, code=None):
    dialog = console.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    if code:
        dialog.get_by_label("Afterwards").select_option(code)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_be_hidden()


def tile(console, name):
    return console.page.get_by_role("term").filter(has_text=name).locator("xpath=../dd")


def test_what_the_instances_tell(gateway_factory, open_tab):
    gateway = gateway_factory()
    console = open_tab(gateway).open()
    console.use_key()
    console.accepted()
    console.operate()
    client = gateway.connect()
    client.say("pillar:insights", id=1)
    agent = gateway.subscribe("guide")
    expect(tile(console, "Connections")).to_have_text("1")
    expect(tile(console, "Instances ready")).to_have_text("1 of 1")
    row = console.page.get_by_role("region", name="Instances").get_by_role("row").filter(has_text=gateway.instance_id)
    expect(row.get_by_text("ready", exact=True)).to_be_visible()
    expect(row.get_by_text(re.compile(r"^\d+ MB$"))).to_be_visible()
    # Clients, agents, waiting, not acked, dead letters.
    expect(console.channel_row("guide").get_by_role("cell")).to_have_text(["1", "1", "0", "0", "0", "closed"])
    expect(console.channel_row("pillar:insights").get_by_role("cell").nth(2)).to_have_text("1")
    client.close()
    closes = console.page.get_by_role("region", name="Closed connections")
    expect(closes.get_by_role("listitem").filter(has_text="1000")).to_have_text(re.compile("1$"))
    agent.close()


def test_somebody_is_found_and_disconnected_after_a_question(operator, gateway, user):
    clients = [gateway.connect(gateway.new_session(user_id=user)) for _ in range(2)]
    find(operator, user)
    expect(rows(operator, "Connections")).to_have_count(2)
    expect(rows(operator, "Sessions")).to_have_count(2)
    wanted = rows(operator, "Connections").filter(has=operator.page.get_by_title(clients[0].connection_id))
    wanted.get_by_role("button", name=DISCONNECT).click()
    confirm(operator, "Keep")
    clients[0].assert_silent()
    wanted.get_by_role("button", name=DISCONNECT).click()
    confirm(operator, "Disconnect", code="4010")
    assert clients[0].closed()[0] == 4010
    expect(operator.page.get_by_text(f"Disconnected {user}.")).to_be_visible()
    expect(rows(operator, "Connections")).to_have_count(1)
    clients[1].assert_silent()


def test_by_its_id_a_connection_is_found_and_by_its_reference_a_session(operator, gateway, api, user):
    session = gateway.new_session(user_id=user)
    client = gateway.connect(session)
    find(operator, client.connection_id)
    expect(rows(operator, "Connections")).to_have_count(1)
    expect(rows(operator, "Connections").get_by_title(user)).to_be_visible()
    find(operator, api.session(session)["session_ref"])
    expect(rows(operator, "Sessions").get_by_text("active")).to_be_visible()
    expect(rows(operator, "Connections")).to_have_count(1)
    find(operator, "nobody-of-that-name")
    expect(operator.page.get_by_text("No sessions.")).to_be_visible()


def test_a_session_is_suspended_and_resumed(operator, gateway, user):
    client = gateway.connect(gateway.new_session(user_id=user))
    find(operator, user)
    rows(operator, "Sessions").get_by_role("button", name=re.compile("^Suspend ")).click()
    confirm(operator, "Suspend")
    assert client.closed()[0] == 4003
    rows(operator, "Sessions").get_by_role("button", name=re.compile("^Resume ")).click()
    confirm(operator, "Resume")
    expect(rows(operator, "Sessions").get_by_text("active")).to_be_visible()


def test_nobody_of_an_earlier_search_is_left_to_be_acted_on(operator, gateway, user):
    """Neither before the answer is there, nor when an answer comes late."""
    slow = f"{user}-slow"
    for one in (user, slow):
        gateway.new_session(user_id=one)
    held = []
    operator.page.route(lambda url: f"user_id={slow}" in url, lambda route: held.append(route))
    find(operator, user)
    expect(rows(operator, "Sessions").get_by_role("button", name=f"Suspend session of {user}")).to_be_visible()
    find(operator, slow)
    expect(rows(operator, "Sessions").get_by_role("button")).to_have_count(0)
    eventually(lambda: operator.page.evaluate("0") == 0 and held)
    find(operator, "nobody-of-that-name")
    expect(operator.page.get_by_text("No connections.")).to_be_visible()
    with operator.page.expect_event("requestfinished", lambda request: slow in request.url):
        held[0].continue_()
    operator.page.evaluate("new Promise((done) => setTimeout(done, 100))")  # time for what must not happen
    expect(operator.page.get_by_text("No sessions.")).to_be_visible()


def test_the_keyboard_stays_where_it_is_when_a_table_is_shown_anew(operator, gateway):
    run = Run.create(gateway.api)
    row = rows(operator, "Open runs").filter(has=operator.page.get_by_title(run.run_id))
    row.get_by_role("button", name=re.compile("^Cancel ")).focus()
    newer = Run.create(gateway.api)
    expect(rows(operator, "Open runs").filter(has=operator.page.get_by_title(newer.run_id))).to_be_visible()
    expect(row.get_by_role("button", name=re.compile("^Cancel "))).to_be_focused()
    run.end()
    expect(row).to_have_count(0)
    expect(operator.page.get_by_role("group", name="Table of open runs")).to_be_focused()
    newer.end()


def test_what_was_done_to_a_session_leaves_the_keyboard_at_what_undoes_it(operator, gateway, user):
    gateway.new_session(user_id=user)
    find(operator, user)
    for button, undoes in (("Suspend", "Resume"), ("Resume", "Suspend")):
        rows(operator, "Sessions").get_by_role("button", name=re.compile(f"^{button} ")).press("Enter")
        confirm(operator, button)
        expect(rows(operator, "Sessions").get_by_role("button", name=re.compile(f"^{undoes} "))).to_be_focused()


def test_a_count_of_runs_that_is_not_whole_says_so(gateway_factory, open_tab):
    gateway = gateway_factory()
    console = open_tab(gateway).open()
    console.use_key()
    console.accepted()
    console.operate()
    for _ in range(50):
        Run.create(gateway.api, lease_ms=60_000)
    expect(tile(console, "Open runs")).to_have_text("50")
    one_more = Run.create(gateway.api, lease_ms=60_000)
    expect(tile(console, "Open runs")).to_have_text("50+")
    expect(console.page.get_by_text(re.compile("^More may be open"))).to_be_visible()
    one_more.end()
    expect(tile(console, "Open runs")).to_have_text("50")


def test_an_open_run_is_cancelled(operator, gateway):
    run = Run.create(gateway.api)
    row = rows(operator, "Open runs").filter(has=operator.page.get_by_title(run.run_id))
    row.get_by_role("button", name=re.compile("^Cancel ")).click()
    confirm(operator, "Cancel run")
    eventually(lambda: gateway.api.get(f"{RUNS}/{run.run_id}").json()["cancel_requested"])
    run.end()
    expect(row).to_have_count(0)


def test_the_rest_of_a_long_list_is_a_click_away(operator, gateway, user):
    for _ in range(25):
        gateway.new_session(user_id=user)
    find(operator, user)
    expect(rows(operator, "Sessions")).to_have_count(20)
    operator.button("More sessions").click()
    expect(rows(operator, "Sessions")).to_have_count(25)
    expect(operator.button("More sessions")).to_be_hidden()


def test_of_both_instances_and_across_them(cluster, context, user):
    here, there = (cluster.start("--instance-id", f"gateway-{n}") for n in (1, 2))
    agents = [one.subscribe("guide") for one in (here, there)]
    client = there.connect(here.new_session(user_id=user))
    console = Console(context.new_page(), here).open()
    console.use_key()
    console.accepted()
    console.operate()
    expect(tile(console, "Instances ready")).to_have_text("2 of 2")
    # Agents of both, and each below.
    expect(console.channel_row("guide").get_by_role("cell").nth(1)).to_have_text("2")
    find(console, user)
    expect(rows(console, "Connections").get_by_text("gateway-2")).to_be_visible()
    rows(console, "Connections").get_by_role("button", name=DISCONNECT).click()
    confirm(console, "Disconnect")
    assert client.closed()[0] == 1012
    for agent in agents:
        agent.close()


@pytest.mark.network_noise
def test_what_a_key_may_not_do_is_said(gateway_factory, open_tab, tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('[[api_keys]]\nrealm = "ops"\nkey = "key-of-a-watcher-0123"\nscopes = ["registry"]\n')
    gateway = gateway_factory("--config", file, env={"GATEWAY_API_KEY": "root-key-of-tests"})
    client = gateway.connect(gateway.new_session(user_id="ada"))
    console = open_tab(gateway).open()
    console.use_key("key-of-a-watcher-0123")
    console.accepted()
    console.operate()
    rows(console, "Connections").get_by_role("button", name=DISCONNECT).click()
    confirm(console, "Disconnect")
    expect(console.page.get_by_text(re.compile("^This key may not do that. .*sessions"))).to_be_visible()
    client.assert_silent()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_at_1280x800_what_matters_is_seen_at_once(open_context, gateway, user, scheme):
    context = open_context(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    console = Console(context.new_page(), gateway).enter(user)
    # The conversation has the height.
    assert console.log.bounding_box()["height"] >= 340
    for seen in (console.message, console.button("Send"), console.button("Publish"), console.live.get_by_role("img").last):
        expect(seen).to_be_in_viewport(ratio=1)
    assert console.page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 120  # the close codes
    console.operate()
    for name in ("Instances", "Channels", "Sessions and connections"):
        expect(console.page.get_by_role("heading", name=name, exact=True)).to_be_in_viewport(ratio=1)


def test_with_64_channels_the_conversation_keeps_its_height(open_context, gateway_factory, user):
    channels = ["guide", *(f"department:number-{n}" for n in range(63))]
    context = open_context(viewport={"width": 1280, "height": 800})
    console = Console(context.new_page(), gateway_factory("--channels", ",".join(channels))).enter(user)
    assert console.log.bounding_box()["height"] >= 340


def test_on_a_phone_it_starts_with_the_conversation(open_context, gateway, user):
    context = open_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    console = Console(context.new_page(), gateway).open()
    expect(console.page.get_by_role("heading", name="Conversation")).to_be_in_viewport(ratio=1)
    console.page.get_by_role("link", name="Key and session").click()
    expect(console.key).to_be_focused()
    expect(console.key).to_be_in_viewport(ratio=1)
    console.enter(user)
    console.page.evaluate("scrollTo(0, 0)")
    expect(console.log).to_be_in_viewport()
    console.operate()
    assert console.page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_view_is_in_the_address(operator):
    assert operator.page.url.endswith("#operate")
    operator.page.reload()
    expect(operator.page.get_by_role("region", name="Instances")).to_be_visible()
    operator.page.go_back()
    expect(operator.conversation).to_be_visible()
