"""A running gateway reads its settings again: all that has changed counts from then on, or nothing of it."""

import os
import subprocess
import time

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support.admission import closed_with
from support.api import Api, assert_refused
from support.gateway import REPOSITORY, is_sanitized
from support.process import Process
from support.settings_file import SettingsFile, hang_up
from support.wait import eventually

ROOT = "root-key-0123456789abcdef"
NEXT = "next-key-0123456789abcdef"


@pytest.fixture
def settings(tmp_path):
    return SettingsFile(tmp_path / "gateway.toml", 'session_policy = "optional"\n')


@pytest.fixture
def gateway(gateway_factory, settings):
    return gateway_factory("--config", settings.path, env={"GATEWAY_API_KEY": ROOT})


def taken(response):
    assert response.status_code == 200, response.text
    return response.json()["changed"]


def key_table(key, scopes='["subscribe", "publish"]', realm="r", more=""):
    return f'[[api_keys]]\nkey = "{key}"\nrealm = "{realm}"\nscopes = {scopes}\n{more}'


def lets_in(gateway, origin):
    peer = gateway.peer()
    status = peer.upgrade("/ws", [("Origin", origin)]).status
    peer.close()
    assert status in (101, 403)
    return status == 101


class TestWhatCounts:
    def test_a_signal_is_enough(self, gateway, settings):
        assert not lets_in(gateway, "https://new.example")
        settings.write('session_policy = "optional"\nallowed_origin = ["https://new.example"]\n')
        hang_up(gateway)
        eventually(lambda: "reloaded changed=allowed-origin" in gateway.log_text)
        eventually(lambda: lets_in(gateway, "https://new.example"))
        assert "told_to_reload signal=SIGHUP" in gateway.log_text

    def test_an_origin_that_went_is_refused_on_the_api_too(self, gateway, settings):
        page = {"Origin": "https://app.example"}
        ask = lambda: gateway.api.get("/api/post-office/websocket/instances", headers=page).status_code  # noqa: E731
        assert ask() == 403
        assert taken(settings.reload(gateway, 'session_policy = "optional"\nallowed_origin = ["https://app.example"]')) == ["allowed-origin"]
        assert ask() == 200
        taken(settings.reload(gateway, 'session_policy = "optional"'))
        assert ask() == 403
        eventually(lambda: not lets_in(gateway, "https://app.example"))

    def test_whoever_is_connected_stays(self, gateway, settings):
        client = gateway.connect()
        agent = gateway.subscribe("guide")
        taken(settings.reload(gateway, 'session_policy = "required"\nmessage_rate = 5'))
        client.say(text="still here")
        assert agent.envelope()["message"]["payload"]["message"] == "still here"
        eventually(lambda: closed_with(gateway) == 4001)

    def test_a_rate_counts_for_those_who_are_connected(self, gateway, settings):
        client = gateway.connect()
        assert client.say(id="before")["type"] == "ack"
        taken(settings.reload(gateway, 'session_policy = "optional"\nmessage_rate = 1\nmessage_burst = 1\nrate_action = "close"'))

        def is_limited():
            return client.say(id=os.urandom(4).hex()).get("code") == "rate_limited"

        eventually(is_limited)

    def test_a_bound_of_connections(self, gateway, settings):
        client = gateway.connect()
        taken(settings.reload(gateway, 'session_policy = "optional"\nmax_connections = 1'))
        eventually(lambda: closed_with(gateway) == 4005)
        taken(settings.reload(gateway, 'session_policy = "optional"'))
        assert closed_with(gateway) is None
        client.assert_silent()

    def test_rights_of_those_without_a_session(self, gateway, settings):
        client = gateway.connect("")
        assert client.say(channel="pillar:content", id="may")["type"] == "ack"
        taken(settings.reload(gateway, 'session_policy = "optional"\nanonymous_channels = ["guide"]'))

        def is_refused():
            return client.say(channel="pillar:content", id=os.urandom(4).hex()).get("code") == "forbidden_channel"

        eventually(is_refused)

    def test_what_is_logged(self, gateway, settings):
        gateway.connect()
        assert "connection_opened" not in gateway.log_text
        assert taken(settings.reload(gateway, 'session_policy = "optional"\nlog_level = "debug"')) == ["log-level"]
        gateway.connect()
        eventually(lambda: "connection_opened" in gateway.log_text)


