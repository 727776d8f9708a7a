"""Keys: realm, scopes, channels and tenant."""

import hashlib
import itertools

import pytest

from support.api import POST_OFFICE, SESSIONS, Api, assert_refused
from support.gateway import Gateway, run_to_exit
from support.runs import RUNS

ADDRESSES = itertools.count()
SCOPES = ["publish", "subscribe", "send", "sessions", "registry", "runs"]
KEYS = {name: f"key-of-{name}-0123456789" for name in (*SCOPES, "content", "acme", "hashed")}


def toml():
    entries = [
        f'[[api_keys]]\nname = "{scope}"\nrealm = "tests"\nkey = "{KEYS[scope]}"\nscopes = ["{scope}"]\n'
        for scope in SCOPES
    ]
    everything = ", ".join(f'"{scope}"' for scope in SCOPES)
    entries += [
        f'[[api_keys]]\nrealm = "editors"\nkey = "{KEYS["content"]}"\nscopes = [{everything}]\nchannels = ["pillar:content"]\n',
        f'[[api_keys]]\nrealm = "acme"\nkey = "{KEYS["acme"]}"\nscopes = [{everything}]\ntenant = "acme"\n',
        f'[[api_keys]]\nrealm = "hashed"\nkey_sha256 = "{hashlib.sha256(KEYS["hashed"].encode()).hexdigest()}"\nscopes = ["publish"]\n',
    ]
    return "\n".join(entries)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "gateway.toml"
    file.write_text(toml())
    # Wrong keys are counted by address: each test that shows one does so from another.
    with Gateway("--config", file, "--trusted-proxy", "127.0.0.0/8", env={"GATEWAY_API_KEY": "root"}) as gateway:
        yield gateway


@pytest.fixture
def elsewhere():
    return "X-Forwarded-For", f"198.51.100.{next(ADDRESSES) % 256}"


@pytest.fixture(scope="module")
def keys(gateway):
    return {name: gateway.api_with(key) for name, key in KEYS.items()}


CALLS = {
    "publish": lambda api: api.post(f"{POST_OFFICE}/publish", {"channel": "guide", "message": {}, "realm": "tests"}),
    "subscribe": lambda api: api.post(f"{POST_OFFICE}/ack", {"channel": "guide", "group": "g", "ids": ["x"]}),
    "send": lambda api: api.post(f"{POST_OFFICE}/send", {"message": {}, "user_id": "nobody"}),
    "sessions": lambda api: api.post(SESSIONS, {"user_id": "ada"}),
    "registry": lambda api: api.get(f"{POST_OFFICE}/connection-count"),
    "runs": lambda api: api.post(RUNS, {"channel": "guide", "producer": "a:1"}),
}

# Every call that needs a key, with what it may answer when the key is good.
PROTECTED = [
    ("POST", SESSIONS), ("GET", f"{SESSIONS}/x"), ("PATCH", f"{SESSIONS}/x"), ("DELETE", f"{SESSIONS}/x"),
    ("POST", f"{SESSIONS}/x/validate"), ("GET", f"{SESSIONS}/x/websockets"), ("GET", f"{POST_OFFICE}/endpoint"),
    ("POST", f"{POST_OFFICE}/publish"), ("POST", f"{POST_OFFICE}/send"), ("GET", f"{POST_OFFICE}/subscribe?channel=guide"),
    ("POST", f"{POST_OFFICE}/ack"), ("POST", f"{POST_OFFICE}/working"), ("POST", RUNS), ("GET", RUNS), ("GET", f"{RUNS}/x"),
    ("DELETE", f"{RUNS}/x"), *(("POST", f"{RUNS}/x/{verb}") for verb in ("claim", "append", "end", "heartbeat", "cancel")),
    ("GET", "/v1/stream/x"), ("GET", f"{POST_OFFICE}/connections/ws_x"), ("GET", f"{POST_OFFICE}/channels/guide/connections"),
    ("GET", f"{POST_OFFICE}/connection-count"), ("GET", f"{POST_OFFICE}/backpressure"), ("GET", "/metrics"),
    ("GET", SESSIONS), ("GET", f"{POST_OFFICE}/connections"), ("POST", f"{POST_OFFICE}/connections/ws_x/disconnect"),
    ("POST", f"{POST_OFFICE}/disconnect"), ("GET", f"{POST_OFFICE}/instances"),
    ("GET", "/health/websocket-gateway/detailed"), ("GET", "/api/health/websocket-gateway/detailed"),
]  # fmt: skip


@pytest.mark.parametrize("method, path", PROTECTED)
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer roo",
        "Bearer roott",
        "Bearer ROOT",
        "Basic root",
        "root",
        "Bearer root x",
    ],
)
def test_without_a_good_key_it_is_401(gateway, elsewhere, method, path, authorization):
    headers = [elsewhere] if authorization is None else [elsewhere, ("Authorization", authorization)]
    response = gateway.peer().request(method, path, headers)
    assert response.status == 401
    assert response.header("WWW-Authenticate").startswith("Bearer")
    assert response.json()["success"] is False and response.json()["code"]


