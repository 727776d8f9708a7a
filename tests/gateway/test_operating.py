"""Who is connected and who has a session; closing connections; and who did what, in the audit log."""

import re
import threading

import pytest

from support.api import POST_OFFICE, SESSIONS, assert_refused
from support.gateway import Gateway
from support.runs import RUNS, Run
from support.wait import eventually

KEYS = {"watcher": ["registry"], "keeper": ["sessions"], "acme": ["registry", "sessions"]}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "gateway.toml"
    entries = []
    for name, scopes in KEYS.items():
        listed = ", ".join(f'"{scope}"' for scope in scopes)
        entries.append(f'[[api_keys]]\nname = "{name}"\nrealm = "ops"\nkey = "key-of-the-{name}-0123"\nscopes = [{listed}]\n')
    entries[-1] += 'tenant = "acme"\n'
    file.write_text("\n".join(entries))
    with Gateway("--config", file, env={"GATEWAY_API_KEY": "root-key-of-tests"}) as gateway:
        yield gateway


@pytest.fixture
def key(gateway):
    return lambda name: gateway.api_with(f"key-of-the-{name}-0123")


def ids(records):
    return sorted(record["connection_id"] for record in records)


def closed_with(client):
    return client.closed()[0]


class TestConnections:
    def test_they_are_found_by_user_session_channel_and_instance(self, gateway, key):
        session = gateway.new_session(user_id="lists-ada", context={"tenant_id": "acme"})
        ada, grace = gateway.connect(session), gateway.connect(gateway.new_session(user_id="lists-grace"))
        grace.ask({"type": "subscribe", "channel": "pillar:insights"})
        ref = gateway.api.session(session)["session_ref"]
        watcher = key("watcher")
        assert ids(watcher.connections(user_id="lists-ada")) == [ada.connection_id]
        assert ids(watcher.connections(session_ref=ref)) == [ada.connection_id]
        assert ids(watcher.connections(tenant_id="acme")) == [ada.connection_id]
        eventually(lambda: ids(watcher.connections(channel="pillar:insights")) == [grace.connection_id])
        here = ids(watcher.connections(instance=gateway.instance_id, limit=1))
        assert {ada.connection_id, grace.connection_id} <= set(here)
        assert watcher.connections(instance="another") == []
        assert watcher.connections(user_id="lists-ada")[0]["gateway_instance_id"] == gateway.instance_id

    def test_a_tenants_key_sees_its_own(self, gateway, key):
        mine = gateway.connect(gateway.new_session(user_id="u", context={"tenant_id": "acme"}))
        gateway.connect(gateway.new_session(user_id="u", context={"tenant_id": "other"}))
        acme = key("acme")
        assert ids(acme.connections(user_id="u")) == [mine.connection_id]
        assert_refused(acme.get(f"{POST_OFFICE}/connections?tenant_id=other"), 403)
        assert_refused(acme.get(f"{POST_OFFICE}/instances"), 403)

    def test_who_stays_is_in_exactly_one_page_whatever_comes_and_goes(self, gateway, key):
        stays = [gateway.connect() for _ in range(12)]
        over = threading.Event()

        def churn():
            while not over.is_set():
                gateway.connect().close()

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            for _ in range(5):
                listed = ids(key("watcher").connections(limit=2))
                assert len(listed) == len(set(listed))
                assert {client.connection_id for client in stays} <= set(listed)
        finally:
            over.set()
            thread.join()

    @pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "after=x", "user_id=a%20b", "session_ref=%2F"])
    def test_what_is_wrong_is_named(self, key, query):
        body = assert_refused(key("watcher").get(f"{POST_OFFICE}/connections?{query}"), 400)
        assert query.split("=")[0] in body["error"]

    def test_it_needs_the_scope_registry(self, key):
        assert_refused(key("keeper").get(f"{POST_OFFICE}/connections"), 403)
        assert_refused(key("keeper").get(SESSIONS), 403)


