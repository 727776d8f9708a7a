"""Traefik finds the gateways in Consul: they register themselves, with the labels of compose.yaml as tags."""

import contextlib
import signal

import pytest
import yaml

from support.api import Api
from support.cluster import KEY, Cluster
from support.consul_server import ConsulServer
from support.redis_server import RedisServer
from support.reverse_proxy import REPOSITORY
from support.site import TRUSTED, Site
from support.traefik import CatalogTraefik
from support.wait import eventually

# Consul knows each one's own.
PORT_LABEL = "traefik.http.services.gateway.loadBalancer.server.port"


def tags() -> str:
    labels = yaml.safe_load((REPOSITORY / "deploy/compose.yaml").read_text())["services"]["gateway-1"]["labels"]
    assert labels.pop(PORT_LABEL) == "8000"
    return ",".join(f"{name}={content}" for name, content in labels.items())


@pytest.fixture
def site():
    with (
        RedisServer() as redis,
        ConsulServer() as consul,
        Cluster(redis) as cluster,
        CatalogTraefik(consul) as proxy,
    ):
        flags = ("--consul-url", consul.url, "--consul-tags", tags(), "--max-connections-per-user", "0", "--drain-timeout", "30")
        gateways = [cluster.start(*TRUSTED, *flags) for _ in range(2)]
        eventually(lambda: proxy.servers() == {gateway.url for gateway in gateways}, 30, "Traefik knows both")
        yield Site(cluster, gateways, proxy)


def test_gateways_are_found_and_forgotten(site):
    leaving, staying = site.gateways
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(contextlib.closing(site.connect())) for _ in range(6)]
        of_leaving = [client for client in clients if client.welcome["instance_id"] == leaving.instance_id]
        assert 0 < len(of_leaving) < len(clients)
        api = stack.enter_context(contextlib.closing(Api(site.proxy.url, KEY)))
        agent = stack.enter_context(contextlib.closing(api.subscribe("guide")))
        assert clients[0].say(id=1)["status"] == "published"
        assert agent.envelope()["connection_id"] == clients[0].connection_id
        # It leaves Consul first, and Traefik's list with it, while clients are still there: one never answers its close.
        leaving.raw_connect().welcome()
        leaving.process.send_signal(signal.SIGTERM)
        eventually(lambda: site.proxy.servers() == {staying.url}, 15, "Traefik has forgotten it")
        assert leaving.process.poll() is None
        assert all(client.receive()["event"] == "draining" for client in of_leaving)
        for _ in range(6):
            with contextlib.closing(site.connect()) as client:
                assert client.welcome["instance_id"] == staying.instance_id
        leaving.crash()
