"""A whole site: a Redis, two gateways on it, and a proxy in front of them."""

import contextlib

from support.client import Client
from support.cluster import Cluster
from support.redis_server import RedisServer
from support.reverse_proxy import FRONT

# The proxy, and who stands before it: neither is the client.
TRUSTED = ("--trusted-proxy", "127.0.0.1", "--trusted-proxy", FRONT)


class Site:
    def __init__(self, cluster, gateways, proxy):
        self.cluster = cluster
        self.gateways = gateways
        self.proxy = proxy

    @property
    def api(self):
        """The service API of the first gateway, past the proxy."""
        return self.gateways[0].api

    def new_session(self, user_id="ada") -> str:
        return self.api.create_session(user_id=user_id)["session_id"]

    def connect(self, token=None, **options) -> Client:
        """A welcomed client, through the proxy; its owner closes it."""
        return Client.open(self.proxy.ws_url, token or self.new_session(), **options)


@contextlib.contextmanager
def site_of(kind, *flags, trusted=TRUSTED, **options):
    """`kind` of proxy with `options`, and `flags` for each gateway."""
    with RedisServer() as redis, Cluster(redis) as cluster:
        gateways = [cluster.start(*trusted, *flags) for _ in range(2)]
        with kind([gateway.address for gateway in gateways], **options) as proxy:
            yield Site(cluster, gateways, proxy)
