"""What clients, agents and back ends do, through each proxy with the configuration from deploy/."""

import ssl

import pytest

from support.api import POST_OFFICE, Api
from support.client import Client
from support.cluster import KEY
from support.sse_client import SseClient
from support.wait import eventually


@pytest.fixture
def api(site, closing):
    """The service API, through the proxy."""
    return closing(Api(site.proxy.url, KEY))


@pytest.fixture
def connect(site, closing):
    def connect(user_id="ada", url=None, **options):
        return closing(Client.open(url or site.proxy.ws_url, site.new_session(user_id), **options))

    return connect


def test_a_message_gets_its_answer(api, connect, closing):
    agent = closing(api.subscribe("guide"))
    client = connect()
    assert client.say(id=1, text="hello")["status"] == "published"
    envelope = agent.envelope()
    assert envelope["message"]["payload"] == {"message": "hello"}
    api.send({"type": "agent_response", "message": "hi"}, connection_id=envelope["connection_id"])
    assert client.receive() == {"type": "agent_response", "message": "hi"}


def test_events_reach_an_agent_one_by_one(api, connect, closing):
    """None is held back until a buffer is full: each is there before the next message is sent."""
    agent = closing(api.subscribe("pillar:content"))
    client = connect()
    for n in range(20):
        assert client.say("pillar:content", id=n)["status"] == "published"
        assert agent.next(timeout=5).json()["message"]["id"] == n


def test_a_client_without_a_websocket_is_served_through_it(site, api, closing):
    """Nothing is held back on the way down, and what goes up reaches its stream from whichever gateway it comes to."""
    agent = closing(api.subscribe("guide"))
    client = closing(SseClient.open(site.proxy.url, site.new_session("ada")))
    for n in range(10):
        assert client.say(id=n, text="hello")["status"] == "published"
        assert agent.next(timeout=5).json()["message"]["id"] == n
        api.send({"n": n}, connection_id=client.connection_id)
        assert client.receive(timeout=5) == {"n": n}


def test_a_large_message_passes_whole(api, connect):
    client = connect()
    api.send("x" * 400_000, connection_id=client.connection_id)
    assert client.receive() == "x" * 400_000
    assert client.say(id=1, text="y" * 60_000)["id"] == 1


def test_both_gateways_get_clients(site, connect):
    clients = [connect(f"user-{n}") for n in range(6)]
    assert {client.welcome["instance_id"] for client in clients} == {g.instance_id for g in site.gateways}


def test_the_console_and_the_descriptions_come_as_they_are(site, api):
    for path in ("/", "/openapi.json", "/asyncapi.json"):
        through, direct = api.get(path), site.api.get(path)
        assert through.status_code == 200, path
        assert through.content == direct.content
        for header in ("content-type", "content-security-policy", "cache-control"):
            assert through.headers.get(header) == direct.headers.get(header), (path, header)


def test_a_page_of_the_proxys_own_name_may_connect(connect, site):
    """The gateway sees the name and port that the browser asked for."""
    connect(headers={"Origin": site.proxy.url}).assert_silent()


def test_a_page_of_another_site_may_not(site):
    token = site.new_session("eve")
    with pytest.raises(Exception, match="403"):
        Client(f"{site.proxy.ws_url}?session_token={token}", headers={"Origin": "https://evil.example"})


def test_the_same_holds_for_a_call_with_a_key(site, api):
    """The console's, for one, which is a page of the proxy's name."""
    for origin, status in ((site.proxy.url, 200), ("https://evil.example", 403)):
        assert api.get(f"{POST_OFFICE}/connection-count", headers={"Origin": origin}).status_code == status


def test_tls_ends_at_the_proxy_and_is_known_behind_it(site, connect, closing):
    context = ssl.create_default_context(cafile=site.proxy.ca_file)
    client = connect(url=site.proxy.wss_url, ssl=context, headers={"Origin": site.proxy.tls_url})
    client.assert_silent()
    api = closing(Api(site.proxy.tls_url, KEY))
    endpoint = api.get(f"{POST_OFFICE}/endpoint?session_token=T&realm=tests").json()
    assert endpoint["websocket_url"].startswith(site.proxy.wss_url + "?")


def test_a_body_above_the_bound_is_413(api):
    assert api.post(f"{POST_OFFICE}/publish", {"message": "x" * 1_100_000}).status_code == 413


def test_close_codes_come_through(connect):
    client = connect()
    client.socket.send(b"binary")
    assert client.closed()[0] == 1003


def test_a_refusal_of_the_api_comes_through(api):
    response = api.get(f"{POST_OFFICE}/subscribe?channel=no-such-channel")
    assert response.status_code in (400, 404) and response.json()["success"] is False


def test_no_session_token_gets_into_the_proxys_logs(site):
    token = site.new_session("grace")
    site.connect(token).close()
    eventually(lambda: site.proxy.handshake_logged in logs(site), 10, "the request is logged")
    assert token not in logs(site)


def logs(site):
    return "".join(file.read_text(errors="replace") for file in site.proxy.directory.glob("*.log"))
