"""Every way to say where Redis is, and what a wrong one leads to."""

import json
import signal

import pytest

from support.cluster import Cluster, health, is_ready, seconds_until
from support.gateway import Gateway, run_to_exit
from support.redis_agent import RedisAgent
from support.redis_sentinel import SentinelSet
from support.redis_server import RedisServer
from support.server_process import free_port
from support.tcp_proxy import TcpProxy
from support.wait import eventually

SECRET = "p@ss:w/o?r#d%"  # each of these has a meaning in an address


def assert_works(gateway, redis, closing, prefix="websocket:"):
    agent = closing(RedisAgent(redis, "guide", prefix=prefix))
    client = gateway.connect()
    assert client.say(id="m1")["status"] == "published"
    envelope = agent.next()
    assert agent.answer(envelope, {"n": 1}) == 1
    assert client.receive() == {"n": 1}


def keys_of(redis, database=0):
    with redis.client(db=database) as store:
        return store.keys()


class TestForms:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_host_and_port(self, redis, cluster, closing, host):
        assert_works(cluster.start(url=f"redis://{host}:{redis.port}"), redis, closing)

    def test_a_database(self, redis, cluster, closing):
        gateway = cluster.start(url=redis.url_with(database=3))
        assert_works(gateway, redis, closing, "websocket:@3:")
        assert keys_of(redis) == [] and keys_of(redis, 3)

    def test_the_default_users_password(self, closing):
        with RedisServer(password=SECRET) as redis, Cluster(redis) as cluster:
            gateway = cluster.start()
            assert_works(gateway, redis, closing)
            assert SECRET not in gateway.log_text

    def test_an_acl_user(self, closing):
        rules = f">{SECRET} ~websocket:* &websocket:* +@all -@admin"
        with RedisServer(password="of-the-tests", users={"gate-way": rules}) as redis, Cluster(redis) as cluster:
            gateway = cluster.start(url=redis.url_with(user="gate-way", password=SECRET))
            assert_works(gateway, redis, closing)
            with redis.client() as client:
                ours = [each for each in client.client_list() if each["user"] == "gate-way"]
            assert ours and SECRET not in gateway.log_text

    def test_a_unix_socket_with_a_database(self, redis, cluster, closing):
        gateway = cluster.start(url=redis.unix_url(database=1))
        assert_works(gateway, redis, closing, "websocket:@1:")
        assert keys_of(redis) == [] and keys_of(redis, 1)

    def test_a_unix_socket_with_a_password(self, closing):
        with RedisServer(password=SECRET) as redis, Cluster(redis) as cluster:
            assert_works(cluster.start(url=redis.unix_url()), redis, closing)

    def test_as_a_variable(self, redis, closing):
        environment = {"GATEWAY_ENGINE": "redis", "GATEWAY_REDIS_URL": redis.url}
        with Gateway(env=environment) as gateway:
            eventually(lambda: is_ready(gateway))
            assert_works(gateway, redis, closing)


class TestTls:
    def test_with_the_authority_that_was_named(self, closing):
        with RedisServer(tls=True, password=SECRET) as redis, Cluster(redis) as cluster:
            assert_works(cluster.start("--redis-ca-file", redis.ca_file), redis, closing)

    def test_an_unknown_authority_is_refused(self):
        with RedisServer(tls=True) as redis, Cluster(redis) as cluster:
            gateway = cluster.start_unready()
            eventually(lambda: "certificate" in gateway.log_text, 20)
            assert not is_ready(gateway)

    def test_another_name_than_the_certificates_is_refused(self):
        with RedisServer(tls=True) as redis, Cluster(redis) as cluster:
            # 127.0.0.2 is this machine as well, but not in the certificate.
            with TcpProxy(("127.0.0.1", redis.port), host="127.0.0.2") as proxy:
                url = f"rediss://127.0.0.2:{proxy.port}"
                gateway = cluster.start_unready("--redis-ca-file", redis.ca_file, url=url)
                eventually(lambda: "certificate" in gateway.log_text, 20)
                assert not is_ready(gateway)

    def test_plain_text_to_a_tls_port_is_no_connection_and_no_crash(self):
        with RedisServer(tls=True) as redis, Cluster(redis) as cluster:
            gateway = cluster.start_unready(url=f"redis://127.0.0.1:{redis.port}")
            eventually(lambda: "edis" in gateway.log_text, 20)
            assert not is_ready(gateway)


