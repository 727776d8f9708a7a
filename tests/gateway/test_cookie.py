"""A session's token in a cookie: it counts only from a page that may come in."""

import pytest

from support.chats import ChatStream, new_chat, user_message
from support.gateway import Gateway, run_to_exit

PAGE = "https://app.example.org"


@pytest.fixture(scope="module", params=["required", "optional"])
def gateway(request):
    flags = ["--cookie", "__Host-session", "--allowed-origin", PAGE, "--session-policy", request.param]
    with Gateway(*flags) as gateway:
        yield gateway


def shake_hands(gateway, token, *fields, query=""):
    """The status, and of one that is let in the peer."""
    peer = gateway.peer()
    cookie = [("Cookie", f"a=b; __Host-session={token}")] if token else []
    return peer.upgrade(f"/ws{query}", [*cookie, *fields]).status, peer


def user_of(gateway, peer):
    connection = peer.welcome()["connection_id"]
    return gateway.api.connection_record(connection).json()["connection"]["user_id"]


def test_from_its_page_it_is_the_session(gateway):
    session = gateway.new_session(user_id="ada")
    for origin in (PAGE, f"http://{gateway.host}:{gateway.port}"):
        status, peer = shake_hands(gateway, session, ("Origin", origin))
        assert (status, user_of(gateway, peer)) == (101, "ada"), origin


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://app.example.org", "https://app.example.org.evil.example"])
def test_without_an_origin_or_from_another_it_is_refused(gateway, origin):
    """Not let in as nobody either: whoever made the browser connect would see what anonymous clients see."""
    status, _ = shake_hands(gateway, gateway.new_session(user_id="ada"), *([("Origin", origin)] if origin else []))
    assert status == 403


def test_two_of_the_name_are_none(gateway):
    """A page of a neighbouring name can put one beside ours, and nobody can tell which is which."""
    session = gateway.new_session(user_id="ada")
    status, _ = shake_hands(gateway, session, ("Cookie", "__Host-session=planted-by-another"), ("Origin", PAGE))
    assert status == 400


def test_a_token_that_the_page_shows_itself_counts_before_it(gateway):
    mine, cookies = gateway.new_session(user_id="shown"), gateway.new_session(user_id="in-cookie")
    status, peer = shake_hands(gateway, cookies, ("Origin", PAGE), query=f"?session_token={mine}")
    assert (status, user_of(gateway, peer)) == (101, "shown")
    status, peer = shake_hands(gateway, cookies, ("Sec-WebSocket-Protocol", f"gateway.v1, bearer.{mine}"))
    assert (status, user_of(gateway, peer)) == (101, "shown")


def test_other_cookies_are_nobodys_business(gateway):
    for cookie in ("session=x", "__host-session=x", "=;;=;__Host-session", "__Host-session="):
        peer = gateway.peer()
        assert peer.upgrade("/ws", [("Cookie", cookie)]).status == 101, cookie


def ask(gateway, token, **headers):
    """The status of a question over HTTP."""
    body = {"id": new_chat(), "messages": [user_message()]}
    stream = ChatStream(gateway.url, "/api/chat", {"channel": "guide"}, None, post=body, headers={"Cookie": f"__Host-session={token}", **headers})
    stream.close()
    return stream.status


def test_over_http_the_same(gateway):
    session = gateway.new_session(user_id="ada")
    assert ask(gateway, session, Origin=PAGE) == 200
    assert ask(gateway, session, Origin=f"http://{gateway.host}:{gateway.port}") == 200
    assert ask(gateway, session) == 403
    assert ask(gateway, session, Origin="https://evil.example") == 403
    assert ask(gateway, "nobodys-session-0123", Origin=PAGE) == 401


def test_it_is_no_key_of_the_api(gateway):
    api = gateway.api_with(None)
    for cookie in (gateway.api_key, gateway.new_session()):
        answer = api.get("/api/traffic-cop/sessions", headers={"Cookie": f"__Host-session={cookie}", "Origin": PAGE})
        assert answer.status_code == 401


def test_it_does_not_go_with_any_origin():
    result = run_to_exit("--cookie", "session", "--allowed-origin", "*")
    assert result.returncode == 2 and "flag --cookie" in result.stderr and "name the origins" in result.stderr
    assert run_to_exit("--cookie", "a b").returncode == 2


def test_the_log_never_holds_it(gateway_factory):
    gateway = gateway_factory("--cookie", "session", "--log-level", "debug")
    peer = gateway.peer()
    peer.upgrade("/ws", [("Cookie", "session=a-secret-in-a-cookie"), ("Origin", "https://evil.example")])
    peer = gateway.peer()
    peer.upgrade("/ws", [("Cookie", "session=a-secret-in-a-cookie"), ("Origin", f"http://{gateway.host}:{gateway.port}")])
    assert peer.closed()[0] == 4001
    gateway.stop()
    assert "a-secret-in-a-cookie" not in gateway.log_text