class TestChannels:
    FIVE = '"guide", "pillar:content", "pillar:insights", "pillar:operations", "pillar:business_outcomes"'

    def test_one_is_added(self, gateway, settings):
        client = gateway.connect()
        assert client.say(channel="sales", id="1")["code"] == "unknown_channel"
        # Wherever it stands in the list.
        assert taken(settings.reload(gateway, f'session_policy = "optional"\nchannels = ["sales", {self.FIVE}]')) == ["channels"]
        agent = gateway.subscribe("sales")
        assert client.say(channel="sales", id="2", text="of the new one")["type"] == "ack"
        assert agent.envelope()["message"]["payload"]["message"] == "of the new one"
        gateway.api.publish("sales", {"n": 1})
        assert client.receive() == {"n": 1}
        assert "sales" in gateway.api.get("/openapi.json").text
        assert gateway.api.channel_connections("sales")

    def test_a_key_may_be_for_it(self, gateway, settings):
        text = f'session_policy = "optional"\nchannels = [{self.FIVE}, "sales"]\n' + key_table(NEXT, more='channels = ["sales"]')
        assert taken(settings.reload(gateway, text)) == ["channels", "api_keys"]
        api = Api(gateway.url, NEXT)
        assert api.post("/api/post-office/websocket/channels/sales/publish", {"message": {}, "source": "s", "realm": "r"}).status_code != 403
        agent = gateway.api_with(NEXT).subscribe("sales")
        gateway.connect().say(channel="sales", text="for sales")
        assert agent.envelope()["message"]["payload"]["message"] == "for sales"

    def test_none_is_taken_away(self, gateway, settings):
        refused = settings.reload(gateway, 'session_policy = "optional"\nchannels = ["guide", "sales"]\nmessage_rate = 1')
        assert_refused(refused, 409, "failed_precondition")
        assert "channels: pillar:content is taken away, which needs a restart" in refused.json()["problems"]
        client = gateway.connect()
        assert client.say(channel="sales", id="1")["code"] == "unknown_channel"


class TestKeys:
    def test_one_that_went_is_nobodys_and_its_streams_end(self, gateway, settings):
        taken(settings.reload(gateway, 'session_policy = "optional"\n' + key_table(NEXT)))
        gone, stays = gateway.api_with(NEXT).subscribe("guide"), gateway.subscribe("guide")
        assert taken(settings.reload(gateway, 'session_policy = "optional"\n')) == ["api_keys"]
        gone.ended()
        assert gateway.api_with(NEXT).get("/api/post-office/websocket/channels/guide/connections").status_code == 401
        gateway.connect().say(text="to whoever may hear it")
        assert stays.envelope()["message"]["payload"]["message"] == "to whoever may hear it"

    def test_one_that_stays_keeps_its_streams(self, gateway, settings):
        taken(settings.reload(gateway, 'session_policy = "optional"\n' + key_table(NEXT)))
        agent = gateway.api_with(NEXT).subscribe("guide")
        taken(settings.reload(gateway, 'session_policy = "optional"\n' + key_table(NEXT) + key_table("another-key-0123456789")))
        gateway.connect().say(text="heard")
        assert agent.envelope()["message"]["payload"]["message"] == "heard"

    def test_what_it_may_do_is_changed(self, gateway, settings):
        taken(settings.reload(gateway, 'session_policy = "optional"\n' + key_table(NEXT)))
        agent = gateway.api_with(NEXT).subscribe("guide")
        taken(settings.reload(gateway, 'session_policy = "optional"\n' + key_table(NEXT, scopes='["publish"]')))
        agent.ended()
        answer = gateway.api_with(NEXT).get("/api/post-office/websocket/subscribe?channel=guide")
        assert_refused(answer, 403, "permission_denied")

    def test_the_one_of_a_file_takes_the_others_place(self, gateway_factory, tmp_path):
        file = tmp_path / "key"
        file.write_text(f"{ROOT}\n")
        gateway = gateway_factory(env={"GATEWAY_API_KEY_FILE": str(file)})
        old, new = Api(gateway.url, ROOT), Api(gateway.url, NEXT)
        path = "/api/post-office/websocket/instances"
        assert [api.get(path).status_code for api in (old, new)] == [200, 401]
        file.write_text(f"{NEXT}\n{ROOT}\n")
        assert taken(old.post("/api/admin/reload")) == ["GATEWAY_API_KEY"]
        assert [api.get(path).status_code for api in (old, new)] == [200, 200]
        file.write_text(f"{NEXT}\n")
        taken(new.post("/api/admin/reload"))
        assert [api.get(path).status_code for api in (old, new)] == [401, 200]

    def test_the_one_that_was_made_goes_with_the_first_that_is_configured(self, gateway_factory, settings):
        gateway = gateway_factory("--config", settings.path)
        taken(settings.reload(gateway, 'session_policy = "optional"\n' + key_table(NEXT, scopes='["registry", "admin"]')))
        assert gateway.api.get("/api/post-office/websocket/instances").status_code == 401
        settings.write('session_policy = "optional"\n')
        refused = gateway.api_with(NEXT).post("/api/admin/reload")
        assert_refused(refused, 409, "failed_precondition")
        assert "no key is configured any more" in refused.text


class TestJwtKeys:
    @staticmethod
    def write(path):
        key = ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        return jwt.encode({"sub": "ada", "exp": int(time.time()) + 600}, key, "ES256")

    def test_a_files_key_takes_the_others_place(self, gateway_factory, tmp_path):
        file = tmp_path / "issuer.pem"
        before = self.write(file)
        gateway = gateway_factory("--jwt-key", file)
        client = gateway.connect(before)
        after = self.write(file)
        assert closed_with(gateway, after) == 4001
        taken(gateway.api.post("/api/admin/reload"))
        gateway.connect(after)
        assert closed_with(gateway, before) == 4001
        client.assert_silent()


