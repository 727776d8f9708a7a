"""The first visit: a key, from the keyboard or from the address, and a session."""

import pytest
from playwright.sync_api import expect

CONFIG = """
[[api_keys]]
realm = "readers"
key = "key-of-a-reader-0123456789"
scopes = ["registry"]

[[api_keys]]
realm = "lobby"
key = "key-of-the-lobby-0123456789"
scopes = ["sessions"]
"""


@pytest.mark.network_noise
def test_a_wrong_key_is_refused_in_words_and_a_right_one_then_works(console, gateway):
    console.open()
    expect(console.key).to_be_focused()
    console.use_key("not-the-key")
    refusal = console.page.get_by_text("The gateway does not know this key.")
    expect(refusal).to_be_visible()
    console.use_key(gateway.api_key)
    console.accepted()
    expect(refusal).to_have_count(0)


def test_a_key_that_no_header_could_carry_is_not_even_sent(console):
    console.open()
    console.use_key("kéy with blanks")
    expect(console.page.get_by_text("A key has no spaces and no special letters.")).to_be_visible()


def test_a_key_in_the_fragment_is_used_and_leaves_the_address_bar(console, gateway):
    console.open(f"#key={gateway.api_key}").accepted()
    assert console.page.url == gateway.url + "/"
    # A link followed in a tab that is open already changes only the fragment.
    console.button("Change key").click()
    console.page.evaluate("key => { location.hash = 'key=' + encodeURIComponent(key); }", gateway.api_key)
    console.accepted()
    assert console.page.url == gateway.url + "/"


def test_the_key_stays_in_the_tab(console, gateway):
    console.open(f"#key={gateway.api_key}").accepted()
    assert gateway.api_key not in console.page.content()
    assert console.page.evaluate("localStorage.length") == 0
    assert console.page.evaluate("document.cookie") == ""


def test_a_reload_keeps_key_and_session_and_a_new_tab_has_neither(console, open_tab, user):
    console.enter(user)
    console.page.reload()
    console.accepted().connected()
    expect(console.session.get_by_text(user)).to_be_visible()
    other = open_tab().open()
    expect(other.key).to_be_visible()
    expect(other.page.get_by_text("Key accepted")).to_be_hidden()


def test_changing_the_key_forgets_it(console):
    console.open()
    console.use_key()
    console.accepted()
    console.button("Change key").click()
    expect(console.key).to_be_focused()
    expect(console.key).to_have_value("")
    console.page.reload()
    expect(console.page.get_by_text("Enter an API key, then start a session.")).to_be_visible()
    expect(console.page.get_by_text("Key accepted")).to_be_hidden()


def test_a_session_needs_a_key(console):
    console.open()
    console.start_session("nobody")
    expect(console.page.get_by_text("Enter an API key first.")).to_be_visible()
    expect(console.key).to_be_focused()


def test_a_session_connects_and_says_where(console, gateway, api, user):
    console.enter(user, ttl=600, tenant="acme")
    console.shows(f"Welcome from {gateway.instance_id}")
    expect(console.page.get_by_role("banner").get_by_text(gateway.instance_id)).to_be_visible()
    expect(console.session.get_by_text(user)).to_be_visible()
    expect(console.session.get_by_text("acme")).to_be_visible()
    expect(console.session.get_by_text("9:5")).to_be_visible()
    record = api.connection_record(console.connection_id()).json()
    assert user in str(record) and "acme" in str(record), record


def test_the_session_token_is_in_no_address(console, user):
    addresses = []
    console.page.on("request", lambda request: addresses.append(request.url))
    console.page.on("websocket", lambda socket: addresses.append(socket.url))
    with console.page.expect_response("**/api/traffic-cop/sessions") as created:
        console.enter(user)
    token = created.value.json()["session_id"]
    assert any("/ws" in address for address in addresses)
    assert not [address for address in addresses if token in address]


def test_a_token_that_is_there_already_needs_no_key(console, gateway, user):
    console.open()
    console.page.get_by_text("I have a session token").click()
    token = console.page.get_by_role("textbox", name="Session token")
    token.fill("nobody's@(token)")
    console.button("Connect with it").click()
    console.shows("Session not accepted (4001)")
    token.fill(gateway.new_session(user_id=user))
    console.button("Connect with it").click()
    console.connected()


@pytest.mark.network_noise
def test_what_a_key_may_not_do_is_said_in_words(gateway_factory, open_tab, tmp_path, user):
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG)
    gateway = gateway_factory("--config", file, env={"GATEWAY_API_KEY": "key-of-everything-0123456789"})
    console = open_tab(gateway).open()
    console.use_key("key-of-a-reader-0123456789")
    console.accepted().start_session(user)
    expect(console.session.get_by_text("This key may not do that.")).to_be_visible()
    console.button("Change key").click()
    console.use_key("key-of-the-lobby-0123456789")
    console.accepted()
    expect(console.live.get_by_text("This key may not do that.")).to_be_visible()
    console.button("Start session and connect").click()
    console.connected()
