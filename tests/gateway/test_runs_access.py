"""Who reaches which run: scopes, channels, tenants, realms. What is out of reach is not there."""

import pytest

from support.api import assert_refused
from support.run_engines import ENGINES, run_gateway
from support.runs import EMPTY, RUNS, Run, new_name

KEYS = {
    "none": 'scopes = ["publish", "subscribe", "send", "sessions", "registry"]',
    "plain": 'scopes = ["runs"]',
    "admin": 'scopes = ["runs", "runs:admin"]',
    "content": 'scopes = ["runs"]\nchannels = ["pillar:content"]',
    "acme": 'scopes = ["runs", "sessions"]\ntenant = "acme"',
    "umbrella": 'scopes = ["runs", "runs:admin", "sessions"]\ntenant = "umbrella"',
    "foreign": 'scopes = ["runs", "runs:admin"]',
}


def key_of(name):
    return f"key-of-{name}-0123456789"


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request, tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "gateway.toml"
    file.write_text(
        "\n".join(
            f'[[api_keys]]\nrealm = "{"elsewhere" if name == "foreign" else "tests"}"\nkey = "{key_of(name)}"\n{rest}\n'
            for name, rest in KEYS.items()
        )
    )
    with run_gateway(request.param, "--config", file) as started:
        yield started


@pytest.fixture
def keys(gateway):
    return {name: gateway.api_with(key_of(name)) for name in KEYS}


def calls_of_owners(api, run_id):
    run = Run(api, run_id)
    return [
        run.get(),
        run.get(wait_ms=1, include="log"),
        run.append("x"),
        run.call("end", **run.owner(seq=0, end={"status": "failed"})),
        run.claim(),
        run.heartbeat(wait_ms=1),
        run.cancel(),
        api.delete(run.path),
    ]


def calls_of_readers(api, run_id):
    path, begin, events = f"/v1/stream/{run_id}", f"1.0.{EMPTY}", {"Accept": "text/event-stream"}
    return [
        api.get(path),
        api.get(path, params={"offset": begin}),
        api.get(path, params={"offset": "now", "live": "sse"}),
        api.get(path, headers=events),
        api.get(path, headers=events | {"Last-Event-ID": begin}),
        api.get(path, headers=events | {"Last-Event-ID": f"{begin}.end"}),
    ]


def test_without_the_scope_it_is_403(keys):
    assert_refused(keys["none"].post(RUNS, {"channel": "guide", "producer": "a"}), 403, "permission_denied")
    for response in calls_of_owners(keys["none"], "nobody"):
        assert_refused(response, 403, "permission_denied")
    assert_refused(keys["none"].get(RUNS), 403, "permission_denied")


def test_the_start_key_has_both_scopes(api):
    run = Run.create(api)
    assert run.claim(force=True).status_code == 200


@pytest.mark.parametrize("foreign", ["content", "umbrella", "foreign"])
def test_i28_a_run_out_of_reach_is_not_there_with_equal_bytes(keys, foreign):
    run = Run.create(keys["acme"])
    run.say("secret")
    for calls in (calls_of_owners, calls_of_readers):
        for seen, unknown in zip(calls(keys[foreign], run.run_id), calls(keys[foreign], "nobody"), strict=True):
            assert_refused(seen, 404, "run_not_found")
            assert seen.content == unknown.content
            assert set(seen.headers) == set(unknown.headers)
    assert run.run_id not in keys[foreign].get(RUNS).text
    assert run.log() == "secret"
    assert run.record()["status"] == "in_progress"
    assert keys["acme"].get(f"/v1/stream/{run.run_id}").text == "secret"


def test_a_taken_name_says_nothing_of_a_foreign_run(keys):
    name = new_name()
    Run.create(keys["acme"], run_id=name)
    refused = keys["umbrella"].post(RUNS, {"channel": "guide", "producer": "a", "run_id": name})
    assert "run" not in assert_refused(refused, 409, "run_exists")


def test_what_is_named_and_foreign_is_403(keys):
    assert_refused(keys["content"].post(RUNS, {"channel": "guide", "producer": "a"}), 403, "permission_denied")
    assert_refused(keys["content"].get(f"{RUNS}?channel=guide"), 403, "permission_denied")
    body = {"channel": "guide", "producer": "a", "tenant_id": "umbrella"}
    assert_refused(keys["acme"].post(RUNS, body), 403, "permission_denied")


def test_a_tenants_key_makes_its_tenants_runs(keys, api):
    run = Run.create(keys["acme"], to={"user_id": "ada"})
    assert api.get(run.path).json()["tenant_id"] == "acme"
    assert keys["plain"].get(run.path).status_code == 200


def test_a_tenants_key_reaches_no_session_of_another(keys, api):
    token = api.create_session("ada", context={"tenant_id": "umbrella"})["session_id"]
    ref = api.session(token)["session_ref"]
    for to in ({"session_id": token}, {"session_ref": ref}):
        assert_refused(keys["acme"].post(RUNS, {"channel": "guide", "producer": "a", "to": to}), 404, "not_found")
    assert Run.create(keys["umbrella"], to={"session_id": token}).record()["to"] == {"session_ref": ref}


def test_a_run_of_no_realm_is_everybodys(keys, api):
    run = Run.create(api)
    assert keys["foreign"].get(run.path).status_code == 200
    assert keys["content"].get(run.path).status_code == 404


def test_what_takes_it_from_its_owner_needs_runs_admin(keys):
    run = Run.create(keys["plain"])
    run.say("x")
    assert_refused(run.claim(force=True), 403, "permission_denied")
    assert_refused(run.append("y", producer="other", force=True), 403, "permission_denied")
    body = assert_refused(keys["plain"].delete(run.path), 403, "permission_denied")
    assert body["run"]["status"] == "in_progress"
    as_admin = Run(keys["admin"], run.run_id, "other")
    assert_refused(as_admin.append("y", seq=1), 403, "fenced")
    assert as_admin.append("y", seq=1, force=True).status_code == 200
    assert as_admin.claim(force=True).json()["epoch"] == 2
    assert keys["admin"].delete(run.path).status_code == 200


def test_its_owner_and_whoever_finds_it_over_may_delete_it(keys):
    run = Run.create(keys["plain"])
    assert keys["plain"].delete(run.path, params={"producer": run.producer}).status_code == 200
    over = Run.create(keys["plain"])
    over.end()
    assert keys["plain"].delete(over.path).status_code == 200


def test_a_claim_for_a_delivery_needs_the_scope_subscribe(keys):
    run = Run.create(keys["plain"])
    refused = run.claim(run.producer, delivery={"group": "agents", "id": "1-0"})
    assert "subscribe" in assert_refused(refused, 403, "permission_denied")["error"]
    run.end()
