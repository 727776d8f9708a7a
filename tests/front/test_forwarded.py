"""Who the client is, and how it came: believed from trusted proxies, and from nobody else."""

import httpx
import pytest

from support.api import POST_OFFICE
from support.cluster import KEY
from support.reverse_proxy import FRONT, STRANGER
from support.site import site_of
from support.wait import eventually

ENDPOINT = f"{POST_OFFICE}/endpoint?session_token=T&realm=tests"
COUNT = f"{POST_OFFICE}/connection-count"


@pytest.fixture
def ask(site):
    """A request through the proxy from an address of loopback, with headers of its own."""
    clients = []

    def ask(path, source, key=KEY, url=None, **headers):
        transport = httpx.HTTPTransport(local_address=source)
        client = httpx.Client(transport=transport, base_url=url or site.proxy.url, trust_env=False, timeout=30)
        clients.append(client)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(path, headers={"Authorization": f"Bearer {key}"} | named)

    yield ask
    for client in clients:
        client.close()


def test_the_scheme_is_believed_from_the_front_alone(site, ask):
    secure = {"X_Forwarded_Proto": "https"}
    assert ask(ENDPOINT, FRONT, **secure).json()["websocket_url"].startswith("wss://")
    assert ask(ENDPOINT, STRANGER, **secure).json()["websocket_url"].startswith(site.proxy.ws_url)


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https"},
        {"Forwarded": "for=203.0.113.1;host=evil.example;proto=https"},
    ],
)
def test_a_client_can_not_choose_the_gateways_name(site, ask, headers):
    assert ask(ENDPOINT, STRANGER, **headers).json()["websocket_url"].startswith(site.proxy.ws_url)


def test_the_address_is_believed_from_the_front_alone(site, ask):
    """Told by whom the gateway locks out: whoever guesses keys behind the front, under that address alone."""
    guesser = {"X_Forwarded_For": "203.0.113.7"}

    def is_locked_out():
        for n in range(60):  # there are two gateways, and each counts for itself
            ask(COUNT, FRONT, key=f"guess-{n}", **guesser)
        statuses = [ask(COUNT, FRONT, key="guess", **guesser).status_code for _ in range(4)]
        # The last who is no front of ours counts, whatever it says of others.
        statuses.append(ask(COUNT, FRONT, key="guess", X_Forwarded_For="203.0.113.9, 203.0.113.7").status_code)
        return statuses == [429] * 5

    eventually(is_locked_out, 60)  # a guess is forgiven every six seconds, maybe just now
    assert ask(COUNT, FRONT, key="guess", X_Forwarded_For="203.0.113.8").status_code == 401
    assert ask(COUNT, FRONT, **guesser).status_code == 200
    # What a stranger writes there does not borrow an address.
    assert ask(COUNT, STRANGER, **guesser).status_code == 200


def test_without_a_trusted_proxy_nothing_is_believed(kind):
    with site_of(kind, trusted=()) as site:
        path = f"{site.proxy.url}{ENDPOINT}"
        with httpx.Client(transport=httpx.HTTPTransport(local_address=FRONT), trust_env=False) as client:
            answer = client.get(path, headers={"Authorization": f"Bearer {KEY}", "X-Forwarded-Proto": "https"})
        assert answer.json()["websocket_url"].startswith("ws://")