class TestSentinel:
    @pytest.mark.parametrize("password", [None, "sesame"])
    def test_the_primary_is_found_and_followed(self, closing, record_property, password):
        with SentinelSet(password=password) as sentinels, Cluster(sentinels.servers[0], sentinels.url) as cluster:
            gateway = cluster.start()
            first = sentinels.primary
            assert_works(gateway, first, closing)
            client = gateway.connect()
            first.kill(keep_data=False)
            eventually(lambda: sentinels.primary is not first, 60, "the sentinels chose another")
            seconds = seconds_until(lambda: is_ready(gateway), 30)
            record_property("ready after the failover, s", seconds)
            client.ask({"type": "ping"})
            assert_works(gateway, sentinels.primary, closing)

    def test_sentinels_with_a_password_of_their_own(self, closing):
        with (
            SentinelSet(sentinels=1, password="sesame", sentinel_password="h&sh") as sentinels,
            Cluster(sentinels.servers[0], sentinels.url) as cluster,
        ):
            gateway = cluster.start()
            assert_works(gateway, sentinels.servers[0], closing)
            assert "h&sh" not in gateway.log_text and "h%26sh" not in gateway.log_text
            shut_out = cluster.start_unready(url=sentinels.url_without_sentinel_password)
            eventually(lambda: "NOAUTH" in shut_out.log_text, 20)
            assert "?sentinel_password=" in shut_out.log_text and not is_ready(shut_out)

    def test_a_sentinel_that_is_gone_is_passed_over(self, closing):
        with SentinelSet() as sentinels, Cluster(sentinels.servers[0], sentinels.url) as cluster:
            sentinels.kill_sentinel(0)
            assert_works(cluster.start(), sentinels.servers[0], closing)


class TestWrong:
    @pytest.mark.parametrize(
        "url",
        ["", "127.0.0.1:6379", "http://127.0.0.1", "redis://", "redis://h:x", "redis://h:0", "redis://h:65536",
         "redis://h/x", "redis://h/-1", "redis+unix://", "redis+sentinel://h:1", "redis+sentinel://h:1/", "redis://h/0?x=1",
         "redis://%zz@h", "redis://h:1 x"],
    )  # fmt: skip
    def test_an_address_that_is_none_stops_the_start(self, url):
        done = run_to_exit("--listen", "127.0.0.1:0", "--engine", "redis", "--redis-url", url)
        assert done.returncode == 2 and "redis-url" in done.stderr

    def test_a_wrong_password_is_said_and_not_shown(self):
        with RedisServer(password="right") as redis, Cluster(redis) as cluster:
            gateway = cluster.start_unready(url=redis.url_with(password="wrong-one"))
            eventually(lambda: "WRONGPASS" in gateway.log_text, 20)
            assert not is_ready(gateway) and "wrong-one" not in gateway.log_text
            # Made right, it works without a restart.
            with redis.client() as client:
                client.config_set("requirepass", "wrong-one")
            eventually(lambda: is_ready(gateway), 20)


class TestAnotherKindOfServer:
    """Said for what it is, with what to do."""

    def test_a_cluster(self):
        # Its own port for the bus: the default, 10 000 above the other, is no port where that one is high.
        bus = ("--cluster-port", str(free_port()))
        with RedisServer("--cluster-enabled", "yes", *bus) as redis, Cluster(redis) as cluster:
            gateway = cluster.start_unready()
            eventually(lambda: "a node of a Redis Cluster" in gateway.log_text, 20)
            assert not is_ready(gateway)

    def test_a_sentinel(self):
        with SentinelSet(sentinels=1) as sentinels, Cluster(sentinels.servers[0]) as cluster:
            gateway = cluster.start_unready(url=f"redis://127.0.0.1:{sentinels.sentinel_port}")
            eventually(lambda: "redis+sentinel://" in gateway.log_text, 20)
            assert not is_ready(gateway)

    def test_a_server_that_has_no_room_for_more_clients(self, redis, cluster):
        with redis.client() as client:
            before = client.config_get("maxclients")["maxclients"]
            client.config_set("maxclients", 1)
            gateway = cluster.start_unready()
            eventually(lambda: "max number of clients reached" in gateway.log_text, 20)
            assert "raise its maxclients" in gateway.log_text and not is_ready(gateway)
            client.config_set("maxclients", before)
            eventually(lambda: is_ready(gateway), 20)


class TestNobodyThere:
    def test_it_starts_waits_and_is_ready_when_redis_is(self, redis, cluster, record_property):
        redis.kill()
        gateway = cluster.start_unready()
        status, body = health(gateway)
        assert (status, body["status"]) == (503, "not_ready")
        assert gateway.api.get("/health/live").status_code == 200
        peer = gateway.peer()
        response = peer.upgrade("/ws?session_token=x")
        assert response.status == 503 and response.header("retry-after")
        assert gateway.api.post("/api/traffic-cop/sessions", {"user_id": "ada"}).status_code == 503
        redis.start()
        record_property("ready after Redis came, s", seconds_until(lambda: is_ready(gateway), 20))
        gateway.connect()

    def test_it_can_be_stopped_meanwhile(self, redis, cluster):
        redis.kill()
        gateway = cluster.start_unready()
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.wait_exit(15) == 0

    def test_it_says_ready_only_then(self, redis, cluster):
        redis.kill()
        gateway = cluster.start_unready()
        assert gateway.stdout_lines == []
        redis.start()
        eventually(lambda: gateway.stdout_lines, 20)
        assert json.loads(gateway.stdout_lines[0])["event"] == "ready" and is_ready(gateway)

    def test_it_does_not_try_without_pause(self, cluster):
        port = free_port()
        gateway = cluster.start_unready(url=f"redis://127.0.0.1:{port}")
        before = gateway.cpu_seconds
        lines = len(gateway.log_lines)
        with pytest.raises(AssertionError):
            eventually(lambda: is_ready(gateway), 3, interval=0.1)
        assert gateway.cpu_seconds - before < 0.5
        assert len(gateway.log_lines) - lines < 30, gateway.log_lines[-5:]
