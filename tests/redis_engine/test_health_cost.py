"""Anybody may ask for the health, as often as they like: what Redis has to do for it does not depend on them."""

ASKED = 1000


def test_redis_is_asked_a_few_times_however_many_ask(cluster, redis):
    gateway = cluster.start()
    peer = gateway.peer()

    def commands():
        return sum(redis.command_stats().values())

    before = commands()
    for _ in range(ASKED // 50):
        peer.send(f"GET /health/websocket-gateway HTTP/1.1\r\nHost: {peer.host}\r\n\r\n" * 50)
        assert all(peer.response().status == 200 for _ in range(50))
    assert commands() - before < ASKED, "one count is a dozen commands"
