"""Silence: heartbeats keep a connection for longer than the proxy's time-out, and nothing else would."""

import contextlib
import time

import pytest
from websockets.exceptions import ConnectionClosed

from support.api import Api
from support.cluster import KEY
from support.site import site_of
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


def test_without_heartbeats_the_proxy_would_have_cut_it(kind):
    """Else the test above would prove nothing."""
    with site_of(kind, "--heartbeat-interval", "1h", idle=IDLE) as site, contextlib.closing(site.connect()) as client:
        start = time.monotonic()
        eventually(lambda: ended(client), 10 * IDLE, "the proxy cuts it")
        assert time.monotonic() - start > IDLE / 2


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
