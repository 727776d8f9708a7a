"""JSON Web Tokens that are revoked by their name or for a user: at once, whether they were shown or not."""

import os
import time

import jwt
import pytest

from support.admission import refused
from support.api import SESSIONS, assert_refused
from support.gateway import Gateway
from support.wait import eventually

REVOCATIONS = "/api/traffic-cop/revocations"
SECRET = "a-secret-that-issuer-and-gateway-share"
ISSUER, OTHER_ISSUER = "https://issuer.example", "https://another.example"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("revoked")
    (folder / "secret").write_text(SECRET)
    (folder / "gateway.toml").write_text(
        '[[api_keys]]\nname = "acme"\nrealm = "ops"\nkey = "key-of-the-acme-0123"\nscopes = ["sessions"]\ntenant = "acme"\n'
        '[[api_keys]]\nname = "watcher"\nrealm = "ops"\nkey = "key-of-the-watcher-0123"\nscopes = ["registry"]\n'
    )
    flags = ["--config", folder / "gateway.toml", "--jwt-secret-file", folder / "secret", "--max-connections-per-user", "0"]
    with Gateway(*flags, env={"GATEWAY_API_KEY": "root-key-of-tests"}) as gateway:
        yield gateway


def token(sub, at=0, **changed):
    """Issued `at` seconds from now."""
    now = int(time.time())
    good = {"iss": ISSUER, "sub": sub, "iat": now + at, "exp": now + 600, **changed}
    return jwt.encode({name: value for name, value in good.items() if value is not None}, SECRET, algorithm="HS256")


def name():
    return os.urandom(8).hex()


def revoke(gateway, **what):
    answer = gateway.api.post(REVOCATIONS, what)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_one_by_its_jti(gateway):
    jti, other = name(), name()
    shown = token("one", jti=jti)
    client, stays = gateway.connect(shown), gateway.connect(token("one", jti=other))
    assert revoke(gateway, jti=jti, iss=ISSUER)["sessions_ended"] == 1
    assert client.closed() == (4003, "session ended")
    assert refused(gateway, shown) and refused(gateway, token("one", at=3, jti=jti))
    stays.say(text="still here")
    assert gateway.api.session(f"ref:{gateway.api.session(token('one', jti=other))['session_ref']}")["status"] == "active"


def test_one_that_was_never_shown(gateway):
    jti = name()
    assert revoke(gateway, jti=jti, iss=ISSUER)["sessions_ended"] == 0
    assert refused(gateway, token("never", jti=jti))
    assert not refused(gateway, token("never", jti=jti, iss=OTHER_ISSUER))
    assert not refused(gateway, token("never", jti=jti, iss=None))


def test_one_without_an_issuer(gateway):
    jti = name()
    revoke(gateway, jti=jti, iss="")
    assert refused(gateway, token("no-issuer", jti=jti, iss=None))


def test_all_of_a_user_until_now(gateway):
    unnamed, named, undated = token("auth0|ada"), token("auth0|ada", jti=name()), token("auth0|ada", iat=None)
    clients = [gateway.connect(shown) for shown in (unnamed, named, undated)]
    others = [gateway.connect(token("auth0|grace")), gateway.connect(gateway.new_session(user_id="auth0|ada"))]
    began = time.monotonic()
    assert revoke(gateway, sub="auth0|ada")["sessions_ended"] == 3
    assert [client.closed()[0] for client in clients] == [4003] * 3
    assert time.monotonic() - began < 1
    for shown in (unnamed, named, undated, token("auth0|ada", at=-60), token("auth0|ada", jti=name()), token("auth0|ada", iat=None, jti=name())):
        assert refused(gateway, shown)
    for other in others:
        other.say(text="still here")
    later = token("auth0|ada", at=2)
    assert not refused(gateway, later)
    assert gateway.connect(later)


def test_in_band_it_counts_no_more(gateway):
    jti = name()
    client = gateway.connect(token("in-band", jti=name()))
    revoke(gateway, jti=jti, iss=ISSUER)
    assert client.ask({"type": "authenticate", "session_token": token("in-band", jti=jti)})["code"] == "forbidden"
    assert client.ask({"type": "authenticate", "session_token": token("in-band", jti=name())})["type"] == "authenticated"


