"""Whose webhooks a key may make and see, and what their answers may do."""

import pytest

from support.api import assert_refused
from support.gateway import Gateway
from support.hook_server import SUBSCRIBE, SUBSCRIPTIONS, HookServer, subscribe, whole_json
from support.runs import RUNS
from support.wait import eventually

KEYS = {
    "shop": 'realm = "shop"\nscopes = ["subscribe"]',
    "bank": 'realm = "bank"\nscopes = ["subscribe", "send", "runs"]',
    "content": 'realm = "shop"\nscopes = ["subscribe"]\nchannels = ["pillar:content"]',
    "acme": 'realm = "shop"\nscopes = ["subscribe", "send", "runs"]\ntenant = "acme"',
    "publisher": 'realm = "shop"\nscopes = ["publish"]',
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "gateway.toml"
    entries = [f'[[api_keys]]\nname = "{name}"\nkey = "key-of-{name}-0123456789"\n{entry}\n' for name, entry in KEYS.items()]
    file.write_text("\n".join(['webhook_hosts = ["127.0.0.1"]', *entries]))
    with Gateway("--config", file, env={"GATEWAY_API_KEY": "root-0123456789abcdef"}) as started:
        yield started


@pytest.fixture
def keys(gateway):
    return {name: gateway.api_with(f"key-of-{name}-0123456789") for name in KEYS}


@pytest.fixture
def hook():
    with HookServer() as server:
        yield server


def wanted(hook, **fields):
    return {"channel": "guide", "callback": hook.url(), "realm": "shop"} | fields


def test_a_key_makes_what_it_grants(keys, hook):
    assert_refused(keys["publisher"].post(SUBSCRIBE, wanted(hook)), 403)
    assert_refused(keys["publisher"].get(SUBSCRIPTIONS), 403)
    assert_refused(keys["bank"].post(SUBSCRIBE, wanted(hook)), 403)
    assert_refused(keys["content"].post(SUBSCRIBE, wanted(hook)), 403)
    assert_refused(keys["acme"].post(SUBSCRIBE, wanted(hook, tenant_id="other")), 403)


def test_a_key_sees_those_of_its_realm_tenant_and_channels(gateway, keys, hook):
    made = {
        "shop": subscribe(keys["shop"], hook),
        "bank": subscribe(keys["bank"], hook, realm="bank"),
        "content": subscribe(keys["content"], hook, "pillar:content"),
        "acme": subscribe(keys["acme"], hook),
    }
    assert made["acme"]["tenant_id"] == "acme"
    ids = {name: one["subscription_id"] for name, one in made.items()}
    for name, sees in {"shop": {"shop", "content", "acme"}, "bank": {"bank"}, "content": {"content"}, "acme": {"acme"}}.items():
        listed = keys[name].get(SUBSCRIPTIONS).json()["subscriptions"]
        assert {one["subscription_id"] for one in listed} == {ids[other] for other in sees}
        for other in ids:
            path = f"{SUBSCRIBE}/{ids[other]}"
            assert keys[name].get(path).status_code == (200 if other in sees else 404)
            if other not in sees:
                assert_refused(keys[name].delete(path), 404)
                assert_refused(keys[name].post(f"{path}/secret", {}), 404)
    for one in ids.values():
        assert gateway.api.delete(f"{SUBSCRIBE}/{one}").status_code == 200


def test_a_tenants_gets_its_messages_alone(gateway, keys, hook):
    made = subscribe(keys["acme"], hook)
    other = gateway.connect(gateway.new_session(user_id="eve", context={"tenant_id": "evil"}))
    own = gateway.connect(gateway.new_session(user_id="ada", context={"tenant_id": "acme"}))
    other.say(text="theirs")
    own.say(text="ours")
    assert hook.next().text == "ours"
    assert gateway.api.delete(f"{SUBSCRIBE}/{made['subscription_id']}").status_code == 200
    assert hook.waiting() == 0


def test_answers_do_what_the_key_may_do(gateway, keys, hook):
    hook.answer = whole_json({"message": "hi"})
    made = subscribe(keys["shop"], hook)
    client = gateway.connect()
    client.send({"channel": "guide", "payload": {"message": "q"}, "id": "m1", "run": {}})
    run_id = eventually(lambda: next((m["run_id"] for m in [client.receive()] if m["type"] == "ack"), None))
    client.say()
    for _ in range(2):
        hook.next()
    eventually(lambda: gateway.api.get(f"{SUBSCRIBE}/{made['subscription_id']}").json()["here"]["waiting"] == 0)
    assert gateway.api.get(f"{RUNS}/{run_id}").json()["status"] == "queued"
    received = gateway.received_by(client)
    assert "hi" not in received
    assert gateway.api.delete(f"{SUBSCRIBE}/{made['subscription_id']}").status_code == 200


def test_a_realm_has_room_for_a_hundred(gateway, keys, hook):
    made = [subscribe(keys["bank"], hook, realm="bank", group="same") for _ in range(100)]
    assert_refused(keys["bank"].post(SUBSCRIBE, wanted(hook, realm="bank")), 503)
    subscribe(keys["acme"], hook)
    for one in made:
        assert keys["bank"].delete(f"{SUBSCRIBE}/{one['subscription_id']}").status_code == 200
