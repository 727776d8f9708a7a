"""One of the two gateways is replaced: its clients are told, and find the other through the proxy."""

import contextlib
import re
import signal

from support.api import POST_OFFICE, Api
from support.client import Client
from support.cluster import KEY
from support.site import site_of
from support.wait import eventually

NO_LIMIT = ("--max-connections-per-user", "0")
LONG_DRAIN = ("--drain-timeout", "30", "--close-timeout", "60")
COUNT = f"{POST_OFFICE}/connection-count"


def handshakes_refused(gateway) -> int:
    """How many it has answered with 503 up to now, by its log: up to a broken one of our own, past the proxy."""

    def logged(status):
        return len(re.findall(rf"handshake_refused.*status={status}", gateway.log_text))

    before = logged(400)
    with contextlib.closing(gateway.peer()) as peer:
        assert peer.upgrade("/ws", drop=["Sec-WebSocket-Key"]).status == 400
    eventually(lambda: logged(400) > before)
    return logged(503)


def come_back(site, token, tries) -> tuple[Client, int]:
    """Connects as a client does that was told to: again after a refusal, at most so often."""
    for tried in range(tries):
        with contextlib.suppress(Exception):
            return site.connect(token), tried
    raise AssertionError(f"refused {tries} times")


def test_clients_of_a_draining_gateway_come_back_to_the_other(kind, record_property):
    with site_of(kind, *NO_LIMIT, "--drain-timeout", "3") as site, contextlib.ExitStack() as stack:
        leaving, staying = site.gateways
        tokens = [site.new_session(f"user-{n}") for n in range(12)]
        clients = {token: site.connect(token) for token in tokens}
        on_leaving = [token for token in tokens if clients[token].welcome["instance_id"] == leaving.instance_id]
        assert 0 < len(on_leaving) < len(tokens)
        leaving.process.send_signal(signal.SIGTERM)
        refusals = 0
        for token in on_leaving:
            assert clients[token].receive()["event"] == "draining"
        for token in on_leaving:
            assert clients[token].closed()[0] == 1012
            clients[token], refused = come_back(site, token, 1 + kind.refusals_max)
            refusals += refused
        record_property("refused handshakes", refusals)
        for token in tokens:
            stack.callback(clients[token].close)
            clients[token].assert_silent()
        assert {clients[token].welcome["instance_id"] for token in on_leaving} == {staying.instance_id}
        assert leaving.wait_exit() == 0
        # With one gone for good nothing is different for anybody.
        with contextlib.closing(Api(site.proxy.url, KEY)) as api:
            assert [api.get(COUNT).status_code for _ in range(20)] == [200] * 20
        late = [come_back(site, token, 1) for token in tokens]
        for client, _ in late:
            client.close()


def test_a_draining_gateway_gets_no_new_client(kind):
    """While its health says 503; a client that never answers its close holds its drain open, and it has the fewest."""
    with (
        site_of(kind, *NO_LIMIT, *LONG_DRAIN, "--shards", "1", "--log-level", "debug") as site,
        contextlib.closing(first_on(site, site.gateways[0])) as held,
        contextlib.ExitStack() as stack,
    ):
        leaving, staying = site.gateways
        for _ in range(3):
            stack.callback(first_on(site, staying).close)
        leaving.raw_connect().welcome()
        leaving.process.send_signal(signal.SIGTERM)
        assert held.receive()["event"] == "draining"
        token = staying.new_session()

        def nobody_asks_it():
            before = handshakes_refused(leaving)
            for _ in range(6):
                client, _ = come_back(site, token, 1 + kind.refusals_max)
                assert client.welcome["instance_id"] == staying.instance_id
                client.close()
            return handshakes_refused(leaving) == before

        eventually(nobody_asks_it, 15, "the proxy has taken it out")
        leaving.crash()


def first_on(site, gateway) -> Client:
    """A client on that gateway; those that the proxy gives to the other stay until there is one."""
    with contextlib.ExitStack() as others:

        def connect():
            client = site.connect()
            if client.welcome["instance_id"] == gateway.instance_id:
                return client
            others.callback(client.close)
            return None

        return eventually(connect, 20, "the proxy gives it a client")


def test_a_killed_gateway_costs_its_clients_a_reconnect(kind):
    with site_of(kind, *NO_LIMIT) as site:
        token = site.new_session()
        client = first_on(site, site.gateways[1])
        site.gateways[1].crash()
        with contextlib.suppress(Exception):
            client.closed()
        for _ in range(10):
            again, _ = come_back(site, token, 1 + kind.refusals_max)
            assert again.welcome["instance_id"] == site.gateways[0].instance_id
            again.close()