class TestSessions:
    def test_they_are_found_by_user_and_status_newest_first(self, gateway, key):
        made = [gateway.api.create_session("lists-bob")["session_id"] for _ in range(3)]
        refs = [gateway.api.session(session)["session_ref"] for session in made]
        gateway.api.patch_session(made[1], status="suspended")
        found = key("watcher").sessions(user_id="lists-bob", limit=1)
        assert [session["session_ref"] for session in found] == refs[::-1]
        assert [session["status"] for session in found] == ["active", "suspended", "active"]
        suspended = key("watcher").sessions(user_id="lists-bob", status="suspended")
        assert [session["session_ref"] for session in suspended] == [refs[1]]
        # No token, and no context, which may be anything.
        assert set(found[0]) == {
            "session_ref", "user_id", "tenant_id", "session_type", "status", "created_at", "expires_at"
        }  # fmt: skip

    def test_a_tenants_key_sees_its_own(self, gateway, key):
        gateway.api.create_session("of-two", context={"tenant_id": "acme"})
        gateway.api.create_session("of-two", context={"tenant_id": "other"})
        assert [session["tenant_id"] for session in key("acme").sessions(user_id="of-two")] == ["acme"]

    def test_a_session_is_suspended_by_its_public_reference(self, gateway, key):
        session = gateway.new_session(user_id="lists-eve")
        client = gateway.connect(session)
        (listed,) = key("watcher").sessions(user_id="lists-eve")
        named = f"ref:{listed['session_ref']}"
        changed = key("keeper").patch_session(named, status="suspended")
        assert changed["status"] == "suspended" and "session_id" not in changed
        assert closed_with(client) == 4003
        assert key("keeper").session(named)["user_id"] == "lists-eve"
        assert key("keeper").patch_session(named, status="active")["status"] == "active"
        key("keeper").delete_session(named)
        assert gateway.api.session(session)["status"] == "inactive"
        assert_refused(key("acme").get(f"{SESSIONS}/{named}"), 404)
        assert_refused(key("keeper").get(f"{SESSIONS}/ref:nobody"), 404)
        # The reference alone is no token, and no id either.
        assert_refused(key("keeper").get(f"{SESSIONS}/{listed['session_ref']}"), 404)


class TestDisconnect:
    @pytest.mark.parametrize("code", [None, 1012, 4009, 4010])
    def test_a_connection_is_closed_with_the_code_that_is_chosen(self, gateway, key, code):
        client = gateway.connect()
        body = {} if code is None else {"code": code}
        answer = key("keeper").post(f"{POST_OFFICE}/connections/{client.connection_id}/disconnect", body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "success": True, "connection_id": client.connection_id, "status": "closing", "closing": 1, "code": code or 1012
        }  # fmt: skip
        assert closed_with(client) == (code or 1012)
        assert gateway.api.connection_record(client.connection_id).status_code == 404

    def test_without_a_body_clients_may_come_back(self, gateway, key):
        client = gateway.connect()
        path = f"{POST_OFFICE}/connections/{client.connection_id}/disconnect"
        assert key("keeper").request("POST", path).json()["code"] == 1012
        assert closed_with(client) == 1012

    @pytest.mark.parametrize("by", ["user_id", "session_id", "session_ref"])
    def test_all_of_a_user_or_a_session(self, gateway, key, by):
        user = f"kicked-by-{by}"
        session = gateway.new_session(user_id=user)
        targets = {"user_id": user, "session_id": session, "session_ref": gateway.api.session(session)["session_ref"]}
        clients = [gateway.connect(session) for _ in range(3)]
        assert key("keeper").disconnect(**{by: targets[by]})["closing"] == 3
        assert [closed_with(client) for client in clients] == [1012] * 3
        # The session goes on: they may come back.
        assert gateway.connect(session).welcome

    @pytest.mark.parametrize("code", [1000, 1008, 4001, 4003, "4010"])
    def test_no_other_code(self, gateway, key, code):
        client = gateway.connect()
        answer = key("keeper").post(f"{POST_OFFICE}/connections/{client.connection_id}/disconnect", {"code": code})
        assert "code must be" in assert_refused(answer, 400)["error"]
        client.assert_silent()

    def test_a_tenants_key_reaches_its_own_alone(self, gateway, key):
        other = gateway.connect(gateway.new_session(user_id="foreign", context={"tenant_id": "other"}))
        path = f"{POST_OFFICE}/connections/{other.connection_id}/disconnect"
        assert_refused(key("acme").post(path, {}), 404)
        assert_refused(key("acme").post(f"{POST_OFFICE}/disconnect", {"user_id": "foreign"}), 404)
        other.assert_silent()

    def test_it_needs_the_scope_sessions(self, gateway, key):
        assert_refused(key("watcher").post(f"{POST_OFFICE}/disconnect", {"user_id": "ada"}), 403)


def test_an_instance_tells_of_itself(gateway, key):
    client = gateway.connect()
    client.say("pillar:business_outcomes", id=1)
    agent = gateway.subscribe("guide")
    eventually(lambda: key("watcher").instances()[gateway.instance_id]["channels"]["guide"]["agents"] == 1)
    eventually(lambda: key("watcher").instances()[gateway.instance_id]["connections"] >= 1)
    one = key("watcher").instances()[gateway.instance_id]
    assert one["status"] == "ready" and re.fullmatch(r"\d+\.\d+\.\d+", one["version"])
    assert one["memory_bytes"] > 1_000_000
    eventually(lambda: key("watcher").instances()[gateway.instance_id]["channels"]["pillar:business_outcomes"]["waiting"] == 1)
    agent.close()
    client.close()
    eventually(lambda: key("watcher").instances()[gateway.instance_id]["closes_total"].get("1000", 0) >= 1)