def test_two_authorizations_are_no_authorization(gateway):
    headers = [("Authorization", "Bearer wrong"), ("Authorization", "Bearer root")]
    assert gateway.peer().request("GET", f"{POST_OFFICE}/connection-count", headers).status in (400, 401)


def test_a_key_in_the_query_is_no_key(gateway):
    assert gateway.api_with(None).get(f"{POST_OFFICE}/connection-count?api_key=root&token=root").status_code == 401


@pytest.mark.parametrize("call", SCOPES)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_does_what_its_scope_says(keys, scope, call):
    response = CALLS[call](keys[scope])
    if scope == call:
        assert response.status_code in (200, 201, 404), response.text
    else:
        assert_refused(response, 403)


def test_metrics_and_details_need_the_registry_scope(keys):
    for path in ("/metrics", "/health/websocket-gateway/detailed"):
        assert keys["registry"].get(path).status_code == 200
        assert_refused(keys["publish"].get(path), 403)


def test_the_root_key_may_everything_in_any_realm(gateway):
    assert [call(gateway.api).status_code for call in CALLS.values()] == [200, 200, 404, 201, 200, 201]
    assert gateway.api.publish("guide", {}, realm="any.realm+1")["success"]


def test_a_hashed_key_is_a_key(keys):
    assert keys["hashed"].publish("guide", {}, realm="hashed")["success"]


def test_another_realm_is_403(keys):
    assert_refused(
        keys["publish"].post(f"{POST_OFFICE}/publish", {"channel": "guide", "message": {}, "realm": "editors"}), 403
    )


def test_another_channel_is_403(keys):
    editors = keys["content"]
    assert editors.publish("pillar:content", {}, realm="editors")["success"]
    assert_refused(editors.post(f"{POST_OFFICE}/publish", {"channel": "guide", "message": {}, "realm": "editors"}), 403)
    assert_refused(editors.get(f"{POST_OFFICE}/subscribe", params={"channel": "guide"}), 403)
    assert_refused(editors.post(f"{POST_OFFICE}/ack", {"channel": "guide", "group": "g", "ids": []}), 403)


def test_another_realms_endpoint_is_403(keys):
    editors = keys["content"]
    assert editors.get(f"{POST_OFFICE}/endpoint?session_token=x&realm=editors").status_code == 200
    assert_refused(editors.get(f"{POST_OFFICE}/endpoint?session_token=x&realm=tests"), 403)


@pytest.fixture(scope="module")
def acme(keys):
    return keys["acme"]


