"""JWTs of jose, which signs with WebCrypto: another implementation than PyJWT, and than ours."""

import json

import pytest

from support.gateway import Gateway

ISSUER, AUDIENCE = "https://issuer.example", "gateway"
ALGORITHMS = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
]  # fmt: skip


@pytest.fixture(scope="module")
def signed(run_node):
    return run_node("sign.mjs", json.dumps({"iss": ISSUER, "aud": [AUDIENCE, "others"]}), *ALGORITHMS)


@pytest.fixture(scope="module")
def gateway(signed, tmp_path_factory):
    keys = tmp_path_factory.mktemp("jose") / "jwks.json"
    keys.write_text(json.dumps({"keys": [one["jwk"] for one in signed.values()]}))
    with Gateway("--jwt-key", keys, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE) as gateway:
        yield gateway


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_lets_its_user_in(gateway, signed, algorithm):
    client = gateway.connect(signed[algorithm]["token"])
    record = gateway.api.connection_record(client.connection_id).json()["connection"]
    assert record["user_id"] == f"jose|{algorithm}"


def test_one_of_anothers_key_does_not(gateway, signed, run_node):
    other = run_node("sign.mjs", json.dumps({"iss": ISSUER, "aud": AUDIENCE}), *ALGORITHMS)
    for algorithm in ALGORITHMS:
        peer = gateway.peer()
        assert peer.upgrade(f"/ws?session_token={other[algorithm]['token']}").status == 101
        assert peer.closed()[0] == 4001, algorithm
