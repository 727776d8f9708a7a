"""An OpenID provider as it is published: its access tokens, its JWK Set, its rotation of keys."""

import httpx

from support.wait import eventually


def access_token(provider):
    """By the client credentials grant (RFC 6749 4.4), as a JWT (RFC 9068)."""
    answer = httpx.post(
        provider.at["token"], data={"grant_type": "client_credentials"}, auth=(provider.client, provider.secret), trust_env=False
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def is_let_in(gateway, token):
    peer = gateway.peer()
    assert peer.upgrade("/ws", [("Authorization", f"Bearer {token}")]).status == 101
    opcode = peer.next_frame().opcode
    peer.close()
    return opcode != 8


def test_its_tokens_let_its_client_in(gateway_factory, provider):
    flags = ["--jwt-jwks-url", provider.at["jwks"], "--jwt-issuer", provider.at["issuer"], "--jwt-audience"]
    gateway = gateway_factory(*flags, provider.audience)
    first = access_token(provider)
    client = gateway.connect(first)
    assert gateway.api.connection_record(client.connection_id).json()["connection"]["user_id"] == provider.client

    # A key that nobody has fetched yet counts at once, and the old one as long as it is published.
    provider.rotate()
    second = access_token(provider)
    assert is_let_in(gateway, second) and is_let_in(gateway, first)
    assert client.ask({"type": "authenticate", "session_token": second})["type"] == "authenticated"

    # Out with him.
    assert gateway.api.post("/api/traffic-cop/revocations", {"sub": provider.client}).status_code == 200
    assert client.closed()[0] == 4003
    eventually(lambda: not is_let_in(gateway, first) and not is_let_in(gateway, second))
    assert not is_let_in(gateway_factory(*flags, "another"), first)
