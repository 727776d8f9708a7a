"""Who may come in at /mcp: pages by Host and Origin, callers by key, and what a key opens."""

import itertools
import json

import pytest

from support.gateway import Gateway
from support.mcp import ENDPOINT, NEWER, OLDER, PUBLISH, SEND, SUBSCRIBE, Mcp

SCOPES = {PUBLISH: "publish", SEND: "send", SUBSCRIBE: "subscribe"}
EVERYTHING = '["publish", "subscribe", "send", "sessions", "registry"]'
KEYS = {name: f"key-of-{name}-0123456789" for name in (*SCOPES.values(), "registry", "content", "acme", "globex")}
ORIGIN = "https://studio.example"
ADDRESSES = itertools.count(1)
ARGUMENTS = {
    ENDPOINT: {"session_token": "t"},
    PUBLISH: {"channel": "guide", "message": {}},
    SEND: {"message": {}, "user_id": "nobody"},
    SUBSCRIBE: {"channel": "guide"},
}


def toml():
    scoped = [
        f'[[api_keys]]\nrealm = "tests"\nkey = "{KEYS[scope]}"\nscopes = ["{scope}"]\n' for scope in (*SCOPES.values(), "registry")
    ]
    bound = [
        f'[[api_keys]]\nrealm = "editors"\nkey = "{KEYS["content"]}"\nscopes = {EVERYTHING}\nchannels = ["pillar:content"]\n',
        *(f'[[api_keys]]\nrealm = "{name}"\nkey = "{KEYS[name]}"\nscopes = {EVERYTHING}\ntenant = "{name}"\n' for name in ("acme", "globex")),
    ]
    return "\n".join([*scoped, *bound])


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "gateway.toml"
    file.write_text(toml())
    flags = ["--config", file, "--trusted-proxy", "127.0.0.0/8", "--allowed-origin", ORIGIN]
    with Gateway(*flags, env={"GATEWAY_API_KEY": "root"}) as gateway:
        yield gateway


@pytest.fixture(params=[NEWER, OLDER])
def with_key(request, gateway, closing):
    """with_key("acme") talks with that key, in each revision; "" is no key."""
    return lambda name: closing(Mcp(gateway, request.param, KEYS.get(name, name)))


@pytest.fixture
def elsewhere():
    """Wrong keys are counted by address: each test that shows one does so from another."""
    return {"X-Forwarded-For": f"198.51.100.{next(ADDRESSES)}"}


class TestSite:
    """A page that a developer visits must not talk to the gateway on the developer's machine."""

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://studio.example", f"{ORIGIN}.evil.example", "http://127.0.0.1:1"])
    def test_pages_of_other_origins_are_403(self, mcp, origin):
        rpc = mcp.ask("tools/list", headers={"Origin": origin})
        assert (rpc.status, rpc.code) == (403, 403)
        assert rpc.body["id"] is not None and "result" not in rpc.body

    def test_pages_of_its_own_and_of_allowed_origins_are_served(self, gateway, mcp):
        for origin in (ORIGIN, gateway.url):
            assert mcp.ask("tools/list", headers={"Origin": origin}).result["tools"]

    def test_two_origins_are_none(self, mcp):
        message = mcp.message("tools/list")
        rpc = mcp.post_lines(json.dumps(message), [*mcp.headers(message).items(), ("Origin", ORIGIN), ("Origin", "https://evil.example")])
        assert rpc.status == 403

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]"])
    def test_another_host_on_loopback_is_421(self, mcp, host):
        """A name of the attacker's that now leads to 127.0.0.1; its pages' Origin then agrees with the Host."""
        rpc = mcp.ask("tools/list", headers={"Host": host, "Origin": f"http://{host}"})
        assert (rpc.status, rpc.code) == (421, 421)

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:80", "[::1]:8000"])
    def test_names_of_loopback_are_served(self, mcp, host):
        assert mcp.ask("tools/list", headers={"Host": host}).result["tools"]

    def test_behind_a_proxy_the_host_is_the_proxys(self, mcp, elsewhere):
        assert mcp.ask("tools/list", headers={"Host": "gateway.example"} | elsewhere).result["tools"]

    def test_where_it_comes_from_is_looked_at_before_the_key(self, with_key):
        """Else a page could guess keys, and lock others out."""
        rpc = with_key("wrong-key-0123456789").ask("tools/list", headers={"Origin": "https://evil.example"})
        assert rpc.status == 403


