"""Traffic Cop: the session API."""

import time
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from support.api import SESSIONS, assert_refused
from support.forms import RANDOM_128, TIMESTAMP
from support.wait import eventually


def seconds_until(timestamp):
    assert TIMESTAMP.fullmatch(timestamp), timestamp
    return (datetime.fromisoformat(timestamp) - datetime.now(UTC)).total_seconds()


def path(session_id):
    return f"{SESSIONS}/{quote(session_id, safe='')}"


class TestCreate:
    def test_a_user_is_enough(self, api):
        response = api.post(SESSIONS, {"user_id": "ada"})
        assert response.status_code == 201
        created = response.json()
        assert RANDOM_128.fullmatch(created["session_id"])
        assert 3590 < seconds_until(created["expires_at"]) <= 3600
        assert created == {
            "success": True,
            "session_id": created["session_id"],
            "status": "active",
            "expires_at": created["expires_at"],
        }

    def test_ids_are_never_the_same(self, api):
        assert len({api.create_session()["session_id"] for _ in range(50)}) == 50

    def test_everything_may_be_given(self, api):
        created = api.create_session(
            user_id="ada",
            session_id="given-by-the-caller-1",
            session_type="mobile",
            context={"tenant_id": "acme", "x": [1]},
            ttl_seconds=60,
        )
        assert created["session_id"] == "given-by-the-caller-1"
        assert 50 < seconds_until(created["expires_at"]) <= 60
        session = api.session("given-by-the-caller-1")
        assert session["user_id"] == "ada"
        assert session["session_type"] == "mobile"
        assert session["context"] == {"tenant_id": "acme", "x": [1]}

    def test_what_is_left_out_has_its_default(self, api):
        session = api.session(api.create_session()["session_id"])
        assert session["session_type"] == "web"
        assert session["context"] == {}
        assert session["status"] == "active"

    def test_an_id_is_taken_once(self, api):
        taken = "an-id-that-is-taken"
        api.create_session(session_id=taken)
        assert_refused(api.post(SESSIONS, {"user_id": "eve", "session_id": taken}), 409)
        assert api.session(taken)["user_id"] == "ada"

    def test_the_id_of_an_ended_session_stays_taken(self, api):
        ended = "an-id-that-has-ended"
        api.create_session(session_id=ended)
        api.delete_session(ended)
        assert_refused(api.post(SESSIONS, {"user_id": "eve", "session_id": ended}), 409)

    @pytest.mark.parametrize("name", ["a", "x" * 128, "A-z.0_9@b+c=d"])
    def test_names_in_their_form(self, api, name):
        api.create_session(user_id=name, session_id=f"{name[:100]}-{time.monotonic_ns():020}")

    @pytest.mark.parametrize("size", [16, 128])
    def test_an_id_that_the_caller_chooses_is_long_enough_to_be_a_secret(self, api, size):
        session_id = f"{time.monotonic_ns():x}".rjust(size, "x")
        assert api.create_session(session_id=session_id)["session_id"] == session_id
        assert_refused(api.post(SESSIONS, {"user_id": "ada", "session_id": "1"}), 400)
        assert_refused(api.post(SESSIONS, {"user_id": "ada", "session_id": session_id[-15:]}), 400)

    @pytest.mark.parametrize(
        "user_id",
        ["auth0|5f7c8ec7c33c6c004bbafe82", "did:web:a.example", "o'brien@example.org", 'a"b\\c', "ünï", "愛" * 85, "x" * 256],
    )
    def test_a_user_is_called_what_its_identity_provider_calls_it(self, gateway, api, user_id):
        session_id = api.create_session(user_id=user_id)["session_id"]
        assert api.session(session_id)["user_id"] == user_id
        assert api.validate_session(session_id)["user_id"] == user_id
        client = gateway.connect(session_id)
        assert api.connection_record(client.connection_id).json()["connection"]["metadata"]["user_id"] == user_id
        assert api.connection_count()["per_user"][user_id] == 1
        assert api.send({"n": 1}, user_id=user_id)["delivered"] == 1
        agent = gateway.subscribe("guide")
        client.say(id=1)
        assert agent.next_from(client).json()["user_id"] == user_id

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"user_id": None},
            {"user_id": 7},
            {"user_id": ""},
            {"user_id": "a b"},
            {"user_id": "a\n"},
            {"user_id": "a\u0000"},
            {"user_id": "a\u00a0b"},
            {"user_id": "a\u200bb"},
            {"user_id": "x" * 257},
            {"user_id": "愛" * 86},
            {"user_id": "ada", "session_id": ""},
            {"user_id": "ada", "session_id": "x" * 129},
            {"user_id": "ada", "session_id": "x" * 256},
            {"user_id": "ada", "session_id": "a b and so on to sixteen"},
            {"user_id": "ada", "session_id": "a/../b/and/so/on/to/sixteen"},
            {"user_id": "ada", "session_id": 7},
            {"user_id": "ada", "session_type": 7},
            {"user_id": "ada", "context": []},
            {"user_id": "ada", "context": "text"},
            {"user_id": "ada", "context": {"tenant_id": "a b"}},
            {"user_id": "ada", "context": {"tenant_id": 7}},
            {"user_id": "ada", "ttl_seconds": 0},
            {"user_id": "ada", "ttl_seconds": -1},
            {"user_id": "ada", "ttl_seconds": "60"},
            {"user_id": "ada", "ttl_seconds": 10**30},
            [],
            "text",
            7,
        ],
        ids=lambda body: str(body)[:60],
    )
    def test_anything_else_is_400(self, api, body):
        assert_refused(api.post(SESSIONS, body), 400)

    @pytest.mark.parametrize(
        "text", ["", "{", '{"user_id":"ada",}', '{"user_id":"\\ud800"}', b'{"user_id":"\xff"}', "NaN"]
    )
    def test_what_is_not_json_is_400(self, api, text):
        assert_refused(api.request("POST", SESSIONS, content=text), 400)


