"""What the figures say while an instance dies, and what it costs to ask for them."""

from support.wait import paced

KEYS = """
[[api_keys]]
realm = "acme"
key = "key-of-acme-0123456789"
scopes = ["registry", "sessions"]
tenant = "acme"
"""


def assert_agrees(counts):
    """All are of one moment: each connection has a user, an instance, and is on guide."""
    assert sum(counts["per_user"].values()) == counts["global"], counts
    assert sum(counts["by_gateway"].values()) == counts["global"], counts
    assert counts["by_channel"]["guide"] == counts["global"], counts


def test_all_figures_agree_at_every_moment_after_a_kill(cluster, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text(KEYS)
    dying, living = cluster.start(), cluster.start("--config", keys)
    acme = living.api_with("key-of-acme-0123456789")
    session = living.new_session(user_id="ada", context={"tenant_id": "acme"})
    for _ in range(3):
        dying.connect(session)
    living.connect(living.new_session(user_id="grace", context={"tenant_id": "acme"}))
    dying.crash()
    seen = set()
    # Its lease is not fresh after 3 s, and runs out after 15.
    for _ in paced(0.2, 20):
        for api in (living.api, acme):
            counts = api.connection_count()
            assert_agrees(counts)
            seen.add(counts["global"])
        health = living.api.get("/health/websocket-gateway").json()["connections"]
        assert sum(health["by_gateway"].values()) == health["global"] == health["by_channel"]["guide"], health
    assert seen == {4, 1}
    assert living.api.connection_count()["per_user"] == {"grace": 1}


def test_looking_costs_redis_few_commands(cluster, redis):
    here, there = cluster.start(), cluster.start()
    clients = [there.connect(there.new_session(user_id=f"user-{n}")) for n in range(200)]
    with redis.monitor() as monitor:
        assert len(here.api.connection_count()["per_user"]) == 200
        assert set(here.api.channel_connections("guide")) == {client.connection_id for client in clients}
        asked = [command for command in monitor.commands() if command.client != "lua"]
    # A renewal of the leases, probes and the like go on meanwhile.
    assert len(asked) < 40, [command.name for command in asked]