def test_the_api_sees_it_as_ended(gateway):
    shown = token("looked-at", jti=name())
    revoke(gateway, sub="looked-at")
    assert gateway.api.session(shown)["status"] == "inactive"
    assert not gateway.api.post(f"{SESSIONS}/{shown}/validate").json()["valid"]
    assert gateway.api.patch(f"{SESSIONS}/{shown}", {"status": "active"}).status_code == 409


def test_a_suspended_one_does_not_come_back(gateway):
    shown = token("suspended", jti=name())
    gateway.connect(shown)
    gateway.api.patch(f"{SESSIONS}/{shown}", {"status": "suspended"})
    assert revoke(gateway, sub="suspended")["sessions_ended"] == 1
    assert gateway.api.patch(f"{SESSIONS}/{shown}", {"status": "active"}).status_code == 409


def test_a_tenants_key_reaches_its_tenant_alone(gateway):
    acme = gateway.api_with("key-of-the-acme-0123")
    jti = name()
    mine, foreign = gateway.connect(token("eve", tenant_id="acme", jti=jti)), gateway.connect(token("eve", tenant_id="other", jti=name()))
    assert acme.post(REVOCATIONS, {"sub": "eve"}).json()["sessions_ended"] == 1
    assert mine.closed()[0] == 4003
    foreign.say(text="still here")
    assert not refused(gateway, token("eve", tenant_id="other"))
    assert not refused(gateway, token("eve"))
    assert refused(gateway, token("eve", tenant_id="acme"))
    foreign_jti = name()
    assert acme.post(REVOCATIONS, {"jti": foreign_jti, "iss": ISSUER}).json()["sessions_ended"] == 0
    assert not refused(gateway, token("eve", tenant_id="other", jti=foreign_jti))
    assert_refused(acme.post(REVOCATIONS, {"sub": "eve", "tenant_id": "other"}), 403)
    assert gateway.api.post(REVOCATIONS, {"sub": "eve", "tenant_id": "other"}).json()["sessions_ended"] >= 1
    assert foreign.closed()[0] == 4003


def test_who_may_and_what_it_takes(gateway, gateway_factory):
    assert_refused(gateway.api_with("key-of-the-watcher-0123").post(REVOCATIONS, {"sub": "ada"}), 403)
    assert_refused(gateway.api_with(None).post(REVOCATIONS, {"sub": "ada"}), 401)
    for body in ({}, {"jti": "a", "sub": "b"}, {"jti": ""}, {"jti": "a"}, {"sub": "a b"}, {"sub": ""}, {"sub": "a", "iss": "i"}, {"jti": 7}, {"sub": "a", "tenant_id": "a/b"}):
        assert_refused(gateway.api.post(REVOCATIONS, body), 400)
    assert_refused(gateway_factory().api.post(REVOCATIONS, {"sub": "ada"}), 409)


def test_the_one_issuer_needs_no_name(gateway_factory, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    gateway = gateway_factory("--jwt-secret-file", tmp_path / "secret", "--jwt-issuer", ISSUER, "--jwt-life-max", "1h", "--max-revocations", "2")
    jti = name()
    kept = revoke(gateway, jti=jti)["kept_until"]
    assert kept < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 3700))
    assert refused(gateway, token("ada", jti=jti))
    # Longer than it would be remembered nobody comes in.
    assert refused(gateway, token("ada", at=-3500, exp=int(time.time()) + 200))
    assert refused(gateway, token("ada", iat=None, exp=int(time.time()) + 3700))
    assert not refused(gateway, token("ada", iat=None, exp=int(time.time()) + 3500))
    revoke(gateway, sub="ada")
    assert_refused(gateway.api.post(REVOCATIONS, {"sub": "grace"}), 503)
    revoke(gateway, sub="ada")


def test_the_audit_log_tells_who_did_it(gateway):
    revoke(gateway, sub="audited-ada")
    revoke(gateway, jti="audited-jti", iss=ISSUER)
    for whom in ("user:audited-ada", "jti:audited-jti"):
        said = f"key=root what=jwt.revoke whom={whom} result=ok"
        eventually(lambda said=said: any(said in line for line in gateway.log_lines))
