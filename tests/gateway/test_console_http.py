"""The console's page as HTTP: who gets it, and what it may do in a browser."""

import re

import pytest


def test_it_is_one_page_under_a_strict_policy(gateway):
    response = gateway.api_with(None).get("/")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    script = next((part for part in policy.split(";") if "script-src" in part), "")
    assert "unsafe-inline" not in script and "unsafe-eval" not in script and "*" not in script
    assert "frame-ancestors 'none'" in policy or response.headers.get("x-frame-options") == "DENY"


def test_it_holds_no_key_and_no_foreign_asset(gateway):
    text = gateway.api_with(None).get("/").text
    assert gateway.api_key not in text
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"])
def test_on_loopback_another_host_name_is_refused(gateway, host):
    """A name that an attacker points at 127.0.0.1 must not make the page his."""
    peer = gateway.peer()
    peer.send(f"GET / HTTP/1.1\r\nHost: {host}:{gateway.port}\r\n\r\n")
    assert peer.response().status in (400, 403, 404, 421)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_loopback_names_are_welcome(gateway, host):
    peer = gateway.peer()
    peer.send(f"GET / HTTP/1.1\r\nHost: {host}:{gateway.port}\r\n\r\n")
    assert peer.response().status == 200


def test_it_can_be_removed(gateway_factory):
    gateway = gateway_factory("--console", "off")
    assert gateway.api.get("/").status_code == 404
    assert gateway.connect().say(id=1)["type"] == "ack"
