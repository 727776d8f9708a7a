"""What was acknowledged arrives, whatever happens between: Redis stops, lines are cut and stall, instances die, agents are late.

Each of the agents that were there has to have everything; what a client was not told, or was refused, is nobody's loss.
"""

import contextlib

import pytest

from support.acked import Books, StreamAgent, Traffic
from support.cluster import KEY
from support.crowd import quiet_agent
from support.redis_server import RedisServer
from support.tcp_proxy import sent
from support.wait import eventually

STREAM = ("--inbox", "stream", "--max-connections-per-user", "0")
# What a killed instance could not give to Redis yet is lost with it, and was never `published`.
KILLED = ("queued",)
pytestmark = [pytest.mark.slow(30), pytest.mark.timeout(600)]


@pytest.fixture
def redis():
    """One that has on disk what it answered."""
    with RedisServer("--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


@pytest.fixture
def cluster(proxied):
    return proxied


@pytest.fixture
def gateways(cluster):
    return [cluster.start(*STREAM) for _ in range(2)]


@pytest.fixture
def books():
    return Books()


@contextlib.contextmanager
def plain_agent(books, gateways):
    """One event stream, at the second gateway."""
    with StreamAgent(books, "plain", [gateways[1].url], KEY):
        yield "plain"


@contextlib.contextmanager
def group(books, gateways):
    """Two members, one at each gateway."""
    with contextlib.ExitStack() as stack:
        for gateway in gateways:
            stack.enter_context(StreamAgent(books, "group", [gateway.url], KEY, group="workers"))
        yield "group"


@pytest.fixture(params=[plain_agent, group], ids=lambda param: param.__name__)
def agent(request, books, gateways):
    """The name of agents that are there from the start."""
    with request.param(books, gateways) as name:
        yield name


def settle(traffic, books, agent, *, excused=()):
    """All that was sent is answered, and all that was taken is there."""
    traffic.stop(60)
    books.wait_for_all(agent, excused=excused)
    report = books.assert_right(in_order=agent != "group")  # its members are read side by side
    assert report.taken > 50, "there was traffic"


class TestRedis:
    def test_stopped_for_five_seconds(self, gateways, redis, books, agent):
        with Traffic(books, gateways) as traffic:
            traffic.run_for(2)
            redis.stop_process()
            try:
                traffic.run_for(5)
            finally:
                redis.continue_process()
            traffic.run_for(3)
            settle(traffic, books, agent)

    def test_killed_again_and_again_with_all_it_had_on_disk(self, gateways, redis, books, agent):
        with Traffic(books, gateways) as traffic:
            for _ in range(4):
                traffic.run_for(1)
                redis.kill()
                redis.start()
            traffic.run_for(3)
            settle(traffic, books, agent)


class TestTheLineToRedis:
    def test_reset_in_the_middle_of_replies_again_and_again(self, gateways, proxy, books, agent):
        with Traffic(books, gateways) as traffic:
            for _ in range(12):
                traffic.run_for(0.5)
                proxy.set("down", bandwidth=2000)
                traffic.run_for(0.2)
                proxy.cut()
                proxy.clear()
            traffic.run_for(3)
            settle(traffic, books, agent)

    @pytest.mark.parametrize("direction", ["both", "down"])
    def test_stalled_for_seven_seconds(self, gateways, proxy, books, agent, direction):
        with Traffic(books, gateways) as traffic:
            traffic.run_for(2)
            proxy.set(direction, stalled=True)
            traffic.run_for(7)
            proxy.clear()
            traffic.run_for(3)
            settle(traffic, books, agent)

    def test_only_what_is_heard_stalls(self, gateways, proxy, books, agent):
        """Commands go through, and Pub/Sub is silent."""
        with Traffic(books, gateways) as traffic:
            traffic.run_for(1)
            proxy.set("down", stalled=True, only=sent(b"SUBSCRIBE"))
            traffic.run_for(6)
            proxy.clear()
            traffic.run_for(2)
            settle(traffic, books, agent)


class TestInstances:
    def test_one_is_killed_with_its_clients_and_the_agent_is_at_the_other(self, gateways, books):
        with plain_agent(books, gateways) as agent, Traffic(books, gateways) as traffic:
            traffic.run_for(2)
            gateways[0].crash()
            traffic.run_for(5)
            settle(traffic, books, agent, excused=KILLED)

    def test_one_is_killed_with_a_member_of_a_group(self, gateways, books):
        with group(books, gateways) as agent, Traffic(books, gateways) as traffic:
            traffic.run_for(2)
            gateways[0].crash()
            traffic.run_for(5)
            settle(traffic, books, agent, excused=KILLED)

    def test_one_is_killed_with_the_agent_which_goes_on_at_the_other(self, gateways, books):
        urls = [gateway.url for gateway in gateways]
        with StreamAgent(books, "moves", urls, KEY) as agent, Traffic(books, gateways) as traffic:
            traffic.run_for(2)
            gateways[0].crash()
            traffic.run_for(5)
            settle(traffic, books, "moves", excused=KILLED)
            assert agent.gaps == 0

    def test_both_are_replaced_one_after_the_other(self, gateways, cluster, books):
        newer = [cluster.start(*STREAM) for _ in gateways]
        urls = [gateway.url for gateway in (*gateways, *newer)]
        with StreamAgent(books, "moves", urls, KEY), Traffic(books, [*gateways, *newer]) as traffic:
            for gateway in gateways:
                traffic.run_for(2)
                gateway.process.terminate()  # stop() would have its clients leave before
                assert gateway.wait_exit() == 0
            traffic.run_for(3)
            settle(traffic, books, "moves")


class TestAgents:
    def test_one_is_cut_off_again_and_again_and_goes_on_where_it_was(self, gateways, books):
        urls = [gateway.url for gateway in gateways]
        with StreamAgent(books, "resumes", urls, KEY) as agent, Traffic(books, gateways) as traffic:
            for _ in range(10):
                traffic.run_for(0.5)
                agent.cut()
            traffic.run_for(2)
            settle(traffic, books, "resumes")
            assert agent.gaps == 0

    def test_one_of_two_is_away_for_a_while_and_goes_on_where_it_was(self, gateways, books):
        """The other one is there all the time, so nothing waits for anybody."""
        with plain_agent(books, gateways) as there, contextlib.ExitStack() as talk:
            with StreamAgent(books, "resumes", [gateways[0].url], KEY) as agent:
                traffic = talk.enter_context(Traffic(books, gateways))
                traffic.run_for(2)
            traffic.run_for(2)
            with StreamAgent(books, "resumes", [gateways[1].url], KEY, last_id=agent.last_id):
                traffic.run_for(2)
                settle(traffic, books, "resumes")
                books.wait_for_all(there)

    @pytest.mark.parametrize("kind", ["plain", "group", "redis"])
    def test_one_comes_late(self, gateways, redis, books, kind):
        with Traffic(books, gateways) as traffic:
            eventually(lambda: books.taken() > 200, 60, "taken without an agent")
            with late_agent(kind, gateways, redis, books):
                traffic.run_for(3)
                settle(traffic, books, kind)

    @pytest.mark.parametrize("kind", ["plain", "group", "redis"])
    def test_one_comes_when_all_is_quiet(self, gateways, redis, books, kind):
        with Traffic(books, gateways) as traffic:
            eventually(lambda: books.taken() > 200, 60, "taken without an agent")
            traffic.stop(60)
        with late_agent(kind, gateways, redis, books):
            books.wait_for_all(kind)
        books.assert_right()

    def test_a_redis_client_goes_and_comes_back(self, gateways, redis, books):
        """What finds nobody waits; what was on its way when it went is Pub/Sub's to lose, so it goes in a quiet moment."""
        for _ in range(2):
            with contextlib.closing(quiet_agent(redis, books, "guide", name="redis")), Traffic(books, gateways) as traffic:
                traffic.run_for(1)
                traffic.stop(60)
                books.wait_for_all("redis")
            eventually(lambda: nobody_hears(redis), 10)
            with Traffic(books, gateways) as traffic:
                traffic.run_for(1)
                traffic.stop(60)
        with contextlib.closing(quiet_agent(redis, books, "guide", name="redis")):
            books.wait_for_all("redis")
        books.assert_right()


def late_agent(kind, gateways, redis, books):
    if kind == "redis":
        return contextlib.closing(quiet_agent(redis, books, "guide", name=kind))
    return StreamAgent(books, kind, [gateways[1].url], KEY, group="workers" if kind == "group" else None)


def nobody_hears(redis) -> bool:
    with redis.client() as client:
        return client.pubsub_numsub("websocket:guide")[0][1] == 0