class TestAllOrNothing:
    WRONG = 'session_policy = "optional"\nallowed_origin = ["https://new.example"]\nmessage_rate = "fast"\nmesage_burst = 2\n'

    def test_a_mistake_leaves_all_as_it_was(self, gateway, settings):
        refused = settings.reload(gateway, self.WRONG)
        assert_refused(refused, 409, "failed_precondition")
        problems = refused.json()["problems"]
        assert len(problems) == 2 and any("did you mean message_burst" in problem for problem in problems), problems
        assert refused.json()["error"].startswith("nothing was changed: ")
        assert not lets_in(gateway, "https://new.example")
        eventually(lambda: "reload_refused problems=2" in gateway.log_text)

    def test_it_says_so_to_who_sends_a_signal(self, gateway, settings):
        settings.write(self.WRONG)
        hang_up(gateway)
        eventually(lambda: "reload_refused" in gateway.log_text)
        assert "reload_problem" in gateway.log_text
        assert not lets_in(gateway, "https://new.example")
        gateway.connect()

    def test_what_needs_a_restart_is_named(self, gateway, settings):
        refused = settings.reload(gateway, 'session_policy = "optional"\nallowed_origin = ["https://new.example"]\nshards = 3\ncompression = "on"\n')
        assert_refused(refused, 409, "failed_precondition")
        assert sorted(refused.json()["problems"]) == [f"{name} has changed, which needs a restart" for name in ("compression", "shards")]
        assert not lets_in(gateway, "https://new.example")

    def test_a_file_that_went_is_no_empty_one(self, gateway, settings):
        settings.path.unlink()
        refused = gateway.api.post("/api/admin/reload")
        assert_refused(refused, 409, "failed_precondition")
        assert "No such file" in refused.text
        gateway.connect()

    def test_a_pipe_is_not_waited_for(self, gateway, settings):
        settings.path.unlink()
        os.mkfifo(settings.path)
        refused = gateway.api.post("/api/admin/reload")
        assert_refused(refused, 409, "failed_precondition")
        assert "is no regular file" in refused.text
        gateway.connect()

    def test_nothing_new_is_fine(self, gateway):
        assert taken(gateway.api.post("/api/admin/reload")) == []


class TestWhoMay:
    @pytest.mark.parametrize("scopes, more, status", [
        ('["publish", "subscribe", "send", "sessions", "registry", "runs", "runs:admin"]', "", 403),
        ('["admin"]', 'tenant = "acme"\n', 403),
        ('["admin"]', "", 200),
    ])
    def test_a_key_of_its_scope(self, gateway, settings, scopes, more, status):
        taken(settings.reload(gateway, 'session_policy = "optional"\n' + key_table(NEXT, scopes, more=more)))
        assert gateway.api_with(NEXT).post("/api/admin/reload").status_code == status

    def test_nobody_else(self, gateway):
        assert httpx.post(f"{gateway.url}/api/admin/reload").status_code == 401

    def test_it_stands_in_the_audit_log(self, gateway, settings):
        gateway.api.post("/api/admin/reload")
        eventually(lambda: "api_call key=root what=reload whom=instance result=ok" in gateway.log_text)
        settings.reload(gateway, "nonsense")
        eventually(lambda: "what=reload whom=instance result=failed_precondition" in gateway.log_text)


CONNECTIONS = 1_000 if is_sanitized() else 5_000


@pytest.mark.slow
def test_of_thousands_under_load_none_is_lost_and_no_message(gateway_factory, settings):
    """The load generator ends with an error when a connection is lost or an answer does not come."""
    gateway = gateway_factory("--config", settings.path, "--max-connections-per-user", "0", env={"GATEWAY_API_KEY": ROOT})
    load = REPOSITORY / "build/release/gateway-load"  # whatever the gateway is built with
    assert load.is_file(), f"{load} is missing: build it"
    command = [load, "--url", gateway.url, "--server", "gateway", "--pid", str(gateway.pid), "--time-limit", "100"]
    crowd = Process([*command, "idle", "--connections", str(CONNECTIONS), "--hold", "60", "--settle", "0.5"],
                    env={"GATEWAY_API_KEY": ROOT}, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: gateway.connection_count() == CONNECTIONS, 60, "everybody is connected")
        talkers = [gateway.connect(gateway.new_session(user_id=f"talker-{n}")) for n in range(20)]
        agent = gateway.subscribe("guide")
        expected = set()
        for n in range(30):
            assert len(taken(settings.reload(gateway, f'session_policy = "optional"\nidle_timeout = {400 + n}\n'
                                             f'allowed_origin = ["https://{n}.example"]\nanonymous_channels = ["guide"]'))) >= 2
            for talker in talkers:
                text = os.urandom(8).hex()
                expected.add(text)
                talker.say(text=text)
        heard = [agent.envelope()["message"]["payload"]["message"] for _ in expected]
        assert sorted(heard) == sorted(expected)
        assert gateway.connection_count() == CONNECTIONS + len(talkers)
        assert crowd.is_running
    finally:
        crowd.end()
