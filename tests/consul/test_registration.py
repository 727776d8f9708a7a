"""What Consul holds of an instance, and how that stays true."""

import httpx

from support.api import Api
from support.cluster import Cluster
from support.consul_server import ConsulServer
from support.gateway import Gateway, run_to_exit
from support.redis_server import RedisServer
from support.wait import eventually


def start(gateway_factory, consul, *flags, **options) -> Gateway:
    gateway = gateway_factory("--consul-url", consul.url, *flags, **options)
    eventually(lambda: gateway.instance_id in consul.passing())
    return gateway


def dependency(gateway):
    return gateway.api.get("/health/websocket-gateway/detailed").json()["dependencies"]["consul"]["status"]


def registered(gateway):
    return "gateway_consul_registered 1\n" in gateway.api.get("/metrics").text


def test_registers_what_others_need(consul, gateway_factory):
    gateway = start(gateway_factory, consul, "--consul-tags", "eu,traefik.http.routers.ws.rule=Path(`/ws`)")
    service = consul.services()[gateway.instance_id]
    assert service["Service"] == "websocket-gateway"
    assert (service["Address"], service["Port"]) == gateway.address
    assert service["Tags"] == ["eu", "traefik.http.routers.ws.rule=Path(`/ws`)"]
    assert service["Meta"]["engine"] == "memory"
    assert service["Meta"]["scheme"] == "ws"
    assert service["Meta"]["version"]
    check = consul.check(gateway.instance_id)
    assert (check["Type"], check["Interval"]) == ("http", "10s")
    assert registered(gateway)
    assert dependency(gateway) == "up"


def test_consul_reaches_the_check(consul, gateway_factory):
    gateway = start(gateway_factory, consul)

    def made():
        check = consul.check(gateway.instance_id)
        return check["Status"] == "passing" and "200 OK" in check["Output"]

    eventually(made, 40, "Consul has made the check itself")


def test_a_wrong_advertised_address_is_said(consul, gateway_factory):
    gateway = gateway_factory("--consul-url", consul.url, "--advertise", "127.0.0.1:1")
    eventually(lambda: gateway.instance_id in consul.services())
    assert consul.services()[gateway.instance_id]["Port"] == 1
    eventually(lambda: "consul_check_failing" in gateway.log_text, 40)


def test_comes_back_when_it_was_deregistered(consul, gateway_factory):
    gateway = start(gateway_factory, consul)
    consul.deregister(gateway.instance_id)
    eventually(lambda: gateway.instance_id in consul.passing())
    eventually(lambda: "reason=forgotten" in gateway.log_text)


def test_sets_right_what_was_changed(consul, gateway_factory):
    gateway = start(gateway_factory, consul)
    other = {"ID": gateway.instance_id, "Name": "websocket-gateway", "Address": "10.9.9.9", "Port": 9}
    consul.request("PUT", "/v1/agent/service/register", json=other).raise_for_status()
    eventually(lambda: consul.services()[gateway.instance_id]["Address"] == gateway.host)


def test_comes_back_when_consul_lost_everything(consul, gateway_factory):
    gateway = start(gateway_factory, consul)
    consul.restart()
    eventually(lambda: gateway.instance_id in consul.passing())


def test_leaves_before_its_clients_are_sent_away(consul, gateway_factory):
    gateway = start(gateway_factory, consul)
    client = gateway.connect()
    gateway.process.terminate()
    assert client.receive()["event"] == "draining"
    assert gateway.instance_id not in consul.services()
    client.close()
    assert gateway.wait_exit() == 0
    log = gateway.log_text
    assert log.index("consul_deregistered") < log.index("drain_began")


def test_killed_it_turns_critical(consul, gateway_factory):
    gateway = start(gateway_factory, consul)
    gateway.kill()
    eventually(lambda: consul.check(gateway.instance_id)["Status"] == "critical", 40)


def test_a_token_is_used_and_never_shown(gateway_factory):
    with ConsulServer(acl=True) as consul:
        rules = 'service_prefix "" { policy = "write" }\nnode_prefix "" { policy = "read" }'
        token = consul.new_token(rules)
        gateway = start(gateway_factory, consul, env={"CONSUL_HTTP_TOKEN": token})
        assert registered(gateway)
        without = gateway_factory("--consul-url", consul.url)
        eventually(lambda: "consul_refused" in without.log_text)
        assert "status=403" in without.log_text or "403" in without.log_text
        assert not registered(without)
        assert token not in gateway.log_text
        shown = run_to_exit("--print-config", "--consul-url", consul.url, env={"GATEWAY_CONSUL_TOKEN": token})
        assert shown.returncode == 0
        assert token not in shown.stdout + shown.stderr


def test_over_tls_only_with_a_trusted_certificate(gateway_factory):
    with ConsulServer(tls=True) as consul:
        trusting = gateway_factory("--consul-url", consul.https_url, "--consul-ca-file", consul.ca_file)
        eventually(lambda: trusting.instance_id in consul.passing())
        wary = gateway_factory("--consul-url", consul.https_url)
        eventually(lambda: "consul_unreachable" in wary.log_text)
        assert "certificate" in wary.log_text
        assert not registered(wary)
        assert wary.instance_id not in consul.services()


def test_wrong_settings_stop_the_start():
    for flags, env, named in (
        (("--consul-url", "consul:8500"), {}, "consul-url"),
        (("--consul-service", "a_b"), {}, "consul-service"),
        (("--advertise", "0.0.0.0:80"), {}, "advertise"),
        (("--consul-url", "http://h", "--listen", "0.0.0.0:0"), {"GATEWAY_API_KEY": "k"}, "advertise"),
        ((), {"GATEWAY_CONSUL_TOKEN": "a\r\nX: y"}, "GATEWAY_CONSUL_TOKEN"),
    ):
        result = run_to_exit(*flags, env=env)
        assert result.returncode == 2, flags
        assert named in result.stderr, result.stderr
        assert "X: y" not in result.stderr


def test_the_endpoint_is_a_healthy_instance(consul, gateway_factory):
    gateway = start(gateway_factory, consul)

    def url(host):
        answer = httpx.get(
            gateway.url + "/api/post-office/websocket/endpoint?session_token=t",
            headers={"Host": host, "Authorization": f"Bearer {gateway.api_key}"},
        )
        return answer.json()["websocket_url"]

    eventually(lambda: url("elsewhere.example") == f"{gateway.ws_url}?session_token=t")
    consul.kill()
    eventually(lambda: url("elsewhere.example") == "ws://elsewhere.example/ws?session_token=t")


def test_instances_on_one_redis_are_all_named(consul, gateway_factory):
    with RedisServer() as redis, Cluster(redis) as cluster:
        gateways = [cluster.start("--consul-url", consul.url) for _ in range(2)]
        wanted = {f"{gateway.ws_url}?session_token=t" for gateway in gateways}
        seen = set()

        def all_named():
            api: Api = gateways[0].api
            seen.add(api.get("/api/post-office/websocket/endpoint?session_token=t").json()["websocket_url"])
            return wanted <= seen

        eventually(all_named)