class TestAudit:
    """One line `api_call` for each call that changes something for others."""

    @staticmethod
    def lines(gateway):
        return [
            dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line)) for line in gateway.log_lines if " api_call " in line
        ]

    def expect(self, gateway, **fields):
        return eventually(lambda: [line for line in self.lines(gateway) if fields.items() <= line.items()])[-1]

    def test_sessions(self, gateway, key):
        session = key("keeper").create_session("audited")["session_id"]
        ref = gateway.api.session(session)["session_ref"]
        whom = f"session:{ref}"
        keeper = {"key": "keeper", "whom": whom, "result": "ok", "address": "127.0.0.1"}
        self.expect(gateway, what="session.create", **keeper)
        key("keeper").patch_session(session, status="suspended")
        self.expect(gateway, what="session.suspend", **keeper)
        key("keeper").patch_session(f"ref:{ref}", status="active")
        self.expect(gateway, what="session.resume", **keeper)
        key("keeper").patch_session(session, ttl_seconds=60)
        self.expect(gateway, what="session.update", **keeper)
        key("keeper").delete_session(session)
        self.expect(gateway, what="session.end", **keeper)
        assert_refused(key("keeper").patch(f"{SESSIONS}/{session}", {"status": "active"}), 409)
        self.expect(gateway, what="session.resume", key="keeper", whom="session", result="failed_precondition")
        assert session not in gateway.log_text

    def test_disconnects(self, gateway, key):
        client = gateway.connect(gateway.new_session(user_id="audited-ada"))
        gateway.api.disconnect(user_id="audited-ada")
        self.expect(gateway, what="connection.disconnect", key="root", whom="user:audited-ada", result="ok")
        path = f"{POST_OFFICE}/connections/{client.connection_id}/disconnect"
        eventually(lambda: key("keeper").post(path, {}).status_code == 404)
        self.expect(gateway, key="keeper", whom=f"connection:{client.connection_id}", result="not_found")

    def test_runs(self, gateway):
        run = Run.create(gateway.api)
        gateway.api.post(f"{RUNS}/{run.run_id}/claim", {"producer": "another", "force": True})
        self.expect(gateway, what="run.take", key="root", whom=f"run:{run.run_id}", result="ok")
        gateway.api.post(f"{RUNS}/{run.run_id}/cancel", {})
        self.expect(gateway, what="run.cancel", whom=f"run:{run.run_id}", result="ok")
        gateway.api.delete(f"{RUNS}/{run.run_id}")
        self.expect(gateway, what="run.delete", whom=f"run:{run.run_id}", result="ok")
        gateway.api.delete(f"{RUNS}/{run.run_id}")
        self.expect(gateway, what="run.delete", whom=f"run:{run.run_id}", result="run_not_found")

    def test_a_name_that_is_none_fills_no_log(self, gateway, key):
        assert_refused(key("keeper").post(f"{POST_OFFICE}/connections/ws_{'0' * 5000}/disconnect", {}), 404)
        cut = f'"connection:ws_{"0" * 286}...(cut, of 5014 bytes)"'
        self.expect(gateway, what="connection.disconnect", key="keeper", result="not_found", whom=cut)

    def test_what_has_no_form_changes_nothing_and_leaves_none(self, gateway, key):
        assert_refused(key("keeper").post(SESSIONS, {"user_id": "no name"}), 400)
        key("keeper").create_session("a-name")
        self.expect(gateway, what="session.create", result="ok")
        assert "no name" not in gateway.log_text

    def test_none_is_left_out_however_many_there_are(self, gateway, key):
        for n in range(60):
            key("keeper").create_session(f"one-of-many-{n}")
        eventually(lambda: sum(line["what"] == "session.create" for line in self.lines(gateway)) >= 60)
        assert "log_lines_left_out" not in gateway.log_text

    def test_looking_is_no_change(self, gateway, key):
        before = len(self.lines(gateway))
        key("watcher").connections()
        key("watcher").sessions()
        gateway.api.send({"n": 1}, connection_id=gateway.connect().connection_id)
        gateway.api.disconnect(connection_id=gateway.connect().connection_id)
        eventually(lambda: len(self.lines(gateway)) > before)
        assert {line["what"] for line in self.lines(gateway)[before:]} <= {"connection.disconnect", "session.create"}