class TestRead:
    def test_a_session_has_these_fields(self, api):
        session_id = api.create_session(user_id="ada", context={"tenant_id": "acme"})["session_id"]
        session = api.session(session_id)
        assert session["status"] == "active"
        assert session["user_id"] == "ada"
        assert session["session_id"] == session_id
        assert RANDOM_128.fullmatch(session["session_ref"]) and session["session_ref"] != session_id
        assert seconds_until(session["expires_at"]) > 3500

    @pytest.mark.parametrize("session_id", ["nobody", "x" * 128])
    def test_an_unknown_one_is_404(self, api, session_id):
        assert_refused(api.get(path(session_id)), 404)
        assert_refused(api.patch(path(session_id), {"status": "active"}), 404)
        assert_refused(api.delete(path(session_id)), 404)
        assert_refused(api.get(f"{path(session_id)}/websockets"), 404)

    @pytest.mark.parametrize("session_id", ["x" * 129, "a b", "a\u0000", "ü", "a:b"])
    def test_an_id_out_of_its_form_is_400(self, api, session_id):
        assert_refused(api.get(path(session_id)), 400)
        assert_refused(api.delete(path(session_id)), 400)

    def test_the_id_in_a_path_is_percent_decoded(self, api):
        api.create_session(user_id="odd", session_id="a+b=c@d.and-sixteen")
        assert api.session("a+b=c@d.and-sixteen")["user_id"] == "odd"
        assert api.session("a%2Bb%3Dc%40d.and-sixteen")["user_id"] == "odd"

    def test_validate(self, api):
        session_id = api.create_session(user_id="ada")["session_id"]
        assert api.validate_session(session_id) == {
            "success": True,
            "valid": True,
            "status": "active",
            "user_id": "ada",
        }
        api.patch_session(session_id, status="suspended")
        assert api.validate_session(session_id) == {
            "success": True,
            "valid": False,
            "status": "suspended",
            "user_id": "ada",
        }
        api.delete_session(session_id)
        assert api.validate_session(session_id) == {
            "success": True,
            "valid": False,
            "status": "inactive",
            "user_id": "ada",
        }

    def test_an_expired_session(self, api):
        session_id = api.create_session(user_id="ada", ttl_seconds=1)["session_id"]
        eventually(lambda: api.session(session_id)["status"] == "expired")
        assert api.validate_session(session_id) == {
            "success": True,
            "valid": False,
            "status": "expired",
            "user_id": "ada",
        }