class TestTenant:
    """A key bound to a tenant sees and reaches that tenant alone; what is another's is not there."""

    @pytest.fixture
    def inside(self, gateway):
        return gateway.connect(gateway.new_session(user_id="ada", context={"tenant_id": "acme"}))

    @pytest.fixture
    def outside(self, gateway):
        return gateway.connect(gateway.new_session(user_id="eve", context={"tenant_id": "other"}))

    def test_its_publications_reach_its_clients_alone(self, gateway, acme, inside, outside):
        acme.publish("guide", {"n": 1}, realm="acme")
        assert gateway.received_by(inside) == [{"n": 1}]
        assert gateway.received_by(outside) == []

    def test_it_can_not_publish_to_another(self, acme):
        body = {"channel": "guide", "message": {}, "realm": "acme", "tenant_id": "other"}
        assert_refused(acme.post(f"{POST_OFFICE}/publish", body), 403)
        assert acme.publish("guide", {}, realm="acme", tenant_id="acme")["success"]

    def test_it_sends_to_its_own_alone(self, gateway, acme, inside, outside):
        assert acme.send({"n": 1}, connection_id=inside.connection_id)["success"]
        assert_refused(acme.post(f"{POST_OFFICE}/send", {"message": {}, "connection_id": outside.connection_id}), 404)
        assert_refused(acme.post(f"{POST_OFFICE}/send", {"message": {}, "user_id": "eve"}), 404)
        assert inside.receive() == {"n": 1}
        assert gateway.received_by(outside) == []

    def test_it_hears_its_own_alone(self, gateway, acme, inside, outside):
        stream, all_ears = acme.subscribe("pillar:insights"), gateway.subscribe("pillar:insights")
        outside.say("pillar:insights", text="not for acme")
        inside.say("pillar:insights", text="for acme")
        assert stream.envelope()["connection_id"] == inside.connection_id
        assert all_ears.envelope()["connection_id"] == outside.connection_id
        assert all_ears.envelope()["connection_id"] == inside.connection_id
        stream.close()

    def test_messages_of_others_still_wait_when_only_it_listens(self, gateway, acme, outside):
        stream = acme.subscribe("pillar:operations")
        assert outside.say("pillar:operations", id=1)["status"] == "queued"
        assert gateway.subscribe("pillar:operations").envelope()["connection_id"] == outside.connection_id
        assert stream.waiting() == 0
        stream.close()

    def test_it_reads_its_own_alone(self, acme, inside, outside):
        assert acme.connection_record(inside.connection_id).status_code == 200
        assert_refused(acme.connection_record(outside.connection_id), 404)
        connections = acme.channel_connections("guide")
        assert inside.connection_id in connections and outside.connection_id not in connections
        counts = acme.connection_count()
        assert "eve" not in counts["per_user"] and counts["per_user"]["ada"] == counts["global"]

    def test_it_sees_its_own_amounts_alone(self, gateway, acme, inside, outside):
        assert outside.say("pillar:insights", id=1)["status"] == "queued"
        assert acme.backpressure()["channels"]["pillar:insights"]["queue_size"] == 0
        assert acme.backpressure()["channels"]["pillar:insights"]["queue_bytes"] == 0
        assert inside.say("pillar:insights", id=2)["status"] == "queued"
        own = acme.backpressure()["channels"]["pillar:insights"]
        everything = gateway.api.backpressure()["channels"]["pillar:insights"]
        assert (own["queue_size"], everything["queue_size"]) == (1, 2)
        assert 0 < own["queue_bytes"] < everything["queue_bytes"]
        agent = gateway.subscribe("pillar:insights", group="workers")
        agent.take(2)
        assert gateway.api.backpressure()["channels"]["pillar:insights"]["unacknowledged"] == 2
        own = acme.backpressure()["channels"]["pillar:insights"]
        assert (own["agents"], own["unacknowledged"]) == (0, 0), "who is not bound to a tenant is nobody's"

    def test_another_tenants_session_is_none(self, gateway, acme):
        session = gateway.new_session(user_id="grace", context={"tenant_id": "umbrella"})
        gateway.connect(session)
        told = [
            acme.post(f"{POST_OFFICE}/send", {"session_id": token, "message": {}})
            for token in (session, "no-session-has-this-id")
        ]
        assert_refused(told[0], 404)
        assert told[0].json() == told[1].json()

    def test_its_sessions_are_its_own(self, gateway, acme):
        mine = acme.create_session(user_id="ada", context={"tenant_id": "acme"})["session_id"]
        assert acme.session(mine)["context"]["tenant_id"] == "acme"
        theirs = gateway.new_session(user_id="eve", context={"tenant_id": "other"})
        for method in ("GET", "DELETE"):
            assert_refused(acme.request(method, f"{SESSIONS}/{theirs}"), 404)
        assert_refused(acme.patch(f"{SESSIONS}/{theirs}", {"status": "suspended"}), 404)
        assert gateway.api.session(theirs)["status"] == "active"
        assert_refused(acme.post(SESSIONS, {"user_id": "ada", "context": {"tenant_id": "other"}}), 403)

    def test_it_can_not_move_a_session_to_another_tenant(self, gateway, acme):
        mine = acme.create_session(user_id="ada", context={"tenant_id": "acme"})["session_id"]
        response = acme.patch(f"{SESSIONS}/{mine}", {"context": {"tenant_id": "other"}})
        assert response.status_code in (400, 403, 409), response.text
        assert gateway.api.session(mine)["context"]["tenant_id"] == "acme"


class TestPublicationToATenant:
    def test_only_its_clients_hear_it(self, gateway):
        mine = gateway.connect(gateway.new_session(user_id="t1", context={"tenant_id": "t1"}))
        theirs = gateway.connect(gateway.new_session(user_id="t2", context={"tenant_id": "t2"}))
        nobodys = gateway.connect()
        gateway.api.publish("guide", {"to": "t1"}, tenant_id="t1")
        gateway.api.publish("guide", {"to": "all"})
        assert gateway.received_by(mine) == [{"to": "t1"}, {"to": "all"}]
        assert gateway.received_by(theirs) == [{"to": "all"}]
        assert gateway.received_by(nobodys) == [{"to": "all"}]


class TestStart:
    def test_with_a_key_from_outside_none_is_printed(self, gateway):
        assert "api_key" not in gateway.ready

    def test_without_one_a_key_is_made_each_time(self, gateway_factory):
        keys = {gateway_factory().ready["api_key"] for _ in range(2)}
        assert len(keys) == 2 and all(len(key) >= 22 for key in keys)

    def test_without_keys_it_listens_on_loopback_only(self):
        result = run_to_exit("--listen", "0.0.0.0:0")
        assert result.returncode == 2
        assert "listen" in result.stderr and "key" in result.stderr.lower()

    def test_with_a_key_it_listens_elsewhere(self, gateway_factory):
        gateway = gateway_factory("--listen", "0.0.0.0:0", env={"GATEWAY_API_KEY": "root-key-0123456789"})
        assert gateway.port > 0 and "api_key" not in gateway.ready

    def test_the_key_may_stand_in_a_file(self, gateway_factory, tmp_path):
        (tmp_path / "key").write_text("file-key-0123456789\n")
        gateway = gateway_factory("--listen", "0.0.0.0:0", env={"GATEWAY_API_KEY_FILE": str(tmp_path / "key")})
        assert Api(gateway.url, "file-key-0123456789").get(f"{POST_OFFICE}/channels/guide/connections").status_code == 200
        assert Api(gateway.url, "file-key").get(f"{POST_OFFICE}/channels/guide/connections").status_code == 401
