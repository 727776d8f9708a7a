"""The Origin header: a page of another site must not speak with a visitor's session."""

import pytest

from support.gateway import Gateway

ORIGIN = "https://app.example"


def status(gateway, *origins, host=None):
    peer = gateway.peer()
    session = gateway.new_session(user_id="visitor")
    headers = [("Origin", origin) for origin in origins]
    response = peer.upgrade(f"/ws?session_token={session}", headers, host=host or peer.host)
    peer.close()
    return response.status


@pytest.fixture(scope="module")
def open_to_one():
    flags = ["--allowed-origin", ORIGIN, "--allowed-origin", "http://127.0.0.1:3000", "--max-connections-per-user", "0"]
    with Gateway(*flags) as gateway:
        yield gateway


def test_no_origin_is_allowed(open_to_one):
    assert status(open_to_one) == 101


def test_the_own_host_and_port_are_allowed(open_to_one):
    assert status(open_to_one, f"http://127.0.0.1:{open_to_one.port}") == 101
    assert status(open_to_one, f"http://localhost:{open_to_one.port}", host=f"localhost:{open_to_one.port}") == 101


@pytest.mark.parametrize("origin", [ORIGIN, "http://127.0.0.1:3000"])
def test_configured_origins_are_allowed(open_to_one, origin):
    assert status(open_to_one, origin) == 101


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://evil-app.example",
        "https://sub.app.example",
        "https://app.example@evil.example",
        "https://app.example/",
        "app.example",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
        "*",
    ],
)
def test_other_origins_are_403(open_to_one, origin):
    assert status(open_to_one, origin) == 403


def test_a_second_origin_does_not_open_the_door(open_to_one):
    assert status(open_to_one, ORIGIN, "https://evil.example") in (400, 403)
    assert status(open_to_one, "https://evil.example", ORIGIN) in (400, 403)


def test_another_host_is_not_the_own_one(open_to_one):
    assert status(open_to_one, f"http://localhost:{open_to_one.port}") == 403


def test_a_star_stands_for_one_label(gateway_factory):
    gateway = gateway_factory("--allowed-origin", "https://*.app.example", "--max-connections-per-user", "0")
    assert status(gateway, "https://one.app.example") == 101
    for origin in ("https://app.example", "https://a.one.app.example", "https://one.app.example.evil.example",
                   "https://evil.example@one.app.example", "http://one.app.example", "https://*.app.example"):
        assert status(gateway, origin) == 403, origin


def test_a_star_allows_any(gateway_factory):
    gateway = gateway_factory("--allowed-origin", "*")
    assert status(gateway, "https://evil.example") == 101
