"""JSON Web Tokens as session tokens: whom they let in, as whom, and until when."""

import base64
import http.server
import json
import os
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from support.admission import closed_with, refused
from support.api import SESSIONS
from support.gateway import Gateway, run_to_exit
from support.wait import eventually

SECRET = "a-secret-that-issuer-and-gateway-share-which-is-64-bytes-or-more"
ISSUER, AUDIENCE = "https://issuer.example", "gateway"
RSA = rsa.generate_private_key(65537, 2048)
SIGNERS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSA),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    **dict.fromkeys(("HS256", "HS384", "HS512"), SECRET),
}


def pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def claims(**changed):
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "auth0|ada", "iat": now, "nbf": now, "exp": now + 600}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def token(algorithm="ES256", key=None, headers=None, **changed):
    return jwt.encode(claims(**changed), key or SIGNERS[algorithm], algorithm=algorithm, headers=headers)


def jwk(algorithm, **members):
    to_jwk = {"R": jwt.algorithms.RSAAlgorithm, "E": jwt.algorithms.ECAlgorithm}.get(algorithm[0])
    if algorithm == "EdDSA":
        to_jwk = jwt.algorithms.OKPAlgorithm
    return {**json.loads(to_jwk.to_jwk(SIGNERS[algorithm].public_key())), **members}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """It knows a secret and a public key of each kind, and the issuer of the tests."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "public.pem").write_bytes(b"".join(pem(SIGNERS[name]) for name in ("RS256", "ES256", "ES384", "ES512", "EdDSA")))
    flags = ["--jwt-secret-file", str(folder / "secret"), "--jwt-key", str(folder / "public.pem"), "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--max-connections-per-user", "0"]
    with Gateway(*flags) as gateway:
        yield gateway


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_each_algorithm_lets_its_user_in(gateway, algorithm):
    agent = gateway.subscribe("guide")
    client = gateway.connect(token(algorithm, sub=f"auth0|{algorithm}"))
    client.say(text="hello")
    envelope = agent.next_from(client).json()
    assert envelope["user_id"] == f"auth0|{algorithm}"
    agent.close()


@pytest.mark.parametrize("where", ["query", "header", "subprotocol"])
def test_it_stands_wherever_a_session_token_may(gateway, where):
    shown = token()
    headers = {"header": [("Authorization", f"Bearer {shown}")], "subprotocol": [("Sec-WebSocket-Protocol", f"gateway.v1, bearer.{shown}")]}
    peer = gateway.peer()
    assert peer.upgrade(f"/ws?session_token={shown}" if where == "query" else "/ws", headers.get(where, [])).status == 101
    assert peer.welcome()
    peer.close()


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1_300_819_380},
        {"exp": None},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"iss": "https://another.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["one", "another"]},
        {"aud": None},
        {"sub": None},
        {"sub": "a blank"},
        {"sub": ""},
        {"tenant_id": "a/b"},
        {"tenant_id": 7},
        {"channels": 7},
        {"channels": [7]},
    ],
    ids=str,
)
def test_claims_that_do_not_fit_are_refused(gateway, changed):
    signed = jwt.api_jws.encode(json.dumps(claims(**changed)).encode(), SIGNERS["ES256"], algorithm="ES256")
    assert refused(gateway, signed)


def unsigned(header, **changed):
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims(**changed))]
    return ".".join(parts) + "."


def test_no_algorithm_and_no_signature_are_refused(gateway):
    for name in ("none", "None", "NONE", ""):
        assert refused(gateway, unsigned({"alg": name, "typ": "JWT"})), name
        assert refused(gateway, unsigned({"alg": name}) + "AAAA"), name
    assert refused(gateway, token().rpartition(".")[0] + ".")
    assert refused(gateway, token().rpartition(".")[0])


def test_a_public_key_is_nobodys_secret(gateway):
    """Who knows the public key signs with it as if it were a secret (RFC 8725 2.1)."""
    for name in ("RS256", "ES256", "EdDSA"):
        for text in (pem(SIGNERS[name]), pem(SIGNERS[name]).strip()):
            forged = jwt.api_jws.PyJWS()
            forged._algorithms["HS256"].prepare_key = lambda key: key  # PyJWT itself knows better
            try:
                shown = forged.encode(json.dumps(claims()).encode(), text, algorithm="HS256")
            finally:
                del forged._algorithms["HS256"].prepare_key
            assert refused(gateway, shown), name


def test_anothers_key_lets_nobody_in(gateway):
    assert refused(gateway, token("ES256", ec.generate_private_key(ec.SECP256R1())))
    assert refused(gateway, token("HS256", SECRET.replace("secret", "guess!")))


def test_a_token_of_another_kind_is_refused(gateway):
    assert refused(gateway, token(headers={"typ": "dpop+jwt"}))
    assert not refused(gateway, token(headers={"typ": "at+jwt"}))


def test_claims_say_tenant_and_channels(gateway):
    acme = gateway.connect(token(sub="eve", tenant_id="acme", channels=["pillar:content", "of-another-gateway"]))
    assert acme.ask({"channel": "guide", "payload": {}, "id": os.urandom(4).hex()})["code"] == "forbidden_channel"
    agent = gateway.subscribe("pillar:content")
    acme.send({"channel": "pillar:content", "payload": {"n": 1}})
    assert agent.next_from(acme).json()["tenant_id"] == "acme"
    agent.close()


def test_a_session_made_by_the_api_lives_beside(gateway):
    assert gateway.connect(gateway.new_session(user_id="by-api"))
    assert gateway.connect(token(sub="by-jwt"))


def test_it_can_be_looked_at_suspended_and_ended_like_a_session(gateway):
    shown = token(sub="did:web:example.org", jti=os.urandom(8).hex())
    client = gateway.connect(shown)
    session = gateway.api.session(shown)
    assert (session["user_id"], session["session_type"], session["status"]) == ("did:web:example.org", "jwt", "active")
    assert session["context"]["iss"] == ISSUER
    assert gateway.api.delete(f"{SESSIONS}/{shown}").status_code == 200
    assert client.closed()[0] == 4003
    assert refused(gateway, shown)
    assert not refused(gateway, token(sub="did:web:example.org", jti=os.urandom(8).hex()))


def test_its_end_ends_the_connection(gateway):
    client = gateway.connect(token(sub="short", exp=int(time.time()) + 2))
    assert client.closed()[0] == 4003


def test_a_fresh_one_goes_on_in_band(gateway):
    client = gateway.connect(token(sub="goes-on", exp=int(time.time()) + 3))
    later = int(time.time()) + 600
    answer = client.ask({"type": "authenticate", "session_token": token(sub="goes-on", exp=later)})
    assert answer["type"] == "authenticated"
    assert client.ask({"type": "authenticate", "session_token": token(sub="another", exp=later)})["code"] == "forbidden"
    time_is_up = time.time() + 4
    eventually(lambda: time.time() > time_is_up)
    client.say(text="still here")


def test_two_users_tokens_of_one_name_are_not_one_session(gateway):
    name = os.urandom(8).hex()
    gateway.connect(token(sub="first", jti=name))
    assert refused(gateway, token(sub="second", jti=name))


def test_a_jwk_sets_kid_and_alg_choose_the_key(gateway_factory, tmp_path):
    (tmp_path / "jwks.json").write_text(
        json.dumps({"keys": [jwk("RS256", kid="r", alg="RS256", use="sig"), jwk("ES256", kid="e"), jwk("EdDSA", kid="o")]})
    )
    gateway = gateway_factory("--jwt-key", str(tmp_path / "jwks.json"))
    for algorithm, kid in (("RS256", "r"), ("ES256", "e"), ("EdDSA", "o")):
        assert not refused(gateway, token(algorithm, headers={"kid": kid})), algorithm
    assert refused(gateway, token("PS256", headers={"kid": "r"}))
    assert refused(gateway, token("RS256", headers={"kid": "gone"}))
    assert refused(gateway, token("ES256", headers={"kid": "r"}))


def test_other_claims_may_be_named(gateway_factory, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    flags = ["--jwt-secret-file", str(tmp_path / "secret"), "--jwt-user-claim", "https://app.example/uid", "--jwt-tenant-claim", "org"]
    gateway = gateway_factory(*flags)
    client = gateway.connect(token("HS256", **{"https://app.example/uid": "u-1", "org": "acme", "sub": None}))
    agent = gateway.subscribe("guide")
    client.say(text="hello")
    envelope = agent.next_from(client).json()
    assert (envelope["user_id"], envelope["tenant_id"]) == ("u-1", "acme")


def test_without_keys_a_jwt_is_no_token(gateway_factory):
    assert refused(gateway_factory(), token())


def test_the_log_says_why_and_never_the_token(gateway_factory, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    gateway = gateway_factory("--jwt-secret-file", str(tmp_path / "secret"), "--log-level", "debug")
    late = token("HS256", exp=1_300_819_380)
    assert refused(gateway, late)
    assert refused(gateway, token("ES256"))
    gateway.stop()
    assert "the JWT has expired (exp)" in gateway.log_text
    assert "key (kid, alg) that is not known here" in gateway.log_text
    assert late not in gateway.log_text and late.split(".")[2] not in gateway.log_text


def test_wrong_keys_stop_the_start(tmp_path):
    private = RSA.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    der = RSA.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for flag, content, says in (
        ("--jwt-key", SECRET.encode(), "JWK Set"),
        ("--jwt-key", private, "private key"),
        ("--jwt-key", b"{}", "JWK Set"),
        ("--jwt-secret-file", b"tiny", "32 bytes"),
        ("--jwt-secret-file", pem(RSA), "looks like a key"),
        ("--jwt-secret-file", der, "looks like a key"),
        ("--jwt-secret-file", base64.b64encode(der), "looks like a key"),
    ):
        (tmp_path / "key").write_bytes(content)
        result = run_to_exit(flag, str(tmp_path / "key"))
        assert result.returncode == 2 and f"flag {flag}" in result.stderr and says in result.stderr, (flag, says)
        assert SECRET not in result.stderr and "tiny" not in result.stderr
    assert "cannot be read" in run_to_exit("--jwt-key", str(tmp_path / "none")).stderr


def other_signature(shown):
    """Of an ECDSA signature (r, s), (r, n - s) is one as well."""
    text, _, signature = shown.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (SEC 2)
    s = (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return text + "." + base64.urlsafe_b64encode(raw[:32] + s).rstrip(b"=").decode()


def test_ended_it_does_not_come_back_with_another_signature(gateway):
    shown = token("ES256", sub="signed-twice")
    assert not refused(gateway, other_signature(shown))
    assert gateway.api.delete(f"{SESSIONS}/{shown}").status_code == 200
    assert refused(gateway, shown) and refused(gateway, other_signature(shown))


def test_one_that_was_never_shown_can_be_ended(gateway):
    for shown in (token(sub="never-shown"), token(sub="never-shown", jti=os.urandom(8).hex())):
        assert gateway.api.delete(f"{SESSIONS}/{shown}").status_code == 200
        assert refused(gateway, shown)


def test_the_api_knows_no_forged_one(gateway):
    shown = token(sub="known", jti="known-to-all")
    assert not refused(gateway, shown)
    assert gateway.api.post(f"{SESSIONS}/{shown}/validate").json()["valid"]
    forged = unsigned({"alg": "none"}, sub="known", jti="known-to-all")
    for name in (forged, token("ES256", ec.generate_private_key(ec.SECP256R1()), sub="known", jti="known-to-all")):
        assert gateway.api.post(f"{SESSIONS}/{name}/validate").status_code == 404
        assert gateway.api.get(f"{SESSIONS}/{name}").status_code == 404
        assert gateway.api.delete(f"{SESSIONS}/{name}").status_code == 404
    assert not refused(gateway, shown)


def test_its_time_is_its_own(gateway):
    shown = token(sub="timed")
    assert not refused(gateway, shown)
    assert gateway.api.patch(f"{SESSIONS}/{shown}", {"ttl_seconds": 60}).status_code == 409
    assert refused(gateway, token(sub="for ever", exp=int(time.time()) + 400 * 86400))
    assert gateway.api.post(SESSIONS, {"user_id": "ada", "session_type": "jwt"}).status_code == 400


def test_a_giant_or_broken_token_is_refused_like_any(gateway):
    assert refused(gateway, "a.b.c")
    assert refused(gateway, token(filler="x" * 5000).replace("e", "f", 1))
    assert not refused(gateway, token(filler="x" * 5000))
    client = gateway.connect(token(sub="in-band"))
    answer = client.ask({"type": "authenticate", "session_token": "e30." * 2 + "x" * 40_000})
    assert answer["code"] == "forbidden"


class Issuer:
    """Publishes a JWK Set, as an issuer's static file."""

    def __init__(self):
        self.keys, self.asked, self.status = [], 0, 200
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                self.send_response(issuer.status)
                if issuer.status == 302:
                    self.send_header("Location", f"{issuer.url}/elsewhere")
                body = json.dumps({"keys": issuer.keys}).encode() if issuer.status == 200 else b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._handler, self._port = Handler, 0
        self.start()

    def start(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
        self._port = self._server.server_port
        self.url = f"http://127.0.0.1:{self._port}/keys"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.stop()


class TestKeysThatTheIssuerPublishes:
    def test_a_new_key_counts_at_once(self, gateway_factory, issuer):
        issuer.keys = [jwk("ES256", kid="old")]
        gateway = gateway_factory("--jwt-jwks-url", issuer.url)
        assert not refused(gateway, token(headers={"kid": "old"}))
        issuer.keys = [jwk("EdDSA", kid="new")]
        assert not refused(gateway, token("EdDSA", headers={"kid": "new"}))
        assert closed_with(gateway, token(headers={"kid": "old"})) in (4000, 4001)

    def test_made_up_key_ids_do_not_make_it_ask(self, gateway_factory, issuer):
        issuer.keys = [jwk("ES256", kid="k")]
        gateway = gateway_factory("--jwt-jwks-url", issuer.url)
        began = time.monotonic()
        for n in range(30):
            assert closed_with(gateway, token(headers={"kid": f"made-up-{n}"})) in (4000, 4001)
        assert issuer.asked <= 3 + (time.monotonic() - began) / 10

    def test_a_new_key_counts_although_somebody_makes_ids_up(self, gateway_factory, issuer):
        issuer.keys = [jwk("ES256", kid="old")]
        gateway = gateway_factory("--jwt-jwks-url", issuer.url)
        while issuer.asked < 2:  # the first one may wait for the answer that the start asked for
            assert closed_with(gateway, token(headers={"kid": "made-up"})) == 4001
        issuer.keys = [jwk("EdDSA", kid="new")]
        shown = token("EdDSA", headers={"kid": "new"})
        assert closed_with(gateway, shown) == 4000  # to come again, instead of to sign in again
        eventually(lambda: closed_with(gateway, shown) is None, 30)

    def test_a_new_key_without_an_id_counts_at_once(self, gateway_factory, issuer):
        issuer.keys = [jwk("ES256")]
        gateway = gateway_factory("--jwt-jwks-url", issuer.url)
        assert not refused(gateway, token())
        issuer.keys = [jwk("EdDSA")]
        assert not refused(gateway, token("EdDSA"))

    def test_a_published_secret_is_none(self, gateway_factory, issuer):
        secret = base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()
        issuer.keys = [{"kty": "oct", "k": secret, "kid": "s"}, jwk("ES256", kid="k")]
        gateway = gateway_factory("--jwt-jwks-url", issuer.url)
        assert closed_with(gateway, token("HS256", headers={"kid": "s"})) == 4001
        assert not refused(gateway, token(headers={"kid": "k"}))

    def test_while_it_is_away_the_last_keys_stay_good(self, gateway_factory, issuer):
        issuer.keys = [jwk("ES256", kid="k")]
        gateway = gateway_factory("--jwt-jwks-url", issuer.url, "--jwt-jwks-every", "1s")
        assert not refused(gateway, token(headers={"kid": "k"}))
        issuer.stop()
        eventually(lambda: "jwks_unavailable" in gateway.log_text)
        assert not refused(gateway, token(headers={"kid": "k"}))
        issuer.start()
        eventually(lambda: "jwks_fetched" in gateway.log_text)

    @pytest.mark.parametrize("answer", ["nothing", "302", "500", "no keys"])
    def test_before_the_first_answer_a_client_is_told_to_come_again(self, gateway_factory, issuer, answer):
        if answer == "nothing":
            issuer.stop()
        issuer.status = int(answer) if answer.isdigit() else 200
        gateway = gateway_factory("--jwt-jwks-url", issuer.url)
        assert closed_with(gateway, token(headers={"kid": "k"})) == 4000
        assert gateway.connect(gateway.new_session())
        issuer.keys, issuer.status = [jwk("ES256", kid="k")], 200
        if answer == "nothing":
            issuer.start()
        eventually(lambda: closed_with(gateway, token(headers={"kid": "k"})) is None, 30)
