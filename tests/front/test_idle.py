"""Silence: heartbeats keep a connection for longer than the proxy's time-out, and nothing else would."""

import contextlib
import time

import pytest
from websockets.exceptions import ConnectionClosed

from support.api import Api
from support.cluster import KEY
from support.peer import Peer
from support.reverse_proxy import Haproxy, Nginx
from support.site import site_of
from support.traefik import Traefik
from support.wait import eventually

IDLE = 2


def ended(client) -> bool:
    """Whether the connection is gone; takes what has come until now."""
    try:
        while True:
            client.socket.recv(0.01)
    except TimeoutError:
        return False
    except ConnectionClosed:
        return True


def test_heartbeats_keep_an_idle_connection(kind):
    with site_of(kind, "--heartbeat-interval", "500ms", idle=IDLE) as site, contextlib.closing(site.connect()) as client:
        until = time.monotonic() + 3 * IDLE
        eventually(lambda: ended(client) or time.monotonic() > until, 5 * IDLE)
        client.assert_silent()


@pytest.mark.parametrize("kind", (Nginx, Haproxy), ids=lambda kind: kind.name)
def test_without_heartbeats_the_proxy_would_have_cut_it(kind):
    """Else the test above would prove nothing."""
    with site_of(kind, "--heartbeat-interval", "1h", idle=IDLE) as site, contextlib.closing(site.connect()) as client:
        start = time.monotonic()
        eventually(lambda: ended(client), 10 * IDLE, "the proxy cuts it")
        assert time.monotonic() - start > IDLE / 2


def test_traefik_cuts_nothing_that_is_open():
    """Its time-outs end with the request: a silent client is for the gateway to end, and a stream goes on."""
    flags = ("--heartbeat-interval", "1h", "--idle-timeout", f"{3 * IDLE}s")
    with (
        site_of(Traefik, *flags, idle=IDLE, api_idle=IDLE) as site,
        contextlib.closing(Api(site.proxy.url, KEY)) as api,
        contextlib.closing(api.subscribe("guide")) as agent,
        contextlib.closing(site.connect()) as client,
    ):
        start = time.monotonic()
        assert client.closed()[0] == 4009
        assert time.monotonic() - start > 2 * IDLE
        with contextlib.closing(site.connect()) as other:
            assert other.say(id=1)["status"] == "published"
            assert agent.envelope()["connection_id"] == other.connection_id


def test_traefik_cuts_a_request_that_does_not_end():
    with site_of(Traefik, api_idle=IDLE) as site, contextlib.closing(Peer(("127.0.0.1", site.proxy.port))) as peer:
        peer.send(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")
        assert not peer.readable(IDLE / 2)
        assert peer.readable(5 * IDLE) and peer.at_end()


@pytest.mark.slow
def test_comments_keep_an_agents_stream(kind):
    """They come every 15 s: the time-out of an API call may be little more."""
    with (
        site_of(kind, api_idle=18) as site,
        contextlib.closing(Api(site.proxy.url, KEY)) as api,
        contextlib.closing(api.subscribe("guide")) as agent,
        contextlib.closing(site.connect()) as client,
    ):
        eventually(lambda: agent.comments.count("keep-alive") >= 2, 60, "comments come")
        assert client.say(id=1)["status"] == "published"
        assert agent.envelope()["connection_id"] == client.connection_id