class TestChange:
    @pytest.fixture
    def session(self, api):
        return api.create_session(user_id="ada", context={"a": 1})["session_id"]

    def test_the_context(self, api, session):
        assert api.patch_session(session, context={"b": 2})["context"] == {"b": 2}
        assert api.session(session)["context"] == {"b": 2}

    def test_the_time_it_has(self, api, session):
        assert 7190 < seconds_until(api.patch_session(session, ttl_seconds=7200)["expires_at"]) <= 7200

    def test_the_status_there_and_back(self, api, session):
        assert api.patch_session(session, status="suspended")["status"] == "suspended"
        assert api.session(session)["status"] == "suspended"
        assert api.patch_session(session, status="active")["status"] == "active"

    def test_its_ref_stays(self, api, session):
        before = api.session(session)["session_ref"]
        api.patch_session(session, status="suspended", context={}, ttl_seconds=60)
        assert api.session(session)["session_ref"] == before

    @pytest.mark.parametrize(
        "body",
        [
            {"status": "happy"},
            {"status": 1},
            {"context": []},
            {"ttl_seconds": 0},
            {"ttl_seconds": "1"},
            {"ttl_seconds": -5},
            [],
        ],
    )
    def test_nonsense_is_400_and_changes_nothing(self, api, session, body):
        before = api.session(session)
        assert_refused(api.patch(path(session), body), 400)
        assert api.session(session) == before

    def test_delete(self, api, session):
        assert api.delete_session(session) == {"success": True, "status": "inactive"}
        assert api.session(session)["status"] == "inactive"

    def test_an_ended_session_does_not_come_back(self, gateway, api, session):
        api.delete_session(session)
        api.patch(path(session), {"status": "active"})
        assert api.validate_session(session)["valid"] is False


def test_the_connections_of_a_session(gateway, api):
    session = api.create_session(user_id="busy")["session_id"]
    assert api.session_connections(session) == []
    clients = [gateway.connect(session) for _ in range(3)]
    gateway.connect()
    assert sorted(api.session_connections(session)) == sorted(client.connection_id for client in clients)
    clients[0].close()
    eventually(lambda: len(api.session_connections(session)) == 2)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_405_and_say_which_are_allowed(api, method):
    response = api.request(method, SESSIONS, json={})
    assert_refused(response, 405)
    assert "POST" in response.headers["allow"]


def test_there_is_room_for_so_many_sessions(gateway_factory):
    gateway = gateway_factory("--max-sessions", "3")
    for _ in range(3):
        gateway.new_session()
    response = gateway.api.post(SESSIONS, {"user_id": "ada"})
    assert response.status_code in (429, 503)
    assert_refused(response, response.status_code)


def test_ended_sessions_are_forgotten_and_make_room(gateway_factory):
    gateway = gateway_factory("--max-sessions", "1", "--session-retention", "1s")
    session = gateway.new_session()
    gateway.api.delete_session(session)
    eventually(lambda: gateway.api.get(f"{SESSIONS}/{session}").status_code == 404)
    assert eventually(lambda: gateway.api.post(SESSIONS, {"user_id": "ada"}).status_code == 201)


def test_ended_sessions_go_first_when_there_is_no_room(gateway_factory):
    gateway = gateway_factory("--max-sessions", "3")
    kept = gateway.new_session()
    ended = [gateway.new_session() for _ in range(2)]
    for session in ended:
        gateway.api.delete_session(session)
        end = time.time()
        eventually(lambda end=end: time.time() > end + 0.002, message="the next ends in a millisecond of its own")
    fresh = [gateway.new_session()]
    assert gateway.api.get(f"{SESSIONS}/{ended[0]}").status_code == 404, "what ended first went"
    assert gateway.api.session(ended[1])["status"] == "inactive"
    fresh.append(gateway.new_session())
    assert_refused(gateway.api.post(SESSIONS, {"user_id": "ada"}), 503)
    for session in [kept, *fresh]:
        assert gateway.api.session(session)["status"] == "active"


def test_one_tenant_does_not_use_up_the_room_of_others(gateway_factory):
    gateway = gateway_factory("--max-sessions", "9", "--max-sessions-per-tenant", "2")

    def make(tenant):
        return gateway.api.post(SESSIONS, {"user_id": "ada", "context": {"tenant_id": tenant}})

    first, _ = make("acme").json()["session_id"], make("acme")
    assert_refused(make("acme"), 503)
    assert make("umbrella").status_code == 201
    assert gateway.api.post(SESSIONS, {"user_id": "ada"}).status_code == 201
    gateway.api.delete_session(first)
    assert make("acme").status_code == 201
    assert_refused(make("acme"), 503)