class TestKeys:
    @pytest.mark.parametrize(
        "authorization, challenge",
        [
            (None, 'Bearer realm="websocket-gateway"'),
            ("Basic root", 'Bearer realm="websocket-gateway"'),
            ("Bearer", 'Bearer realm="websocket-gateway"'),
            ("Bearer wrong-key", 'Bearer realm="websocket-gateway", error="invalid_token"'),
        ],
    )
    def test_no_key_or_a_wrong_one_is_401(self, with_key, elsewhere, authorization, challenge):
        rpc = with_key("").ask("tools/list", headers=elsewhere | {"Authorization": authorization})
        assert (rpc.status, rpc.code) == (401, 401)
        assert rpc.response.headers["www-authenticate"] == challenge

    def test_a_key_in_the_query_is_none(self, gateway, elsewhere):
        message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        response = gateway.api_with(None).post("/mcp?key=root&api_key=root&access_token=root", message, headers=elsewhere)
        assert response.status_code == 401

    def test_guessing_is_429_and_says_how_long(self, with_key, elsewhere):
        statuses = [with_key(f"guess-{n}").ask("ping", headers=elsewhere).status for n in range(40)]
        assert statuses[:15] == [401] * 15 and statuses[-10:] == [429] * 10, statuses
        rpc = with_key("guess").ask("tools/list", headers=elsewhere)
        assert (rpc.status, rpc.code) == (429, 429)
        assert int(rpc.response.headers["retry-after"]) >= 1
        assert with_key("root").ask("tools/list", headers=elsewhere).result["tools"]

    def test_a_message_that_is_none_is_told_so_with_a_key_alone(self, with_key, elsewhere):
        rpc = with_key("").post(content=b"not json", headers=elsewhere)
        assert rpc.status == 401 and "id" not in rpc.body


class TestScopes:
    @pytest.mark.parametrize("name", [*SCOPES.values(), "registry"])
    def test_a_key_sees_and_may_call_what_its_scope_opens(self, with_key, name):
        mcp = with_key(name)
        mine = [ENDPOINT, *(tool for tool, scope in SCOPES.items() if scope == name)]
        assert sorted(tool["name"] for tool in mcp.ask("tools/list").result["tools"]) == sorted(mine)
        for tool, arguments in ARGUMENTS.items():
            rpc = mcp.call(tool, **arguments)
            if tool in mine:
                assert rpc.result
                continue
            assert (rpc.status, rpc.code) == (403, 403)
            assert SCOPES[tool] in rpc.body["error"]["message"]
            assert rpc.response.headers["www-authenticate"] == (
                f'Bearer realm="websocket-gateway", error="insufficient_scope", scope="{SCOPES[tool]}"'
            )

    def test_channels_of_a_key(self, with_key):
        mcp = with_key("content")
        assert mcp.call(SUBSCRIBE, channel="pillar:content").structured["cursor"]
        assert mcp.call(PUBLISH, channel="pillar:content", message={}).structured
        assert "channel" in mcp.call(SUBSCRIBE, channel="guide").tool_error
        assert "channel" in mcp.call(PUBLISH, channel="guide", message={}).tool_error

    def test_the_realm_of_a_key_is_the_default_and_the_only_one(self, gateway, with_key):
        client = gateway.connect()
        mcp = with_key("publish")
        assert mcp.call(PUBLISH, channel="guide", message={"n": 1}).structured
        assert client.receive() == {"n": 1}
        assert "realm" in mcp.call(PUBLISH, channel="guide", message={}, realm="others").tool_error
        assert "realm" in with_key("root").call(PUBLISH, channel="guide", message={}).tool_error


class TestTenants:
    @pytest.fixture
    def clients(self, gateway):
        return {name: gateway.connect(gateway.new_session(user_id=f"user-of-{name}", context={"tenant_id": name})) for name in ("acme", "globex")}

    def test_a_key_receives_its_tenants_messages_alone(self, clients, with_key):
        agents = {name: with_key(name) for name in clients}
        cursors = {name: agent.poll(max_messages=500)["cursor"] for name, agent in agents.items()}
        for name, client in clients.items():
            client.say("guide", text=f"from {name}")
        for name, agent in agents.items():
            page = agent.poll(cursor=cursors[name], wait_seconds=20)
            assert [envelope["message"]["payload"]["message"] for envelope in page["messages"]] == [f"from {name}"]
            assert page["messages"][0]["tenant_id"] == name

    def test_a_cursor_opens_no_other_tenants_log(self, clients, with_key):
        acme, globex = with_key("acme"), with_key("globex")
        cursor = acme.poll(max_messages=500)["cursor"]
        globex.poll(max_messages=500)
        clients["acme"].say("guide", text="secret")
        assert len(acme.poll(cursor=cursor, wait_seconds=20)["messages"]) == 1
        page = globex.poll(cursor=cursor)
        assert all(envelope["tenant_id"] == "globex" for envelope in page["messages"])
        assert page["gap_reason"] == "unknown_cursor"

    def test_a_key_speaks_to_its_tenants_clients_alone(self, gateway, clients, with_key):
        acme = with_key("acme")
        assert acme.call(PUBLISH, channel="guide", message={"n": 1}).structured
        assert clients["acme"].receive() == {"n": 1}
        other = clients["globex"].connection_id
        assert "no such connection" in acme.call(SEND, connection_id=other, message={}).tool_error
        assert "tenant" in acme.call(PUBLISH, channel="guide", message={}, tenant_id="globex").tool_error
        assert gateway.received_by(clients["globex"]) == []
